//! `/v1/agents`: what each agent is for, who answers for it, and what it may do. Instructions are never shown.

use axum::Json;
use axum::extract::State;
use mainstay_core::agent::{Agent, Limits};
use mainstay_core::tool::{AgentTool, Effect};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Named;
use crate::api::responses::{NotThere, Refused};
use crate::api::values::dollars;
use crate::auth::{Action, Caller};
use crate::error::{ApiError, Missing};
use crate::shared::Api;

/// An agent of this installation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentShown {
    /// Its name.
    name: String,
    /// What it is for.
    purpose: String,
    /// Who answers for it.
    owner: String,
    /// Who gets what it will not do.
    escalation: String,
    /// A hash of everything that it is made of.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    version: String,
    /// `prototype`, `pilot`, `controlled` or `production`.
    phase: String,
    /// What it may do without asking: `propose`, `supervised` or `autonomous`.
    autonomy: String,
    /// Most characters of a request.
    max_chars: usize,
    /// What it may call.
    tools: Vec<ToolShown>,
    /// What one run and one day may spend.
    limits: LimitsShown,
    /// After which business rules a person gets the run.
    rules: Vec<String>,
}

/// Something that an agent may call.
#[derive(Debug, Serialize, ToSchema)]
struct ToolShown {
    /// Its name.
    name: String,
    /// What calling it does.
    effect: EffectKind,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EffectKind {
    Read,
    Draft,
    Idempotent,
    Write,
}

/// What may be spent.
#[derive(Debug, Serialize, ToSchema)]
struct LimitsShown {
    /// Model calls in a run.
    model_calls_per_run: u32,
    /// Tool calls in a run.
    tool_calls_per_run: u32,
    /// Dollars in a run.
    usd_per_run: String,
    /// Dollars in a day; null is no limit.
    usd_per_day: Option<String>,
}

impl From<&Agent> for AgentShown {
    fn from(agent: &Agent) -> Self {
        Self {
            name: agent.name.clone(),
            purpose: agent.purpose.clone(),
            owner: agent.owner.clone(),
            escalation: agent.escalation.clone(),
            version: agent.version.clone(),
            phase: agent.rollout.phase.as_str().to_owned(),
            autonomy: agent.rollout.autonomy.as_str().to_owned(),
            max_chars: agent.max_chars,
            tools: agent.tools.iter().map(ToolShown::from).collect(),
            limits: (&agent.limits).into(),
            rules: agent.rules.iter().map(|rule| rule.reason.clone()).collect(),
        }
    }
}

impl From<(&String, &AgentTool)> for ToolShown {
    fn from((name, tool): (&String, &AgentTool)) -> Self {
        let effect = match tool.effect {
            Effect::Read => EffectKind::Read,
            Effect::Draft => EffectKind::Draft,
            Effect::Idempotent => EffectKind::Idempotent,
            Effect::Write => EffectKind::Write,
        };
        Self { name: name.clone(), effect }
    }
}

impl From<&Limits> for LimitsShown {
    fn from(limits: &Limits) -> Self {
        Self {
            model_calls_per_run: limits.model_calls,
            tool_calls_per_run: limits.tool_calls,
            usd_per_run: dollars(limits.usd_per_run),
            usd_per_day: limits.usd_per_day.map(dollars),
        }
    }
}

/// The agents that a key reaches, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentsShown {
    agents: Vec<AgentShown>,
}

/// The agents that this key reaches.
#[utoipa::path(
    get, path = "/v1/agents", tag = "agents", operation_id = "list_agents",
    responses((status = 200, description = "By name", body = AgentsShown), Refused), security(("key" = []), ()),
)]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<AgentsShown>, ApiError> {
    api.allow(&caller, Action::ReadAgents, "agents")?;
    let agents = api.mainstay.agents().filter(|agent| caller.reaches_agent(&agent.name));
    Ok(Json(AgentsShown { agents: agents.map(AgentShown::from).collect() }))
}

/// One agent.
#[utoipa::path(
    get, path = "/v1/agents/{agent}", tag = "agents", operation_id = "read_agent",
    params(("agent" = String, Path, description = "The agent's name", max_length = 100, pattern = "^[a-z0-9-]+$")),
    responses((status = 200, description = "The agent", body = AgentShown), NotThere, Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Named(name): Named,
) -> Result<Json<AgentShown>, ApiError> {
    api.allow(&caller, Action::ReadAgents, &name)?;
    let agent = api.mainstay.agents().find(|agent| agent.name == name);
    let agent = agent.ok_or(ApiError::Missing(Missing::Agent))?;
    if !caller.reaches_agent(&name) {
        return Err(api.out_of_reach(&caller, Action::ReadAgents, &name, Missing::Agent));
    }
    Ok(Json(agent.into()))
}
