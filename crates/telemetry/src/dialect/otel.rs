//! OpenTelemetry GenAI conventions v1.41: the trace's own names, and on every span what samplers and searches go by.

use mainstay_core::trace::{Span, name};

use crate::dialect::{Attributes, Trace, facts};

const ON_EVERY_SPAN: [&str; 5] = [name::AGENT, name::CONVERSATION, name::RUN, name::TENANT, name::USER];

pub(super) fn write_common(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    for name in ON_EVERY_SPAN {
        if let Some(value) = trace.run.get(name) {
            attributes.value(name, value);
        }
    }
}

pub(super) fn write(span: &Span, attributes: &mut Attributes<'_>) {
    for (name, value) in facts(span).filter(|(name, _)| !ON_EVERY_SPAN.contains(name)) {
        attributes.value(name, value);
    }
}
