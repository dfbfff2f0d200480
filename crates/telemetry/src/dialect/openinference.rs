//! OpenInference, which Arize Phoenix reads. Its names replace those of the GenAI conventions, which Phoenix would only
//! translate to the same; facts under `mainstay.*` stay.

use mainstay_core::trace::{Span, SpanKind, name};
use serde_json::{Map, Value};

use crate::dialect::messages::numbered;
use crate::dialect::{Attributes, Trace, dollars, facts, input_and_output, model_name, plain};

pub(super) fn write_common(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    attributes.text("session.id", trace.text(name::CONVERSATION));
    attributes.text("user.id", trace.text(name::USER));
    attributes.text("agent.name", trace.text(name::AGENT));
}

pub(super) fn write(span: &Span, trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    attributes.text("openinference.span.kind", kind(span.kind));
    for (name, value) in facts(span) {
        let is_ours = name.starts_with("mainstay.") && !name.starts_with(name::METADATA_PREFIX) && name != name::INPUT;
        if is_ours || name == name::ERROR_TYPE {
            attributes.value(name, value);
        }
    }
    let (input, output) = input_and_output(span);
    let is_run = span.kind == SpanKind::Run;
    value("input", input.map(|input| if is_run { plain(input) } else { input }), attributes);
    value("output", output.map(|output| if is_run { plain(output) } else { output }), attributes);
    match span.kind {
        SpanKind::Run => run(trace, attributes),
        SpanKind::Model => model(span, attributes),
        SpanKind::Tool | SpanKind::Retrieval => tool(span, attributes),
        _ => {}
    }
}

const fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Run => "AGENT",
        SpanKind::Model => "LLM",
        SpanKind::Tool => "TOOL",
        SpanKind::Retrieval => "RETRIEVER",
        SpanKind::Guard | SpanKind::Policy | SpanKind::Rules => "GUARDRAIL",
        SpanKind::Validation => "EVALUATOR",
        SpanKind::Screen
        | SpanKind::Cache
        | SpanKind::Route
        | SpanKind::FailedTry
        | SpanKind::ApprovalAsked
        | SpanKind::ApprovalDecided
        | SpanKind::Effect
        | SpanKind::Reply => "CHAIN",
    }
}

fn value(side: &str, value: Option<&Value>, attributes: &mut Attributes<'_>) {
    if let Some(value) = value {
        let kind = if value.is_string() { "text/plain" } else { "application/json" };
        attributes.json(format!("{side}.value"), value);
        attributes.text(format!("{side}.mime_type"), kind);
    }
}

fn run(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    let metadata: Map<String, Value> = trace.metadata().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    if !metadata.is_empty() {
        attributes.json("metadata", &Value::Object(metadata));
    }
    attributes.texts("tag.tags", trace.tags());
}

fn model(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("llm.model_name", model_name(span));
    attributes.text("llm.provider", provider(span.text(name::PROVIDER).unwrap_or_default()));
    if let (Some(input), Some(output)) = (span.count(name::INPUT_TOKENS), span.count(name::OUTPUT_TOKENS)) {
        attributes.count("llm.token_count.prompt", input);
        attributes.count("llm.token_count.completion", output);
        attributes.count("llm.token_count.total", input.saturating_add(output));
    }
    for (name, from) in [("cache_read", name::CACHE_READ_TOKENS), ("cache_write", name::CACHE_WRITE_TOKENS)] {
        if let Some(tokens) = span.count(from) {
            attributes.count(format!("llm.token_count.prompt_details.{name}"), tokens);
        }
    }
    // The journal holds what a call cost as a whole.
    if let Some(dollars) = dollars(span) {
        attributes.number("llm.cost.total", dollars);
    }
    messages("llm.input_messages", span.get(name::INPUT_MESSAGES), attributes);
    messages("llm.output_messages", span.get(name::OUTPUT_MESSAGES), attributes);
}

fn messages(list: &str, messages: Option<&Value>, attributes: &mut Attributes<'_>) {
    for (index, message) in numbered(messages) {
        let prefix = format!("{list}.{index}.message");
        attributes.text(format!("{prefix}.role"), message.role);
        attributes.text(format!("{prefix}.content"), message.text);
        attributes.text(format!("{prefix}.tool_call_id"), message.answers.unwrap_or_default());
        for (at, call) in message.calls.into_iter().enumerate() {
            let prefix = format!("{prefix}.tool_calls.{at}.tool_call");
            attributes.text(format!("{prefix}.id"), call.id);
            attributes.text(format!("{prefix}.function.name"), call.name);
            attributes.text(format!("{prefix}.function.arguments"), call.arguments);
        }
    }
}

fn tool(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("tool.name", span.text(name::TOOL).unwrap_or_default());
    attributes.text("tool.id", span.text(name::TOOL_CALL).unwrap_or_default());
    let documents = span.get(name::RETRIEVAL_DOCUMENTS).and_then(Value::as_array);
    let ids = span.get(name::DOCUMENTS).and_then(Value::as_array).into_iter().flatten();
    for (index, id) in ids.enumerate() {
        let prefix = format!("retrieval.documents.{index}.document");
        attributes.value(format!("{prefix}.id"), id);
        if let Some(content) = documents.and_then(|documents| documents.get(index)?.get("content")) {
            attributes.value(format!("{prefix}.content"), content);
        }
    }
}

/// OpenInference has shorter names for some providers.
fn provider(convention: &str) -> &str {
    match convention {
        "azure.ai.openai" | "azure.ai.inference" => "azure",
        "aws.bedrock" => "aws",
        "gcp.gemini" | "gcp.vertex_ai" | "gcp.gen_ai" => "google",
        "mistral_ai" => "mistralai",
        "x_ai" => "xai",
        other => other,
    }
}
