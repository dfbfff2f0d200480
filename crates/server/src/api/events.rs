//! `GET /v1/runs/{id}/events`: a run step by step, as it happens. What is sent comes from the journal itself, so whoever
//! comes back with `Last-Event-ID` misses nothing; it is facts, and no content but the final reply.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use mainstay_core::agent::Agent;
use mainstay_core::journal::entry::{Entry, ModelResult, Payload, ToolRuling};
use mainstay_core::reply;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::responses::{NotThere, Refused, Resumed};
use crate::api::runs::{Reply, verdicts};
use crate::api::values::{Position, dollars, moment};
use crate::api::{Asked, Named};
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::live;
use crate::shared::Api;

/// One event as it is sent. Lines that begin with a colon only keep the connection open.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the stream for the document; `live` writes it")]
pub(crate) struct EventSent {
    /// The position; what `Last-Event-ID` says when the client comes back.
    #[schema(pattern = "^[0-9]+$", required = false)]
    id: String,
    /// The kind, such as `model_called`.
    #[schema(required = false)]
    event: String,
    /// An `EventShown` as JSON.
    #[schema(required = false)]
    data: String,
    /// Alone in the last event of a stream that ends before the run does: milliseconds until the client comes back.
    #[schema(required = false)]
    retry: u32,
}

/// The `data` of one event. Its `id` is the position, its `event` the kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventShown {
    /// 0, 1, 2 … without a gap.
    pub(crate) position: u32,
    /// What happened, such as `model_called`; the last one is `replied`.
    pub(crate) kind: &'static str,
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// How long it took, in microseconds.
    took_us: u64,
    /// More, by kind.
    #[schema(value_type = Object)]
    facts: Map<String, Value>,
    /// How the run ended, with the last event.
    reply: Option<Reply>,
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// The last position that is known already, for clients that cannot send `Last-Event-ID`.
    #[param(inline)]
    after: Option<Position>,
}

/// A run's steps as they happen, as server-sent events.
///
/// Begins at the first step, or after `Last-Event-ID`; ends after `replied`. The data of each event is an `EventShown`.
#[utoipa::path(
    get, path = "/v1/runs/{id}/events", tag = "runs", operation_id = "follow_run",
    params(
        ("id" = String, Path, pattern = "^run_[0-9a-f]{32}$"),
        Resumed,
        Since,
    ),
    responses(
        (status = 200, description = "A stream of events", body = EventSent, content_type = "text/event-stream"),
        NotThere, Refused,
    ),
    security(("key" = []), ()),
)]
pub(crate) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named,
    headers: HeaderMap,
    Asked(since): Asked<Since>,
) -> Result<Response, ApiError> {
    api.allow(&caller, Action::ReadRuns, &id)?;
    let run = api.run_for(&caller, Action::ReadRuns, &id).await?;
    let last = match headers.get("last-event-id") {
        None => since.after,
        Some(last) => {
            let last = last.to_str().ok().and_then(|last| last.parse().ok());
            Some(last.and_then(|last| Position::new(last).ok()).ok_or_else(no_position)?)
        }
    };
    let from = last.map_or(0, |last| last.count().saturating_add(1));
    Ok(live::stream(&api, run.id, from)?.into_response())
}

fn no_position() -> ApiError {
    let what = "the header `last-event-id` is no position".into();
    ApiError::Invalid(what, "send the `id` of the last event that you got")
}

impl EventShown {
    /// An entry, told to the outside. `before` are all entries up to and with it, for the reply; empty for any other.
    pub(crate) fn new(entry: &Entry, before: &[Entry], agent: Option<&Agent>) -> Self {
        Self {
            position: entry.position,
            kind: entry.payload.kind(),
            at: moment(entry.at),
            took_us: entry.took_us,
            facts: match facts(entry, agent) {
                Value::Object(facts) => facts,
                _ => Map::new(),
            },
            reply: reply::read(before).map(|(reply, answer)| Reply::new(reply, answer)),
        }
    }
}

fn facts(entry: &Entry, agent: Option<&Agent>) -> Value {
    let verdicts: Vec<_> = verdicts(entry).collect();
    // A model can write anything where a tool's name belongs.
    let tool = |name: &str| agent.filter(|agent| agent.tools.contains_key(name)).map(|_| name.to_owned());
    match &entry.payload {
        Payload::Screened(screened) => json!({
            "verdicts": verdicts,
            "masked": screened.kept.len(),
            "code": screened.stopped.as_ref().map(|stopped| &stopped.code),
        }),
        Payload::CacheLookup(lookup) => json!({"hit": lookup.answer.is_some()}),
        Payload::Routed(routed) => json!({"tier": routed.tier, "models": routed.models}),
        Payload::ModelCalled(called) => json!({
            "model": called.model,
            "outcome": match &called.result {
                ModelResult::Reply { .. } => "reply",
                ModelResult::OverBudget { .. } => "over_budget",
                ModelResult::Unavailable { .. } => "unavailable",
            },
            "calls": match &called.result {
                ModelResult::Reply { calls, .. } => calls.len(),
                ModelResult::OverBudget { .. } | ModelResult::Unavailable { .. } => 0,
            },
            "input_tokens": called.usage.input,
            "output_tokens": called.usage.output,
            "cost_usd": dollars(called.cost),
            "failed_tries": called.failures.len(),
        }),
        Payload::ToolJudged(judged) => json!({
            "tool": tool(&judged.tool),
            "ruling": match judged.ruling {
                ToolRuling::Allow => "allow",
                ToolRuling::Ask => "ask",
                ToolRuling::Deny => "deny",
            },
        }),
        Payload::ApprovalAsked(asked) => json!({
            "approval": asked.approval.to_string(),
            "tool": tool(&asked.tool),
            "expires_at": moment(asked.expires),
        }),
        Payload::ApprovalDecided(decided) => json!({
            "approval": decided.approval.to_string(),
            "decision": decided.decision.as_str(),
        }),
        Payload::EffectIntended(intended) => json!({"tool": tool(&intended.tool), "effect": intended.effect}),
        Payload::ToolCalled(called) => json!({
            "tool": tool(&called.tool),
            "purpose": called.purpose,
            "effect": called.effect,
            "outcome": called.outcome,
            "citations": called.citations.len(),
            "verdicts": verdicts,
        }),
        Payload::Validated(validated) => json!({
            "confidence": validated.answer.as_ref().map(|answer| answer.confidence),
            "faults": validated.faults.iter().map(|fault| &fault.code).collect::<Vec<_>>(),
            "verdicts": verdicts,
        }),
        Payload::Ruled(ruled) => json!({"escalate": !ruled.escalate.is_empty(), "fired": ruled.fired.len()}),
        Payload::Replied(replied) => json!({"state": replied.state.as_str(), "cost_usd": dollars(replied.cost)}),
    }
}
