//! One span in the words of a backend. A dialect reads spans as the content policy left them and adds nothing of its
//! own.

mod agentops;
mod attributes;
mod langfuse;
mod langsmith;
mod messages;
mod openinference;
mod otel;

use mainstay_core::trace::{Span, SpanKind, name};
use serde_json::Value;

use crate::encode::Resource;

pub(crate) use attributes::Attributes;

/// Which names a destination reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// OpenTelemetry GenAI conventions v1.41, and `mainstay.*` for what they have no word for.
    #[default]
    Otel,
    /// OpenInference, for Arize Phoenix.
    OpenInference,
    /// Langfuse.
    Langfuse,
    /// LangSmith.
    LangSmith,
    /// AgentOps.
    AgentOps,
}

/// What every span of a run may have to say, taken from the run's own span.
pub(crate) struct Trace<'t> {
    pub(crate) run: &'t Span,
    pub(crate) resource: &'t Resource,
}

impl Trace<'_> {
    fn text(&self, name: &str) -> &str {
        self.run.text(name).unwrap_or_default()
    }

    /// The application's notes, by name.
    fn metadata(&self) -> impl Iterator<Item = (&str, &Value)> {
        facts(self.run).filter_map(|(name, value)| Some((name.strip_prefix(name::METADATA_PREFIX)?, value)))
    }

    /// What traces are told apart by.
    fn tags(&self) -> [String; 2] {
        [format!("agent:{}", self.text(name::AGENT)), format!("tenant:{}", self.text(name::TENANT))]
    }
}

impl Dialect {
    /// Writes what stands on every span of the trace.
    pub(crate) fn write_common(self, trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
        match self {
            Self::Otel => otel::write_common(trace, attributes),
            Self::OpenInference => openinference::write_common(trace, attributes),
            Self::Langfuse => langfuse::write_common(trace, attributes),
            Self::LangSmith => langsmith::write_common(trace, attributes),
            Self::AgentOps => agentops::write_common(trace, attributes),
        }
    }

    /// Writes the rest of the span's attributes.
    pub(crate) fn write(self, span: &Span, trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
        match self {
            Self::Otel => otel::write(span, attributes),
            Self::OpenInference => openinference::write(span, trace, attributes),
            Self::Langfuse => langfuse::write(span, attributes),
            Self::LangSmith => langsmith::write(span, trace, attributes),
            Self::AgentOps => agentops::write(span, trace, attributes),
        }
    }

    /// What the dialect says of us besides the conventions' words.
    pub(crate) fn resource(self, resource: &Resource, attributes: &mut Attributes<'_>) {
        let name = match self {
            Self::OpenInference => "openinference.project.name",
            Self::AgentOps => "agentops.project.id",
            Self::Otel | Self::Langfuse | Self::LangSmith => return,
        };
        attributes.text(name, resource.project.as_deref().unwrap_or_default());
    }

    /// The version of the conventions that the names are of, where they are of the conventions.
    pub(crate) fn schema_url(self) -> &'static str {
        match self {
            Self::Otel => name::SCHEMA_URL,
            Self::OpenInference | Self::Langfuse | Self::LangSmith | Self::AgentOps => "",
        }
    }

    /// Whether the backend reads failures from an `exception` event.
    pub(crate) fn reads_exceptions(self) -> bool {
        matches!(self, Self::OpenInference | Self::LangSmith)
    }
}

/// Everything that a span says, sorted by name.
fn facts(span: &Span) -> impl Iterator<Item = (&str, &Value)> {
    span.attributes.iter().map(|(name, value)| (name.as_str(), value))
}

/// What went into a span and what came out of it, for backends that show one of each.
fn input_and_output(span: &Span) -> (Option<&Value>, Option<&Value>) {
    match span.kind {
        SpanKind::Run | SpanKind::Model => (span.get(name::INPUT_MESSAGES), span.get(name::OUTPUT_MESSAGES)),
        SpanKind::Screen => (span.get(name::INPUT), None),
        SpanKind::Tool | SpanKind::ApprovalAsked | SpanKind::ApprovalDecided | SpanKind::Effect => {
            (span.get(name::TOOL_ARGUMENTS), span.get(name::TOOL_RESULT))
        }
        SpanKind::Retrieval => {
            let query = span.get(name::RETRIEVAL_QUERY);
            (query.or_else(|| span.get(name::TOOL_ARGUMENTS)), span.get(name::TOOL_RESULT))
        }
        _ => (None, None),
    }
}

/// The text of a run's only message; the messages themselves where there is more to them.
fn plain(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([message]) => match message.get("parts").and_then(Value::as_array).map(Vec::as_slice) {
            Some([part]) => part.get("content").unwrap_or(value),
            _ => value,
        },
        _ => value,
    }
}

/// The model as its provider names it, for backends that know models by those names; the configured name otherwise.
fn model_name(span: &Span) -> &str {
    [name::RESPONSE_MODEL, name::REQUEST_MODEL].into_iter().find_map(|name| span.text(name)).unwrap_or_default()
}

/// What it cost.
fn dollars(span: &Span) -> Option<f64> {
    span.count(name::COST).map(|micro| micro as f64 / 1e6)
}
