//! What a caller gets back.

use mainstay_core::id::{ApprovalId, RunId};
use mainstay_core::journal::entry::{Entry, FinalState};
use mainstay_core::message::Usage;
use mainstay_core::money::MicroUsd;
use mainstay_core::reply;
use mainstay_core::runtime::Driven;
use mainstay_core::store::{RunRecord, RunState};
use serde_json::Value;

/// How a run stands when the caller hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It ended.
    Ended(FinalState),
    /// It waits for a person.
    Parked(ApprovalId),
    /// Something of ours failed; it will be taken up again.
    Open,
}

impl Status {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(state) => state.as_str(),
            Self::Parked(_) => "parked",
            Self::Open => "open",
        }
    }
}

/// A run's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The run.
    pub run: RunId,
    /// How it stands.
    pub status: Status,
    /// The answer, for an answered run.
    pub answer: Option<String>,
    /// The whole answer as the agent's schema shapes it.
    pub body: Option<Value>,
    /// How sure the agent is, 0 to 1.
    pub confidence: Option<f64>,
    /// What the answer rests on: `document#start-end`.
    pub sources: Vec<String>,
    /// `model`, `cache` or `person`, for an answered run.
    pub origin: String,
    /// An error code with a page; empty for an answered run.
    pub code: String,
    /// Why there is no answer, in words.
    pub reason: String,
    /// Who has an escalated run.
    pub escalated_to: String,
    /// What the run did to the world.
    pub done_so_far: Vec<String>,
    /// Tokens.
    pub usage: Usage,
    /// Dollars.
    pub cost: MicroUsd,
}

impl Reply {
    /// How a run stands, from its record and its entries.
    pub(crate) fn read(run: &RunRecord, entries: &[Entry]) -> Self {
        let driven = match (run.state, run.approval, reply::read(entries)) {
            (RunState::Ended(_), _, Some((reply, answer))) => Driven::Ended { reply: Box::new(reply.clone()), answer },
            (RunState::Parked, Some(approval), _) => Driven::Parked(approval),
            _ => Driven::Open,
        };
        let cost = run.cost;
        Self { cost, ..Self::new(run.id, driven) }
    }

    pub(crate) fn new(run: RunId, driven: Driven) -> Self {
        let waiting = |status, reason: &str| Self {
            run,
            status,
            answer: None,
            body: None,
            confidence: None,
            sources: Vec::new(),
            origin: String::new(),
            code: String::new(),
            reason: reason.to_owned(),
            escalated_to: String::new(),
            done_so_far: Vec::new(),
            usage: Usage::default(),
            cost: MicroUsd::ZERO,
        };
        match driven {
            Driven::Parked(approval) => waiting(Status::Parked(approval), "a person must approve what it wants to do"),
            Driven::Open => waiting(Status::Open, "it is not at its end yet"),
            Driven::Ended { reply, answer } => Self {
                confidence: answer.as_ref().map(|answer| answer.confidence),
                sources: answer.as_ref().map(|answer| answer.sources.clone()).unwrap_or_default(),
                body: answer.as_ref().map(|answer| answer.body.clone()),
                answer: answer.map(|answer| answer.text),
                origin: reply.origin,
                code: reply.code,
                escalated_to: reply.escalated_to,
                done_so_far: reply.done_so_far,
                usage: reply.usage.into(),
                cost: reply.cost,
                ..waiting(Status::Ended(reply.state), &reply.reason)
            },
        }
    }
}
