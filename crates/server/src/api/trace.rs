//! `GET /v1/runs/{id}/trace`: a run's spans, for the people who run and review agents; as masked as the journal.

use axum::Json;
use axum::extract::State;
use mainstay::Span;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::Named;
use crate::api::responses::{NotThere, Refused};
use crate::api::values::moment;
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::shared::Api;
use mainstay_core::trace::context::trace_id;

/// One span of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanShown {
    /// The parent's place in the list; null for the run itself.
    parent: Option<usize>,
    /// What it is, such as `chat gpt-5-mini`.
    name: String,
    /// When it began.
    #[schema(format = DateTime)]
    start: String,
    /// How long it took, in microseconds.
    took_us: u64,
    /// Facts by name, as OpenTelemetry names them.
    attributes: Map<String, Value>,
    /// Set when it failed.
    error: Option<String>,
}

impl From<Span> for SpanShown {
    fn from(span: Span) -> Self {
        let Span { parent, name, start, took_us, attributes, error, .. } = span;
        Self { parent, name, start: moment(start), took_us, attributes, error }
    }
}

/// The trace of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Trace {
    /// The trace that it belongs to.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    trace_id: String,
    /// Parents before children; the first is the run itself.
    spans: Vec<SpanShown>,
}

/// A run's trace.
#[utoipa::path(
    get, path = "/v1/runs/{id}/trace", tag = "runs", operation_id = "read_trace",
    params(("id" = String, Path, pattern = "^run_[0-9a-f]{32}$")),
    responses((status = 200, description = "The spans", body = Trace), NotThere, Refused), security(("key" = []), ()),
)]
pub(crate) async fn read(State(api): State<Api>, caller: Caller, Named(id): Named) -> Result<Json<Trace>, ApiError> {
    api.allow(&caller, Action::ReadTrace, &id)?;
    let run = api.run_for(&caller, Action::ReadTrace, &id).await?;
    let spans = api.mainstay.trace(run.id).await?;
    let spans = spans.into_iter().map(SpanShown::from).collect();
    Ok(Json(Trace { trace_id: trace_id(&run).to_string(), spans }))
}
