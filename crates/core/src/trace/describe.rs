//! What a run and its entries say about themselves: name, kind, facts, failure.

use serde_json::{Map, Value, json};

use crate::code;
use crate::journal::entry::{
    ApprovalAsked, ApprovalDecided, CacheLookup, Decision, EffectIntended, Entry, FailedTry, FinalState, GuardVerdict,
    ModelCalled, ModelResult, Payload, Replied, Routed, Ruled, Screened, ToolCalled, ToolJudged, Validated,
};
use crate::store::{RunRecord, RunState};
use crate::trace::SpanKind;
use crate::trace::message;
use crate::trace::name;
use crate::trace::provider::convention_name;

/// A span without its place in time and in the tree.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) kind: SpanKind,
    pub(super) name: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) error: Option<String>,
}

/// So many of the application's notes are shown.
const MOST_METADATA: usize = 64;

/// The name of a tool that a model made up is cut after so many characters.
const LONGEST_TOOL: usize = 64;

impl Described {
    fn new<const N: usize>(kind: SpanKind, name: impl Into<String>, pairs: [(&str, Value); N]) -> Self {
        Self { kind, name: name.into(), attributes: facts(pairs), error: None }
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }

    fn fail(&mut self, kind: &str, why: impl Into<String>) {
        self.set(name::ERROR_TYPE, kind);
        self.error = Some(why.into());
    }
}

/// The run itself.
pub(super) fn run(run: &RunRecord, entries: &[Entry]) -> Described {
    let mut described = Described::new(
        SpanKind::Run,
        format!("invoke_agent {}", run.agent),
        [
            (name::OPERATION, json!("invoke_agent")),
            (name::AGENT, json!(run.agent)),
            (name::AGENT_VERSION, json!(run.version)),
            (name::CONVERSATION, json!(run.context.conversation)),
            (name::USER, json!(run.principal.id)),
            (name::TENANT, json!(run.principal.tenant)),
            (name::RUN, json!(run.id.to_string())),
            (name::RUN_STATE, json!(run.state.as_str())),
            (name::COST, json!(run.cost.0)),
        ],
    );
    for (key, value) in run.context.metadata.iter().take(MOST_METADATA) {
        described.set(&format!("{}{key}", name::METADATA_PREFIX), value.clone());
    }
    let request = entries.iter().find_map(|entry| match &entry.payload {
        Payload::Screened(screened) => Some(screened.text.as_str()),
        _ => None,
    });
    if let Some(request) = request.filter(|request| !request.is_empty()) {
        described.set(name::INPUT_MESSAGES, json!([message::text("user", request)]));
    }
    let replied = entries.iter().rev().find_map(|entry| match &entry.payload {
        Payload::Replied(replied) => Some(replied),
        _ => None,
    });
    if let Some(replied) = replied {
        described.attributes.extend(outcome(replied));
        if let Some(answer) = &replied.answer {
            let finish = if replied.state == FinalState::Answered { "stop" } else { replied.state.as_str() };
            described.set(name::OUTPUT_MESSAGES, message::output(&answer.text, &[], finish));
        }
    }
    if run.state == RunState::Ended(FinalState::Failed) {
        let why = replied.map_or("", |replied| replied.reason.as_str());
        described.fail(code::RUN_FAILED, if why.is_empty() { code::RUN_FAILED } else { why });
    }
    described
}

/// One step.
pub(super) fn entry(payload: &Payload) -> Described {
    match payload {
        Payload::Screened(entry) => screened(entry),
        Payload::CacheLookup(CacheLookup { answer, .. }) => {
            Described::new(SpanKind::Cache, "cache", [(name::CACHE_HIT, json!(answer.is_some()))])
        }
        Payload::Routed(Routed { tier, reason, models }) => Described::new(
            SpanKind::Route,
            format!("route {tier}"),
            [(name::ROUTE_TIER, json!(tier)), (name::ROUTE_MODELS, json!(models)), (name::REASON, json!(reason))],
        ),
        Payload::ModelCalled(called) => model(called),
        Payload::ToolJudged(judged) => policy(judged),
        Payload::ApprovalAsked(asked) => approval_asked(asked),
        Payload::ApprovalDecided(decided) => approval_decided(decided),
        Payload::EffectIntended(intended) => effect(intended),
        Payload::ToolCalled(called) => tool(called),
        Payload::Validated(entry) => validated(entry),
        Payload::Ruled(Ruled { escalate, fired }) => {
            let pairs = [(name::RULES_FIRED, json!(fired)), (name::REASON, json!(escalate))];
            Described::new(SpanKind::Rules, "rules", pairs)
        }
        Payload::Replied(replied) => {
            let state = replied.state.as_str();
            let pairs = [(name::RUN_STATE, json!(state))];
            let mut described = Described::new(SpanKind::Reply, format!("reply {state}"), pairs);
            described.attributes.extend(outcome(replied));
            if replied.state == FinalState::Failed {
                described.fail(&replied.code, replied.reason.clone());
            }
            described
        }
    }
}

