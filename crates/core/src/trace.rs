//! The trace of a run: a projection of its journal, so the two can never disagree.
//!
//! Names follow the OpenTelemetry GenAI conventions v1.41 (`gen_ai.*`); what they have no word for is `mainstay.*`. Every
//! name that leaves the product stands in this file. Content is as masked as the journal's.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::journal::entry::{
    ApprovalAsked, ApprovalDecided, CacheLookup, Decision, EffectIntended, Entry, GuardVerdict, ModelCalled,
    ModelResult, Payload, Replied, Routed, Ruled, Screened, ToolCalled, ToolJudged, Validated,
};
use crate::store::{RunRecord, RunState};

/// One span. The first of a trace is the run itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Index of the parent in the trace; `None` for the run.
    pub parent: Option<usize>,
    /// What it is, such as `chat gpt-5-mini`.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Facts by name.
    pub attributes: Map<String, Value>,
    /// Set when it failed.
    pub error: Option<String>,
}

/// All spans of a run, parents before children.
pub fn spans(run: &RunRecord, entries: &[Entry]) -> Vec<Span> {
    let mut spans = vec![root(run, entries)];
    for entry in entries {
        let mut span = Span {
            parent: Some(0),
            name: String::new(),
            start: entry.at,
            took_us: entry.took_us,
            attributes: Map::new(),
            error: None,
        };
        let verdicts = describe(&entry.payload, &mut span);
        if let Payload::ModelCalled(called) = &entry.payload {
            push_model(&mut spans, span, called);
            continue;
        }
        let parent = spans.len();
        spans.push(span);
        spans.extend(verdicts.iter().map(|verdict| guard_span(parent, entry.at, verdict)));
    }
    spans
}

fn root(run: &RunRecord, entries: &[Entry]) -> Span {
    let end =
        entries.last().map_or(run.created_at.0, |last| last.at.0 + i64::try_from(last.took_us / 1000).unwrap_or(0));
    let took_ms = u64::try_from(end - run.created_at.0).unwrap_or(0);
    let attributes = fields(json!({
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": run.agent,
        "gen_ai.agent.version": run.version,
        "mainstay.run.id": run.id.to_string(),
        "mainstay.run.state": run.state.as_str(),
        "mainstay.tenant": run.principal.tenant,
        "mainstay.cost.micro_usd": run.cost.0,
    }));
    let error = matches!(run.state, RunState::Ended(crate::journal::entry::FinalState::Failed))
        .then(|| "run_failed".to_owned());
    let name = format!("invoke_agent {}", run.agent);
    Span { parent: None, name, start: run.created_at, took_us: took_ms.saturating_mul(1000), attributes, error }
}

/// Fills in what an entry says; returns the guards' verdicts, which become children.
fn describe<'e>(payload: &'e Payload, span: &mut Span) -> &'e [GuardVerdict] {
    let (name, attributes, verdicts): (String, Value, &[GuardVerdict]) = match payload {
        Payload::Screened(entry) => screened(entry),
        Payload::CacheLookup(CacheLookup { answer, .. }) => {
            ("cache".to_owned(), json!({"mainstay.cache.hit": answer.is_some()}), &[])
        }
        Payload::Routed(Routed { tier, reason, models }) => {
            let attributes = json!({"mainstay.route.tier": tier, "mainstay.route.models": models, "mainstay.decision.reason": reason});
            (format!("route {tier}"), attributes, &[])
        }
        Payload::ModelCalled(_) => (String::new(), Value::Null, &[]),
        Payload::ToolJudged(ToolJudged { tool, ruling, reason, .. }) => {
            let attributes = json!({"mainstay.policy.ruling": ruling, "mainstay.decision.reason": reason});
            (format!("policy {tool}"), attributes, &[])
        }
        Payload::ApprovalAsked(ApprovalAsked { approval, tool, reason, .. }) => {
            let attributes = json!({"mainstay.approval.id": approval.to_string(), "mainstay.decision.reason": reason});
            (format!("approval asked {tool}"), attributes, &[])
        }
        Payload::ApprovalDecided(decided) => approval(decided, span),
        Payload::EffectIntended(EffectIntended { tool, authority, idempotency_key, .. }) => {
            let attributes = json!({"mainstay.effect.authority": authority, "mainstay.effect.key": idempotency_key});
            (format!("effect intended {tool}"), attributes, &[])
        }
        Payload::ToolCalled(called) => tool_called(called, span),
        Payload::Validated(Validated { verdicts, faults, answer }) => {
            if let Some(fault) = faults.first() {
                span.error = Some(format!("{}: {}", fault.code, fault.detail));
            }
            let confidence = answer.as_ref().map(|answer| answer.confidence);
            ("validate".to_owned(), json!({"mainstay.answer.confidence": confidence}), verdicts)
        }
        Payload::Ruled(Ruled { escalate, fired }) => {
            let attributes = json!({"mainstay.rules.fired": fired, "mainstay.decision.reason": escalate});
            ("rules".to_owned(), attributes, &[])
        }
        Payload::Replied(Replied { state, code, reason, .. }) => {
            let attributes = json!({"mainstay.run.state": state.as_str(), "mainstay.code": code, "mainstay.decision.reason": reason});
            (format!("reply {}", state.as_str()), attributes, &[])
        }
    };
    span.name = name;
    span.attributes = fields(attributes);
    verdicts
}

