//! LangSmith: the GenAI conventions with `gen_ai.system`, and `langsmith.*` where it types, groups and labels.

use mainstay_core::trace::{Span, SpanKind, name};
use serde_json::json;

use crate::dialect::{Attributes, Trace, dollars, facts, input_and_output, model_name, plain};

pub(super) fn write_common(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    attributes.text("langsmith.trace.session_name", trace.resource.project.as_deref().unwrap_or_default());
    // LangSmith makes a thread of what has the same value here, on every span.
    attributes.text("langsmith.metadata.thread_id", trace.text(name::CONVERSATION));
    attributes.text("langsmith.metadata.user_id", trace.text(name::USER));
    attributes.text("langsmith.metadata.run", trace.text(name::RUN));
}

pub(super) fn write(span: &Span, trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    let kind = span.kind;
    attributes.text("langsmith.span.kind", run_type(kind));
    let is_run = kind == SpanKind::Run;
    if is_run {
        attributes.text("langsmith.trace.name", trace.text(name::AGENT));
        attributes.text("langsmith.span.tags", trace.tags().join(", "));
        attributes.text("langsmith.metadata.environment", trace.resource.environment.as_str());
    }
    let ours = ["thread_id", "user_id", "run", "environment"];
    for (name, value) in facts(span) {
        match name.strip_prefix(name::METADATA_PREFIX) {
            Some(note) if ours.contains(&note) => {}
            Some(note) => attributes.value(format!("langsmith.metadata.{note}"), value),
            None if kind != SpanKind::Model && is_shown_below(name) => {}
            None => attributes.value(name, value),
        }
    }
    if kind == SpanKind::Model {
        model(span, attributes);
        return;
    }
    let (input, output) = input_and_output(span);
    for (side, value) in [("input.value", input), ("output.value", output)] {
        if let Some(value) = value.map(|value| if is_run { plain(value) } else { value }) {
            attributes.json(side, value);
        }
    }
    if kind == SpanKind::Retrieval {
        let documents = span.get(name::RETRIEVAL_DOCUMENTS).and_then(serde_json::Value::as_array);
        for (index, document) in documents.into_iter().flatten().enumerate() {
            if let Some(content) = document.get("content") {
                attributes.value(format!("retrieval.documents.{index}.document.content"), content);
            }
        }
    }
}

/// Content that is the input or the output of a span, or a document.
fn is_shown_below(name: &str) -> bool {
    name::is_content(name) && !matches!(name, name::REASON | name::EFFECT_SETTLED)
}

const fn run_type(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Model => "llm",
        SpanKind::Tool => "tool",
        SpanKind::Retrieval => "retriever",
        _ => "chain",
    }
}

fn model(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("gen_ai.system", span.text(name::PROVIDER).unwrap_or_default());
    let tokens = |name| span.count(name).unwrap_or(0);
    attributes
        .count("gen_ai.usage.total_tokens", tokens(name::INPUT_TOKENS).saturating_add(tokens(name::OUTPUT_TOKENS)));
    let details =
        json!({"cache_read": tokens(name::CACHE_READ_TOKENS), "cache_creation": tokens(name::CACHE_WRITE_TOKENS)});
    attributes.json("gen_ai.usage.input_token_details", &details);
    attributes.text("langsmith.metadata.ls_provider", span.text(name::PROVIDER).unwrap_or_default());
    attributes.text("langsmith.metadata.ls_model_name", model_name(span));
    if let Some(dollars) = dollars(span) {
        attributes.number("langsmith.metadata.cost_usd", dollars);
    }
}