/// What happened inside a step, in order, and how long each took in microseconds.
pub(super) fn inside(payload: &Payload) -> Vec<(Described, u64)> {
    let verdicts: &[GuardVerdict] = match payload {
        Payload::Screened(entry) => &entry.verdicts,
        Payload::ToolCalled(entry) => &entry.verdicts,
        Payload::Validated(entry) => &entry.verdicts,
        Payload::ModelCalled(entry) => {
            return entry.failures.iter().map(|failure| (failed_try(failure), failure.took_us)).collect();
        }
        _ => &[],
    };
    verdicts.iter().map(|verdict| (guard(verdict), verdict.took_us)).collect()
}

fn outcome(replied: &Replied) -> Map<String, Value> {
    facts([
        (name::CODE, json!(replied.code)),
        (name::REASON, json!(replied.reason)),
        (name::ORIGIN, json!(replied.origin)),
        (name::ESCALATED_TO, json!(replied.escalated_to)),
    ])
}

fn screened(entry: &Screened) -> Described {
    let mut described = Described::new(SpanKind::Screen, "screen", [(name::INPUT, json!(entry.text))]);
    if let Some(stopped) = &entry.stopped {
        described.set(name::CODE, stopped.code.as_str());
        described.set(name::REASON, stopped.reason.as_str());
    }
    described
}

fn model(called: &ModelCalled) -> Described {
    let ModelCalled { model, provider, input, result, usage, cost, .. } = called;
    let mut described = Described::new(
        SpanKind::Model,
        format!("chat {model}"),
        [
            (name::OPERATION, json!("chat")),
            (name::PROVIDER, json!(convention_name(provider))),
            (name::REQUEST_MODEL, json!(model)),
            (name::INPUT_TOKENS, json!(usage.input)),
            (name::CACHE_READ_TOKENS, json!(usage.cached)),
            (name::CACHE_WRITE_TOKENS, json!(usage.cache_write)),
            (name::OUTPUT_TOKENS, json!(usage.output)),
            (name::INPUT_MESSAGES, message::input(input)),
            (name::COST, json!(cost.0)),
        ],
    );
    match result {
        ModelResult::Reply { text, calls, finish, model, response_id } => {
            described.attributes.extend(facts([
                (name::RESPONSE_MODEL, json!(model)),
                (name::RESPONSE_ID, json!(response_id)),
                (name::FINISH_REASONS, json!([finish])),
                (name::OUTPUT_MESSAGES, message::output(text, calls, finish)),
            ]));
        }
        ModelResult::OverBudget { limit, detail } => {
            described.fail(code::BUDGET_EXHAUSTED, format!("over budget: `{limit}`: {detail}"));
        }
        ModelResult::Unavailable { reason } => described.fail(code::MODEL_UNAVAILABLE, reason.as_str()),
    }
    described
}

fn failed_try(failure: &FailedTry) -> Described {
    let name = format!("failed try {}", failure.model);
    let mut described = Described::new(SpanKind::FailedTry, name, [(name::TRIED_MODEL, json!(failure.model))]);
    described.fail(code::MODEL_UNAVAILABLE, failure.error.as_str());
    described
}

fn policy(judged: &ToolJudged) -> Described {
    let ToolJudged { tool, call_id, ruling, reason } = judged;
    let tool: String = tool.chars().take(LONGEST_TOOL).collect();
    Described::new(
        SpanKind::Policy,
        format!("policy {tool}"),
        [
            (name::JUDGED_TOOL, json!(tool)),
            (name::TOOL_CALL, json!(call_id)),
            (name::RULING, json!(ruling)),
            (name::REASON, json!(reason)),
        ],
    )
}

fn approval_asked(asked: &ApprovalAsked) -> Described {
    let ApprovalAsked { approval, tool, arguments, reason, expires, .. } = asked;
    Described::new(
        SpanKind::ApprovalAsked,
        format!("approval asked {tool}"),
        [
            (name::APPROVAL, json!(approval.to_string())),
            (name::JUDGED_TOOL, json!(tool)),
            (name::TOOL_ARGUMENTS, json!(arguments)),
            (name::REASON, json!(reason)),
            (name::APPROVAL_EXPIRES, json!(expires.0)),
        ],
    )
}