fn screened(entry: &Screened) -> (String, Value, &[GuardVerdict]) {
    let Screened { text, verdicts, stopped, .. } = entry;
    let mut attributes = json!({"mainstay.input": text});
    if let (Some(stopped), Some(attributes)) = (stopped, attributes.as_object_mut()) {
        attributes.insert("mainstay.code".to_owned(), json!(stopped.code));
        attributes.insert("mainstay.decision.reason".to_owned(), json!(stopped.reason));
    }
    ("screen".to_owned(), attributes, verdicts)
}

fn approval<'e>(decided: &ApprovalDecided, span: &mut Span) -> (String, Value, &'e [GuardVerdict]) {
    let word = match decided.decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
        Decision::Expired => "expired",
    };
    if decided.decision != Decision::Approved {
        span.error = Some(format!("{word} {}", decided.reason).trim().to_owned());
    }
    let attributes = json!({"mainstay.approval.id": decided.approval.to_string(), "mainstay.approval.by": decided.by});
    (format!("approval {word}"), attributes, &[])
}

fn tool_called<'e>(called: &'e ToolCalled, span: &mut Span) -> (String, Value, &'e [GuardVerdict]) {
    if called.outcome != "done" {
        let why = called.content.as_str().map_or_else(|| called.content.to_string(), str::to_owned);
        span.error = Some(format!("{}: {why}", called.outcome));
    }
    let is_retrieval = !called.citations.is_empty();
    let operation = if is_retrieval { "retrieval" } else { "execute_tool" };
    let mut attributes = json!({
        "gen_ai.operation.name": operation,
        "gen_ai.tool.name": called.tool,
        "gen_ai.tool.type": if is_retrieval { "datastore" } else { "function" },
        "gen_ai.tool.call.arguments": called.arguments,
        "gen_ai.tool.call.result": called.content,
        "mainstay.tool.effect": called.effect,
        "mainstay.tool.purpose": called.purpose,
        "mainstay.tool.outcome": called.outcome,
    });
    let documents: Vec<&str> = called.citations.iter().map(|citation| citation.id.as_str()).collect();
    if let (true, Some(attributes)) = (is_retrieval, attributes.as_object_mut()) {
        attributes.insert("gen_ai.retrieval.documents".to_owned(), json!(documents));
    }
    if let (false, Some(attributes)) = (called.settled.is_empty(), attributes.as_object_mut()) {
        attributes.insert("mainstay.effect.settled".to_owned(), json!(called.settled));
    }
    (format!("{operation} {}", called.tool), attributes, &called.verdicts)
}

fn push_model(spans: &mut Vec<Span>, mut span: Span, called: &ModelCalled) {
    span.name = format!("chat {}", called.model);
    let mut attributes = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": called.provider,
        "gen_ai.request.model": called.model,
        "gen_ai.usage.input_tokens": called.usage.input,
        "gen_ai.usage.cache_read.input_tokens": called.usage.cached,
        "gen_ai.usage.cache_creation.input_tokens": called.usage.cache_write,
        "gen_ai.usage.output_tokens": called.usage.output,
        "gen_ai.input.messages": called.input,
        "mainstay.cost.micro_usd": called.cost.0,
    });
    match &called.result {
        ModelResult::Reply { text, calls, finish, model, response_id } => {
            if let Some(attributes) = attributes.as_object_mut() {
                attributes.insert("gen_ai.response.model".to_owned(), json!(model));
                attributes.insert("gen_ai.response.id".to_owned(), json!(response_id));
                attributes.insert("gen_ai.response.finish_reasons".to_owned(), json!([finish]));
                attributes.insert("gen_ai.output.messages".to_owned(), json!([{"text": text, "calls": calls}]));
            }
        }
        ModelResult::OverBudget { limit, detail } => span.error = Some(format!("over budget: `{limit}`: {detail}")),
        ModelResult::Unavailable { reason } => span.error = Some(reason.clone()),
    }
    span.attributes = fields(attributes);
    let parent = spans.len();
    let start = span.start;
    spans.push(span);
    spans.extend(called.failures.iter().map(|failure| Span {
        parent: Some(parent),
        name: format!("failed try {}", failure.model),
        start,
        took_us: failure.took_us,
        attributes: Map::new(),
        error: Some(failure.error.clone()),
    }));
}

fn guard_span(parent: usize, start: Timestamp, verdict: &GuardVerdict) -> Span {
    let failed = verdict.mode == "enforce" && matches!(verdict.verdict.as_str(), "block" | "escalate" | "error");
    Span {
        parent: Some(parent),
        name: format!("guard {} {}", verdict.guard, verdict.verdict),
        start,
        took_us: verdict.took_us,
        attributes: fields(json!({
            "mainstay.guard.name": verdict.guard,
            "mainstay.guard.channel": verdict.channel,
            "mainstay.guard.mode": verdict.mode,
            "mainstay.guard.verdict": verdict.verdict,
            "mainstay.decision.reason": verdict.reason,
        })),
        error: failed.then(|| verdict.reason.clone()),
    }
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
