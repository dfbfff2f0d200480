//! What all runs of a process share, and the three ways in: accept a request, drive a run, decide an approval.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::agent::Agent;
use crate::cancel::Cancellations;
use crate::clock::Clock;
use crate::code;
use crate::conversation;
use crate::error::{Error, Halt, StoreError};
use crate::execute::policy;
use crate::health::Health;
use crate::id::{ApprovalId, RunId};
use crate::journal::entry::{AnswerRecord, Entry, FinalState, Replied, RunContext};
use crate::money::MicroUsd;
use crate::pipeline::handle;
use crate::principal::Principal;
use crate::reply;
use crate::run::{self, Ending, Run};
use crate::store::access::{CancelNoted, Requests};
use crate::store::{
    Append, ApprovalRecord, Approvals, Budgets, CacheStore, Decided, Journal, Lease, Ledger, NewRun, Ruling, RunRecord,
    RunState, Verdict,
};

/// Shared by all runs of a process.
pub struct Runtime {
    /// The agents, by name.
    pub agents: BTreeMap<String, Arc<Agent>>,
    /// Runs and entries.
    pub journal: Arc<dyn Journal>,
    /// Questions to people.
    pub approvals: Arc<dyn Approvals>,
    /// What agents did to the world.
    pub ledger: Arc<dyn Ledger>,
    /// Money by day.
    pub budgets: Arc<dyn Budgets>,
    /// Answers that may be given again.
    pub cache: Arc<dyn CacheStore>,
    /// Idempotency keys, cancellations and feedback.
    pub requests: Arc<dyn Requests>,
    /// Time and entropy.
    pub clock: Arc<dyn Clock>,
    /// How the models are doing.
    pub health: Health,
    /// This process's name in leases; unique.
    pub worker: String,
    /// How long a lease holds without renewal.
    pub lease_time: Duration,
    /// What is told of everything that was appended.
    pub observer: Arc<dyn Observer>,
    /// Runs of this process that somebody wants to end.
    pub cancellations: Cancellations,
}

/// Is told what has become durable: for metrics, live events and traces. Called on the path of a run, so it must return
/// at once and may not fail.
pub trait Observer: Send + Sync {
    /// `append` was written for `run`, whose record is as it was when this worker took the run over.
    fn appended(&self, run: &RunRecord, append: &Append);
}

/// Nobody is interested.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn appended(&self, _: &RunRecord, _: &Append) {}
}

/// A run is given up after so many failures of our own.
pub const MOST_FAILURES: i64 = 8;

/// A request to an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The run's id, where somebody has promised it already; a new one otherwise.
    pub run: Option<RunId>,
    /// The agent's name.
    pub agent: String,
    /// Who asks.
    pub principal: Principal,
    /// What they ask.
    pub input: String,
    /// What came with it. Where it names a conversation and brings no history, the earlier turns are looked up.
    pub context: RunContext,
}

impl Request {
    /// A single question.
    pub fn new(agent: impl Into<String>, principal: Principal, input: impl Into<String>) -> Self {
        let (agent, input) = (agent.into(), input.into());
        Self { run: None, agent, principal, input, context: RunContext::default() }
    }
}

/// The request was not accepted; no run exists.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// There is no such agent.
    #[error("there is no agent `{0}`")]
    UnknownAgent(String),
    /// The promised run exists already.
    #[error("{0} exists already")]
    Exists(RunId),
    /// The run could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a run stands after it was driven.
#[derive(Clone, Debug, PartialEq)]
pub enum Driven {
    /// It ended.
    Ended {
        /// The reply as journaled, with placeholders.
        reply: Box<Replied>,
        /// The answer for the principal, placeholders replaced; `None` unless the run was answered.
        answer: Option<AnswerRecord>,
    },
    /// It waits for a person.
    Parked(ApprovalId),
    /// It is open; another worker has it, or it will be tried again.
    Open,
}

