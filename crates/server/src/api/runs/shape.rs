//! A run as an application sees it.

use mainstay::access::Feedback;
use mainstay::{EffectRow, RunRecord, RunState};
use mainstay_core::journal::entry::{
    Entry, FinalState, GuardVerdict, ModelCalled, ModelResult, Payload, Replied, UsageRecord,
};
use mainstay_core::message::Usage;
use mainstay_core::reply;
use mainstay_core::trace::context::trace_id;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::effects::Effect;
use crate::api::feedback::Feedback as Said;
use crate::api::values::{dollars, filled, moment};
use crate::error::docs;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It is being worked on, or will be.
    Open,
    /// It waits for a person.
    Parked,
    /// It ended with an answer.
    Answered,
    /// It was not accepted.
    Refused,
    /// A person has it.
    Escalated,
    /// Somebody stopped it.
    Cancelled,
    /// The installation failed.
    Failed,
}

impl From<RunState> for State {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Open => Self::Open,
            RunState::Parked => Self::Parked,
            RunState::Ended(state) => state.into(),
        }
    }
}

impl From<FinalState> for State {
    fn from(state: FinalState) -> Self {
        match state {
            FinalState::Answered => Self::Answered,
            FinalState::Refused => Self::Refused,
            FinalState::Escalated => Self::Escalated,
            FinalState::Cancelled => Self::Cancelled,
            FinalState::Failed => Self::Failed,
        }
    }
}

impl From<State> for RunState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Parked => Self::Parked,
            State::Answered => Self::Ended(FinalState::Answered),
            State::Refused => Self::Ended(FinalState::Refused),
            State::Escalated => Self::Ended(FinalState::Escalated),
            State::Cancelled => Self::Ended(FinalState::Cancelled),
            State::Failed => Self::Ended(FinalState::Failed),
        }
    }
}

/// A run in a list: everything but what was said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunSummary {
    /// Its id.
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    pub(crate) id: String,
    /// The agent.
    agent: String,
    /// The agent's version: a hash of everything that it is made of.
    version: String,
    /// Where it stands.
    state: State,
    /// Who asked.
    principal: String,
    /// On whose behalf data is kept apart.
    tenant: String,
    /// The application's name of the conversation.
    conversation: Option<String>,
    /// When it arrived.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// The approval that it waits for.
    #[schema(pattern = "^apr_[0-9a-f]{32}$")]
    approval: Option<String>,
    /// What it cost so far, in dollars.
    #[schema(pattern = r"^[0-9]+\.[0-9]{6}$")]
    cost_usd: String,
    /// The same in millionths.
    cost_micro_usd: u64,
    /// Who asked that it end, if somebody did.
    cancelled_by: Option<String>,
    /// The trace that it belongs to.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    trace_id: String,
}

impl From<&RunRecord> for RunSummary {
    fn from(run: &RunRecord) -> Self {
        Self {
            id: run.id.to_string(),
            agent: run.agent.clone(),
            version: run.version.clone(),
            state: run.state.into(),
            principal: run.principal.id.clone(),
            tenant: run.principal.tenant.clone(),
            conversation: filled(&run.context.conversation),
            created_at: moment(run.created_at),
            ended_at: run.ended_at.map(moment),
            approval: run.approval.filter(|_| run.state == RunState::Parked).map(|approval| approval.to_string()),
            cost_usd: dollars(run.cost),
            cost_micro_usd: run.cost.0,
            cancelled_by: run.cancelled_by.clone(),
            trace_id: trace_id(run).to_string(),
        }
    }
}

/// A run with everything that its people may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    #[serde(flatten)]
    summary: RunSummary,
    /// What was asked.
    input: String,
    /// The application's own notes.
    metadata: Map<String, Value>,
    /// How it ended; null while it has not.
    reply: Option<Reply>,
    /// Tokens so far.
    usage: Tokens,
    /// Which models it may use, and why; null before that is decided.
    route: Option<Route>,
    /// What guards said, except where they let pass.
    verdicts: Vec<Verdict>,
    /// What it did to the world.
    effects: Vec<Effect>,
    /// What people said of it.
    feedback: Vec<Said>,
}

