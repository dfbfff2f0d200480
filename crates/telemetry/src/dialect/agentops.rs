//! AgentOps: messages by number, tokens by their older names, and its own words for kinds.

use mainstay_core::trace::{Span, SpanKind, name};

use crate::dialect::messages::numbered;
use crate::dialect::{Attributes, Trace, facts, input_and_output, plain};

pub(super) fn write_common(trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    attributes.text("agent.name", trace.text(name::AGENT));
    attributes.text("gen_ai.user", trace.text(name::USER));
}

pub(super) fn write(span: &Span, trace: &Trace<'_>, attributes: &mut Attributes<'_>) {
    let kind = span.kind;
    attributes.text("agentops.span.kind", kind_of(kind));
    attributes.text("agentops.entity.name", entity(span));
    let (input, output) = input_and_output(span);
    let is_run = kind == SpanKind::Run;
    for (side, value) in [("agentops.entity.input", input), ("agentops.entity.output", output)] {
        // A model's messages stand under their numbers.
        if let (false, Some(value)) = (kind == SpanKind::Model, value) {
            attributes.json(side, if is_run { plain(value) } else { value });
        }
    }
    for (name, value) in facts(span) {
        let is_ours = name.starts_with("mainstay.") && name != name::INPUT;
        let is_known = matches!(name, name::OPERATION | name::CONVERSATION | name::AGENT_VERSION | name::ERROR_TYPE);
        if is_ours || is_known {
            attributes.value(name, value);
        }
    }
    match kind {
        SpanKind::Run => attributes.texts("agentops.tags", trace.tags()),
        SpanKind::Model => model(span, attributes),
        SpanKind::Tool | SpanKind::Retrieval => tool(span, attributes),
        _ => {}
    }
}

const fn kind_of(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Run => "session",
        SpanKind::Model => "llm",
        SpanKind::Tool => "tool",
        SpanKind::Guard | SpanKind::Policy | SpanKind::Rules => "guardrail",
        _ => "operation",
    }
}

fn entity(span: &Span) -> &str {
    [name::TOOL, name::GUARD, name::REQUEST_MODEL, name::AGENT]
        .into_iter()
        .find_map(|name| span.text(name))
        .unwrap_or(&span.name)
}

fn model(span: &Span, attributes: &mut Attributes<'_>) {
    for (to, from) in [
        ("gen_ai.system", name::PROVIDER),
        (name::REQUEST_MODEL, name::REQUEST_MODEL),
        (name::RESPONSE_MODEL, name::RESPONSE_MODEL),
        (name::RESPONSE_ID, name::RESPONSE_ID),
    ] {
        attributes.text(to, span.text(from).unwrap_or_default());
    }
    for (to, from) in [
        ("gen_ai.usage.prompt_tokens", name::INPUT_TOKENS),
        ("gen_ai.usage.completion_tokens", name::OUTPUT_TOKENS),
        ("gen_ai.usage.cache_read_input_tokens", name::CACHE_READ_TOKENS),
        ("gen_ai.usage.cache_creation_input_tokens", name::CACHE_WRITE_TOKENS),
    ] {
        attributes.count(to, span.count(from).unwrap_or(0));
    }
    let total = [name::INPUT_TOKENS, name::OUTPUT_TOKENS].into_iter().filter_map(|name| span.count(name));
    attributes.count("gen_ai.usage.total_tokens", total.fold(0, u64::saturating_add));
    for (list, messages) in
        [("gen_ai.prompt", span.get(name::INPUT_MESSAGES)), ("gen_ai.completion", span.get(name::OUTPUT_MESSAGES))]
    {
        for (index, message) in numbered(messages) {
            let prefix = format!("{list}.{index}");
            attributes.text(format!("{prefix}.role"), message.role);
            attributes.text(format!("{prefix}.content"), message.text);
            attributes.text(format!("{prefix}.tool_call_id"), message.answers.unwrap_or_default());
            attributes.text(format!("{prefix}.finish_reason"), message.finish.unwrap_or_default());
            for (at, call) in message.calls.into_iter().enumerate() {
                let prefix = format!("{prefix}.tool_calls.{at}");
                attributes.text(format!("{prefix}.id"), call.id);
                attributes.text(format!("{prefix}.name"), call.name);
                attributes.text(format!("{prefix}.arguments"), call.arguments);
            }
        }
    }
}

fn tool(span: &Span, attributes: &mut Attributes<'_>) {
    attributes.text("tool.name", span.text(name::TOOL).unwrap_or_default());
    attributes.text("tool.id", span.text(name::TOOL_CALL).unwrap_or_default());
    attributes.text("tool.status", span.text(name::TOOL_OUTCOME).unwrap_or_default());
    for (to, from) in [("tool.parameters", name::TOOL_ARGUMENTS), ("tool.result", name::TOOL_RESULT)] {
        if let Some(value) = span.get(from) {
            attributes.json(to, value);
        }
    }
}