impl Runtime {
    /// Stores a new run, held by this process. It is durable when this returns: whatever happens next, it will end.
    pub async fn accept(&self, mut request: Request) -> Result<RunRecord, AcceptError> {
        let agent = self.agents.get(&request.agent).ok_or_else(|| AcceptError::UnknownAgent(request.agent.clone()))?;
        conversation::recall(self, agent, &mut request).await?;
        let now = self.clock.now();
        let new = NewRun {
            id: request.run.unwrap_or_else(|| RunId::from_uuid(self.clock.new_uuid())),
            agent: request.agent,
            version: agent.version.clone(),
            principal: request.principal,
            input: request.input,
            context: request.context,
            created_at: now,
            claim: Some((self.worker.clone(), now.plus(self.lease_time))),
        };
        self.journal.create(&new).await.map_err(|error| match error {
            StoreError::Exists(_) => AcceptError::Exists(new.id),
            other => AcceptError::Store(other),
        })?;
        Ok(RunRecord {
            id: new.id,
            agent: new.agent,
            version: new.version,
            principal: new.principal,
            input: new.input,
            context: new.context,
            created_at: new.created_at,
            state: RunState::Open,
            ended_at: None,
            epoch: 1,
            failures: 0,
            approval: None,
            cost: MicroUsd::ZERO,
            cancelled_by: None,
        })
    }

    /// Takes a run that this process holds as far as it goes: to its reply, to a park, or to a failure of ours.
    pub async fn drive(self: &Arc<Self>, record: RunRecord) -> Driven {
        let lease = Lease { run: record.id, worker: self.worker.clone(), epoch: record.epoch };
        let failures = record.failures;
        match self.go(record, lease.clone()).await {
            Ok(driven) => driven,
            Err(Halt::Parked(approval)) => Driven::Parked(approval),
            Err(Halt::LostRun) => {
                info!(run.id = %lease.run, "run {} is another worker's now", lease.run);
                Driven::Open
            }
            Err(halt) => {
                error!(run.id = %lease.run, error = %halt, cause = ?std::error::Error::source(&halt), "run {} stopped: {halt}", lease.run);
                let pause = Duration::from_secs(1 << failures.clamp(0, 8));
                if let Err(error) = self.journal.release(&lease, self.clock.now().plus(pause)).await {
                    warn!(run.id = %lease.run, %error, "run {} could not be given back; its lease will run out", lease.run);
                }
                Driven::Open
            }
        }
    }

    async fn go(self: &Arc<Self>, record: RunRecord, lease: Lease) -> Result<Driven, Halt> {
        // A run that is in its first life has no journal yet.
        let entries = if record.epoch > 1 { self.journal.entries(record.id, 0).await? } else { Vec::new() };
        let failures = record.failures;
        let Some(agent) = self.agents.get(&record.agent).cloned() else {
            return self.without_agent(record, lease, entries).await;
        };
        let escalated_to = agent.escalation.clone();
        let ending = |state, code, reason| Ending { state, code, reason, escalated_to };
        if failures >= MOST_FAILURES {
            let reason = format!("it failed {failures} times for reasons of the installation; see the log");
            let end = ending(FinalState::Failed, code::RUN_FAILED, reason);
            return self.abandoned(&record, lease, entries, end).await;
        }
        if agent.version != record.version {
            let reason = "the agent was changed while the run was open; nothing more was done".to_owned();
            let end = ending(FinalState::Escalated, code::JOURNAL_DIVERGED, reason);
            return self.abandoned(&record, lease, entries, end).await;
        }
        let _at_work = self.cancellations.at_work(record.id);
        let run = Run::new(Arc::clone(self), agent, record.clone(), lease.clone(), entries.clone());
        let reply = match handle(&run).await {
            // What is recorded does not fit the code, so nothing was added to it in this life.
            Err(Halt::Diverged { position, recorded, asked }) => {
                let reason = format!("position {position} holds `{recorded}`, the program asks for `{asked}`");
                let end = ending(FinalState::Escalated, code::JOURNAL_DIVERGED, reason);
                return self.abandoned(&record, lease, entries, end).await;
            }
            other => other?,
        };
        let answer = reply::for_principal(&reply, &run.vault());
        Ok(Driven::Ended { reply: Box::new(reply), answer })
    }

    /// Writes and tells the observer. Says who wants the run cancelled.
    pub(crate) async fn append(&self, run: &RunRecord, append: Append) -> Result<Option<String>, StoreError> {
        let cancelled_by = self.journal.append(&append).await?;
        self.observer.appended(run, &append);
        Ok(cancelled_by)
    }