fn approval_decided(decided: &ApprovalDecided) -> Described {
    let ApprovalDecided { approval, decision, by, reason, arguments, .. } = decided;
    let word = decision.as_str();
    let mut described = Described::new(
        SpanKind::ApprovalDecided,
        format!("approval {word}"),
        [
            (name::APPROVAL, json!(approval.to_string())),
            (name::APPROVAL_DECISION, json!(word)),
            (name::APPROVAL_BY, json!(by)),
            (name::TOOL_ARGUMENTS, json!(arguments)),
            (name::REASON, json!(reason)),
        ],
    );
    if !matches!(decision, Decision::Approved | Decision::Edited) {
        described.fail(&format!("approval_{word}"), format!("{word} {reason}").trim());
    }
    described
}

fn effect(intended: &EffectIntended) -> Described {
    let EffectIntended { tool, call_id, effect, arguments, idempotency_key, authority, .. } = intended;
    Described::new(
        SpanKind::Effect,
        format!("effect intended {tool}"),
        [
            (name::JUDGED_TOOL, json!(tool)),
            (name::TOOL_CALL, json!(call_id)),
            (name::TOOL_EFFECT, json!(effect)),
            (name::TOOL_ARGUMENTS, json!(arguments)),
            (name::EFFECT_KEY, json!(idempotency_key)),
            (name::EFFECT_AUTHORITY, json!(authority)),
        ],
    )
}

fn tool(called: &ToolCalled) -> Described {
    // Passages are what tells a search of the knowledge base from any other tool.
    let is_retrieval = !called.citations.is_empty();
    let (kind, operation) =
        if is_retrieval { (SpanKind::Retrieval, "retrieval") } else { (SpanKind::Tool, "execute_tool") };
    let mut described = Described::new(
        kind,
        format!("{operation} {}", called.tool),
        [
            (name::OPERATION, json!(operation)),
            (name::TOOL, json!(called.tool)),
            (name::TOOL_TYPE, json!(if is_retrieval { "datastore" } else { "function" })),
            (name::TOOL_CALL, json!(called.call_id)),
            (name::TOOL_ARGUMENTS, json!(called.arguments)),
            (name::TOOL_RESULT, called.content.clone()),
            (name::TOOL_EFFECT, json!(called.effect)),
            (name::TOOL_PURPOSE, json!(called.purpose)),
            (name::TOOL_OUTCOME, json!(called.outcome)),
            (name::EFFECT_SETTLED, json!(called.settled)),
        ],
    );
    if is_retrieval {
        let documents = called.citations.iter().map(|citation| json!({"id": citation.id, "content": citation.text}));
        let ids = called.citations.iter().map(|citation| citation.id.as_str());
        let query = called.arguments.get("query").and_then(Value::as_str);
        described.attributes.extend(facts([
            (name::DATA_SOURCE, json!(called.tool)),
            (name::RETRIEVAL_QUERY, json!(query)),
            (name::RETRIEVAL_DOCUMENTS, documents.collect()),
            (name::DOCUMENTS, ids.collect()),
        ]));
    }
    if called.outcome != "done" {
        let why = called.content.as_str().map_or_else(|| called.content.to_string(), str::to_owned);
        described.fail(&format!("tool_{}", called.outcome), format!("{}: {why}", called.outcome));
    }
    described
}

fn validated(entry: &Validated) -> Described {
    let confidence = entry.answer.as_ref().map(|answer| answer.confidence);
    let pairs = [(name::CONFIDENCE, json!(confidence))];
    let mut described = Described::new(SpanKind::Validation, "validate", pairs);
    if let Some(fault) = entry.faults.first() {
        described.set(name::CODE, fault.code.as_str());
        described.fail(&fault.code, format!("{}: {}", fault.code, fault.detail));
    }
    described
}

fn guard(verdict: &GuardVerdict) -> Described {
    let GuardVerdict { guard, channel, mode, verdict, reason, .. } = verdict;
    let mut described = Described::new(
        SpanKind::Guard,
        format!("guard {guard}"),
        [
            (name::GUARD, json!(guard)),
            (name::GUARD_CHANNEL, json!(channel)),
            (name::GUARD_MODE, json!(mode)),
            (name::GUARD_VERDICT, json!(verdict)),
            (name::REASON, json!(reason)),
        ],
    );
    if mode == "enforce" && matches!(verdict.as_str(), "block" | "escalate" | "error") {
        described.fail(&format!("guard_{verdict}"), reason.as_str());
    }
    described
}

/// What is worth saying: no null, no empty text, no empty list.
fn facts<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().filter(|(_, value)| !is_nothing(value)).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
