//! `/v1/runs`: look runs up, and ask that one end.

mod shape;
pub(crate) mod start;

use axum::Json;
use axum::body::Body;
use axum::extract::{NestedPath, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use mainstay::access::CancelNoted;
use mainstay::{RunFilter, RunRecord, RunState};
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::Payload;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::shape::State as RunStateWord;
pub(crate) use self::shape::{Reply, Run, RunSummary, verdicts};
use crate::api::responses::{NotDone, NotThere, Refused, Repeatable};
use crate::api::values::{Limit, Name, Sought};
use crate::api::{Asked, Named};
use crate::auth::{Action, Caller};
use crate::error::{ApiError, Missing};
use crate::idempotency::{self, Answer, Follow, Turn};
use crate::shared::Api;

/// Most effects and remarks that one run shows.
const MOST_SHOWN: u32 = 100;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only this agent's.
    #[param(inline)]
    agent: Option<Name>,
    /// Only in this state.
    #[param(inline)]
    state: Option<RunStateWord>,
    /// Only this principal's.
    #[param(inline)]
    principal: Option<Name>,
    /// Only those of this conversation.
    #[param(inline)]
    conversation: Option<Name>,
    /// Only those whose request holds this text, without regard to ASCII case.
    #[param(inline)]
    text: Option<Sought>,
    /// Only this tenant's; for keys that reach all.
    #[param(inline)]
    tenant: Option<Name>,
    /// At most so many.
    #[param(inline)]
    #[serde(default)]
    limit: Limit,
    /// Where the page before said that this one begins.
    #[param(value_type = Option<String>, pattern = "^run_[0-9a-f]{32}$")]
    cursor: Option<RunId>,
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Runs {
    runs: Vec<RunSummary>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
}

/// Runs, newest first.
#[utoipa::path(
    get, path = "/v1/runs", tag = "runs", operation_id = "list_runs",
    params(Which), responses((status = 200, description = "A page", body = Runs), Refused), security(("key" = []), ()),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Runs>, ApiError> {
    api.allow(&caller, Action::ReadRuns, "runs")?;
    let tenant = api.tenant(&caller, Action::ReadRuns, which.tenant.map(|name| name.0))?;
    let mut filter = RunFilter {
        tenant,
        agent: which.agent.map(|name| name.0),
        state: which.state.map(Into::into),
        principal: which.principal.map(|name| name.0),
        conversation: which.conversation.map(|name| name.0),
        text: which.text.map(|text| text.0),
        before: which.cursor,
        limit: which.limit.count(),
    };
    let most = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for agent in caller.agents_to_list(filter.agent.take()) {
        filter.agent = agent;
        found.extend(api.mainstay.runs(&filter).await?);
    }
    // Each list is newest first, and ids sort by time.
    found.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
    found.truncate(most);
    let next = found.last().filter(|_| found.len() == most).map(|run| run.id.to_string());
    Ok(Json(Runs { runs: found.iter().map(RunSummary::from).collect(), next }))
}

/// One run: its reply, what it cost, how it came about, what it did.
#[utoipa::path(
    get, path = "/v1/runs/{id}", tag = "runs", operation_id = "read_run",
    params(("id" = String, Path, pattern = "^run_[0-9a-f]{32}$")),
    responses((status = 200, description = "The run", body = Run), NotThere, Refused), security(("key" = []), ()),
)]
pub(crate) async fn read(State(api): State<Api>, caller: Caller, Named(id): Named) -> Result<Json<Run>, ApiError> {
    api.allow(&caller, Action::ReadRuns, &id)?;
    let run = api.run_for(&caller, Action::ReadRuns, &id).await?;
    Ok(Json(show(&api, run).await?))
}

/// Asks that a run end. It does at its next safe place, never between an effect and its outcome.
#[utoipa::path(
    post, path = "/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run",
    params(
        ("id" = String, Path, pattern = "^run_[0-9a-f]{32}$"),
        Repeatable,
    ),
    responses(
        (status = 202, description = "It will end", body = Run, headers(
            ("location" = String, description = "The run"),
            ("retry-after" = u64, description = "Seconds after which to look"),
            ("idempotency-replayed" = String, description = "`true` when this was answered before"),
        )),
        NotThere, NotDone, Refused,
    ),
    security(("key" = []), ()),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named,
    head: Parts,
    body: Body,
) -> Result<Response, ApiError> {
    api.allow(&caller, Action::CancelRun, &id)?;
    let run = api.run_for(&caller, Action::CancelRun, &id).await?;
    let body = api.no_body(body).await?;
    let asked = idempotency::Asked { method: &head.method, uri: &head.uri, headers: &head.headers, body: &body };
    match idempotency::begin(&api, &caller, asked).await? {
        Turn::Replay { response, .. } => Ok(idempotency::replay(response, Some(&follow(&head, run.id)))),
        Turn::Do(ticket) => {
            let outcome = cancel_once(&api, &caller, run.id).await;
            let outcome = outcome.map(|answer| answer.following(follow(&head, run.id)));
            Ok(ticket.finish(&api, outcome).await)
        }
    }
}

async fn cancel_once(api: &Api, caller: &Caller, run: RunId) -> Result<Answer, ApiError> {
    match api.mainstay.cancel(run, &caller.name).await? {
        CancelNoted::Unknown => Err(ApiError::Missing(Missing::Run)),
        CancelNoted::Ended => Err(ApiError::RunEnded),
        CancelNoted::Noted => {
            api.done(caller, Action::CancelRun, &run.to_string(), "");
            answer(api, run, StatusCode::ACCEPTED).await
        }
    }
}

/// The run as it is now. `over` is the status for one that has ended; any other is still to be followed.
pub(crate) async fn answer(api: &Api, run: RunId, over: StatusCode) -> Result<Answer, ApiError> {
    let record = api.mainstay.run(run).await?.ok_or(ApiError::Missing(Missing::Run))?;
    let shown = show(api, record).await?;
    let status = if shown.is_over() { over } else { StatusCode::ACCEPTED };
    Answer::new(status, &shown)
}

/// Where a run can be looked at, and when. Wherever the router is mounted, the address is whole.
pub(crate) fn follow(head: &Parts, run: RunId) -> Follow {
    let mounted = head.extensions.get::<NestedPath>().map_or("", NestedPath::as_str).trim_end_matches('/');
    Follow { location: format!("{mounted}/v1/runs/{run}"), retry_after: 1 }
}

async fn show(api: &Api, mut run: RunRecord) -> Result<Run, ApiError> {
    let mainstay = &api.mainstay;
    let entries = mainstay.entries(run.id, 0).await?;
    let has_ended = matches!(entries.last().map(|entry| &entry.payload), Some(Payload::Replied(_)));
    // It ended between the two looks at it.
    if has_ended && !matches!(run.state, RunState::Ended(_)) {
        run = mainstay.run(run.id).await?.ok_or(ApiError::Missing(Missing::Run))?;
    }
    let has_effects = entries.iter().any(|entry| matches!(entry.payload, Payload::EffectIntended(_)));
    let effects = if has_effects { mainstay.effects(Some(run.id), MOST_SHOWN).await? } else { Vec::new() };
    let feedback = mainstay.feedback(run.id, MOST_SHOWN).await?;
    Ok(Run::new(&run, &entries, &effects, &feedback))
}