    /// The agent may come back with the next configuration; in the end somebody must hear of it.
    async fn without_agent(&self, record: RunRecord, lease: Lease, entries: Vec<Entry>) -> Result<Driven, Halt> {
        let reason = format!("there is no agent `{}` any more", record.agent);
        if record.failures < MOST_FAILURES {
            return Err(Halt::Failed(Error::NoAgent(record.agent)));
        }
        let end = Ending { state: FinalState::Failed, code: code::AGENT_UNKNOWN, reason, escalated_to: String::new() };
        self.abandoned(&record, lease, entries, end).await
    }

    async fn abandoned(
        &self,
        record: &RunRecord,
        lease: Lease,
        entries: Vec<Entry>,
        end: Ending,
    ) -> Result<Driven, Halt> {
        let reply = run::abandon(self, record, lease, entries, end).await?;
        Ok(Driven::Ended { reply: Box::new(reply), answer: None })
    }

    /// Takes a person's decision. The requester never approves their own request.
    pub async fn decide(&self, mut ruling: Ruling) -> Result<Result<(), DecisionRefused>, StoreError> {
        let Some(record) = self.approvals.approval(ruling.approval).await? else {
            return Ok(Err(DecisionRefused::Unknown));
        };
        if ruling.by.trim().is_empty() || ruling.by == record.asked.principal.id {
            return Ok(Err(DecisionRefused::Requester));
        }
        ruling.verdict = match self.fitted(&record, ruling.verdict) {
            Ok(verdict) => verdict,
            Err(misfit) => return Ok(Err(DecisionRefused::Arguments(misfit))),
        };
        Ok(match self.approvals.decide(&ruling).await? {
            Decided::Taken => Ok(()),
            Decided::AlreadyDecided { by, .. } => Err(DecisionRefused::Taken { by }),
            Decided::Expired => Err(DecisionRefused::Expired),
            Decided::OtherArguments => Err(DecisionRefused::OtherArguments),
            Decided::Unknown => Err(DecisionRefused::Unknown),
        })
    }
}

impl Runtime {
    /// Asks that a run end. It ends at its next safe place: never between an effect and its outcome.
    pub async fn cancel(&self, run: RunId, by: &str) -> Result<CancelNoted, StoreError> {
        let noted = self.requests.cancel(run, by, self.clock.now()).await?;
        if noted == CancelNoted::Noted {
            self.cancellations.request(run, by);
        }
        Ok(noted)
    }

    /// The verdict, with whole arguments; the error says why it makes no sense for what was asked.
    fn fitted(&self, record: &ApprovalRecord, verdict: Verdict) -> Result<Verdict, String> {
        match verdict {
            Verdict::TakeOver(answer) if answer.trim().is_empty() => Err("the answer is empty".to_owned()),
            Verdict::Edit(arguments) => {
                let asked = &record.asked;
                let agent = self.agents.get(&asked.agent);
                let tool = agent.and_then(|agent| agent.tools.get(&asked.tool));
                let tool = tool.ok_or_else(|| format!("there is no tool `{}` any more", asked.tool))?;
                policy::fitted(tool, &asked.principal, arguments).map(Verdict::Edit)
            }
            verdict => Ok(verdict),
        }
    }
}

/// A decision that does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefused {
    /// There is no such approval.
    #[error("there is no such approval")]
    Unknown,
    /// Whoever asked cannot decide.
    #[error("a request cannot be decided by the one who made it, or by nobody")]
    Requester,
    /// Somebody was faster.
    #[error("{by} has decided already")]
    Taken {
        /// Who.
        by: String,
    },
    /// Too late.
    #[error("the time to decide is over")]
    Expired,
    /// The person saw something else.
    #[error("the arguments are not those that were shown")]
    OtherArguments,
    /// The arguments that the person wrote do not fit the tool, or the answer is empty.
    #[error("{0}")]
    Arguments(String),
}

impl DecisionRefused {
    /// One of [`crate::code`].
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => code::APPROVAL_UNKNOWN,
            Self::Requester => code::APPROVAL_SELF,
            Self::Taken { .. } => code::APPROVAL_TAKEN,
            Self::Expired => code::APPROVAL_EXPIRED,
            Self::OtherArguments => code::APPROVAL_CHANGED,
            Self::Arguments(_) => code::REQUEST_INVALID,
        }
    }
}
