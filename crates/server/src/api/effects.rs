//! `GET /v1/effects`: what agents did to the world.

use axum::Json;
use axum::extract::State;
use mainstay::EffectRow;
use mainstay_core::id::RunId;
use mainstay_core::store::EffectState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::api::Asked;
use crate::api::responses::{NotThere, Refused};
use crate::api::values::{Limit, moment};
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::shared::Api;

/// One side effect, from intent to outcome.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effect {
    /// The run.
    run: String,
    /// The position of its intent in the run.
    position: u32,
    /// The agent.
    agent: String,
    /// The tool.
    tool: String,
    /// What was sent.
    arguments: Map<String, Value>,
    /// The key that travelled with the call.
    idempotency_key: String,
    /// Who allowed it: an approval's id or `policy`.
    authority: String,
    /// Where it stands.
    state: EffectWord,
    /// When it came to stand there.
    #[schema(format = DateTime)]
    at: String,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EffectWord {
    /// On its way, or it was when the process died.
    Dispatched,
    /// It happened.
    Confirmed,
    /// It did not.
    Failed,
    /// Nobody knows; a person must look.
    Unknown,
}

impl From<&EffectRow> for Effect {
    fn from(effect: &EffectRow) -> Self {
        Self {
            run: effect.run.to_string(),
            position: effect.position,
            agent: effect.agent.clone(),
            tool: effect.tool.clone(),
            arguments: effect.arguments.clone(),
            idempotency_key: effect.idempotency_key.clone(),
            authority: effect.authority.clone(),
            state: match effect.state {
                EffectState::Dispatched => EffectWord::Dispatched,
                EffectState::Confirmed => EffectWord::Confirmed,
                EffectState::Failed => EffectWord::Failed,
                EffectState::Unknown => EffectWord::Unknown,
            },
            at: moment(effect.at),
        }
    }
}

/// Which effects to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this run. A key with a tenant or with agents of its own must name one.
    #[param(value_type = Option<String>, pattern = "^run_[0-9a-f]{32}$")]
    run: Option<RunId>,
    /// At most so many.
    #[param(inline)]
    #[serde(default)]
    limit: Limit,
}

/// Effects, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effects {
    effects: Vec<Effect>,
}

/// What agents did to the world, newest first.
#[utoipa::path(
    get, path = "/v1/effects", tag = "runs", operation_id = "list_effects",
    params(Which), responses((status = 200, description = "The newest", body = Effects), NotThere, Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<Effects>, ApiError> {
    let subject = which.run.map_or_else(|| "effects".to_owned(), |run| run.to_string());
    api.allow(&caller, Action::ReadEffects, &subject)?;
    match which.run {
        Some(_) => {
            api.run_for(&caller, Action::ReadEffects, &subject).await?;
        }
        None if caller.tenant.is_some() || !caller.agents.is_empty() => {
            let what = "this key reaches one tenant or some agents, so it must name a run".into();
            return Err(ApiError::Invalid(what, "add `?run=run_…`"));
        }
        None => {}
    }
    let effects = api.mainstay.effects(which.run, which.limit.count()).await?;
    Ok(Json(Effects { effects: effects.iter().map(Effect::from).collect() }))
}
