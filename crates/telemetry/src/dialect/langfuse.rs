//! Langfuse. It types a span by `langfuse.observation.type` before anything else, and takes from each span what belongs
//! to the whole trace, so that stands on every one.

use mainstay_core::trace::{Span, SpanKind, name};
use serde_json::{Value, json};

use crate::dialect::{Attributes, Trace, dollars, facts, input_and_output, model_name, plain};

const METADATA: &str = "langfuse.observation.metadata.";

pub(super) fn write_common(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    attributes.text("langfuse.trace.name", trace.text(name::AGENT));
    attributes.text("session.id", trace.text(name::CONVERSATION));
    attributes.text("user.id", trace.text(name::USER));
    attributes.texts("langfuse.trace.tags", trace.tags());
    attributes.text("langfuse.version", trace.text(name::AGENT_VERSION));
    attributes.text("langfuse.release", trace.resource.service_version.as_str());
    attributes.text("langfuse.environment", trace.resource.environment.as_str());
    attributes.text("langfuse.trace.metadata.run", trace.text(name::RUN));
    attributes.text("langfuse.trace.metadata.tenant", trace.text(name::TENANT));
    let ours = ["run", "tenant"];
    for (name, value) in trace.metadata().filter(|(name, _)| !ours.contains(name)) {
        attributes.value(format!("langfuse.trace.metadata.{name}"), value);
    }
}

pub(super) fn write(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("langfuse.observation.type", kind(span.kind));
    let (input, output) = input_and_output(span);
    let is_run = span.kind == SpanKind::Run;
    for (side, value) in [("input", input), ("output", output)] {
        let Some(value) = value.map(|value| if is_run { plain(value) } else { value }) else { continue };
        attributes.json(format!("langfuse.observation.{side}"), value);
        if is_run {
            attributes.json(format!("langfuse.trace.{side}"), value);
        }
    }
    // Joined to the caller's trace, the run is no root; these two say that it is one all the same, to the old writer
    // and to the new one.
    if is_run && span.parent_id.is_some() {
        attributes.text("langfuse.internal.as_root", "true");
        attributes.flag("langfuse.internal.is_app_root", true);
    }
    for (name, value) in facts(span) {
        match name {
            name::OPERATION
            | name::AGENT
            | name::TOOL
            | name::PROVIDER
            | name::REQUEST_MODEL
            | name::RESPONSE_ID
            | name::FINISH_REASONS => attributes.value(name, value),
            name::ERROR_TYPE => attributes.value(format!("{METADATA}error_type"), value),
            name::INPUT => {}
            _ if name.starts_with(name::METADATA_PREFIX) => {}
            // Only keys without a dot can be filtered by.
            _ => {
                if let Some(fact) = name.strip_prefix("mainstay.") {
                    attributes.value(format!("{METADATA}{}", fact.replace('.', "_")), value);
                }
            }
        }
    }
    if let Some(error) = &span.error {
        attributes.text("langfuse.observation.level", "ERROR");
        attributes.text("langfuse.observation.status_message", error);
    } else if matches!(span.text(name::GUARD_VERDICT), Some("flag" | "mask" | "escalate" | "block" | "error")) {
        attributes.text("langfuse.observation.level", "WARNING");
    }
    if span.kind == SpanKind::Model {
        model(span, attributes);
    }
}

const fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Run => "agent",
        SpanKind::Model => "generation",
        SpanKind::Tool => "tool",
        SpanKind::Retrieval => "retriever",
        SpanKind::Guard | SpanKind::Policy | SpanKind::Rules => "guardrail",
        SpanKind::Validation => "evaluator",
        SpanKind::Screen
        | SpanKind::Cache
        | SpanKind::Route
        | SpanKind::FailedTry
        | SpanKind::ApprovalAsked
        | SpanKind::ApprovalDecided
        | SpanKind::Effect
        | SpanKind::Reply => "span",
    }
}

fn model(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("langfuse.observation.model.name", model_name(span));
    let tokens = |name| span.count(name).unwrap_or(0);
    let (input, output) = (tokens(name::INPUT_TOKENS), tokens(name::OUTPUT_TOKENS));
    let (read, write) = (tokens(name::CACHE_READ_TOKENS), tokens(name::CACHE_WRITE_TOKENS));
    // Langfuse adds the parts up, so the input is what came from no cache.
    let usage: Value = json!({
        "input": input.saturating_sub(read).saturating_sub(write),
        "input_cached_tokens": read,
        "input_cache_creation": write,
        "output": output,
        "total": input.saturating_add(output),
    });
    attributes.json("langfuse.observation.usage_details", &usage);
    if let Some(dollars) = dollars(span) {
        attributes.json("langfuse.observation.cost_details", &json!({"total": dollars}));
    }
}