/// How a run ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reply {
    /// How.
    state: State,
    /// The answer; null unless the run was answered.
    answer: Option<String>,
    /// The whole answer as the agent's schema shapes it.
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// How sure the agent is.
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// What the answer rests on.
    sources: Vec<String>,
    /// Who answered: `model`, `cache` or `person`.
    origin: Option<String>,
    /// Why there is no answer; has a page.
    #[schema(pattern = "^[a-z_]+$")]
    code: Option<String>,
    /// The same in words.
    reason: Option<String>,
    /// The page about the code.
    docs: Option<String>,
    /// Who has the run now.
    escalated_to: Option<String>,
    /// What the run did to the world, in words.
    done_so_far: Vec<String>,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Read, cached ones included.
    input: u64,
    /// Of these, cached.
    cached: u64,
    /// Written.
    output: u64,
}

/// Which models a run may use.
#[derive(Debug, Serialize, ToSchema)]
struct Route {
    /// `simple`, `medium` or `complex`.
    tier: String,
    /// Why.
    reason: String,
    /// In this order.
    models: Vec<String>,
    /// The model that was asked last; null while none was.
    model: Option<String>,
}

/// What a guard said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// The guard.
    guard: String,
    /// What it looked at: `request`, `tool_result`, `document` or `answer`.
    channel: String,
    /// `enforce`, or `observe`: then it only counts.
    mode: String,
    /// `mask`, `flag`, `escalate`, `block` or `error`.
    verdict: String,
}

impl Run {
    pub(crate) fn new(run: &RunRecord, entries: &[Entry], effects: &[EffectRow], feedback: &[Feedback]) -> Self {
        let ended = reply::read(entries);
        Self {
            summary: run.into(),
            input: run.input.clone(),
            metadata: run.context.metadata.clone(),
            usage: ended.as_ref().map_or_else(|| used(entries), |(reply, _)| reply.usage.into()),
            reply: ended.map(|(reply, answer)| Reply::new(reply, answer)),
            route: route(entries),
            verdicts: entries.iter().flat_map(verdicts).collect(),
            effects: effects.iter().map(Effect::from).collect(),
            feedback: feedback.iter().map(Said::from).collect(),
        }
    }

    /// True when there is nothing to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.reply.is_some()
    }
}

impl Reply {
    /// `answer` is the one for the principal, with their own values.
    pub(crate) fn new(reply: &Replied, answer: Option<mainstay_core::journal::entry::AnswerRecord>) -> Self {
        Self {
            state: reply.state.into(),
            confidence: answer.as_ref().map(|answer| answer.confidence),
            sources: answer.as_ref().map(|answer| answer.sources.clone()).unwrap_or_default(),
            body: answer.as_ref().map(|answer| answer.body.clone()),
            answer: answer.map(|answer| answer.text),
            origin: filled(&reply.origin),
            code: filled(&reply.code),
            reason: filled(&reply.reason),
            docs: filled(&reply.code).map(|code| docs(&code)),
            escalated_to: filled(&reply.escalated_to),
            done_so_far: reply.done_so_far.clone(),
        }
    }
}

fn used(entries: &[Entry]) -> Tokens {
    let usage = entries.iter().fold(Usage::default(), |mut usage, entry| {
        if let Payload::ModelCalled(called) = &entry.payload {
            usage += Usage::from(called.usage);
        }
        usage
    });
    Tokens { input: usage.input_tokens, cached: usage.cached_tokens, output: usage.output_tokens }
}

impl From<UsageRecord> for Tokens {
    fn from(usage: UsageRecord) -> Self {
        Self { input: usage.input, cached: usage.cached, output: usage.output }
    }
}

fn route(entries: &[Entry]) -> Option<Route> {
    let called = entries.iter().rev().find_map(|entry| match &entry.payload {
        Payload::ModelCalled(ModelCalled { model, result: ModelResult::Reply { .. }, .. }) => Some(model.clone()),
        _ => None,
    });
    entries.iter().find_map(|entry| match &entry.payload {
        Payload::Routed(routed) => Some(Route {
            tier: routed.tier.clone(),
            reason: routed.reason.clone(),
            models: routed.models.clone(),
            model: called.clone(),
        }),
        _ => None,
    })
}

/// What the guards of a step said, except where they let pass.
pub(crate) fn verdicts(entry: &Entry) -> impl Iterator<Item = Verdict> {
    let said: &[GuardVerdict] = match &entry.payload {
        Payload::Screened(screened) => &screened.verdicts,
        Payload::ToolCalled(called) => &called.verdicts,
        Payload::Validated(validated) => &validated.verdicts,
        _ => &[],
    };
    said.iter().filter(|said| said.verdict != "pass").map(|said| Verdict {
        guard: said.guard.clone(),
        channel: said.channel.clone(),
        mode: said.mode.clone(),
        verdict: said.verdict.clone(),
    })
}
