//! The contracts of durable storage: small traits, one implementation per engine behind them. What the API needs besides
//! runs (keys, idempotency, feedback, the audit trail) is in [`access`].
//!
//! The rule that everything rests on: **the journal is the lock**. [`Journal::append`] is atomic and refuses a position
//! that is taken, so whoever wrote position *n* owns that step. Leases only save work.

pub mod access;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{ApprovalId, RunId};
use crate::journal::entry::{AnswerRecord, Decision, Entry, FinalState, Replied, RunContext};
use crate::money::MicroUsd;
use crate::principal::Principal;

/// Runs and their entries.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Inserts an open run. With a worker, the run is claimed by it until `claimed_until` in the same transaction and the
    /// lease has epoch 1; without, any worker may claim it (epoch 0). Durable when it returns. Fails with
    /// [`StoreError::Exists`] when there is a run with that id.
    async fn create(&self, run: &NewRun) -> Result<(), StoreError>;

    /// One run.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError>;

    /// Runs, newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError>;

    /// The entries of a run from position `from` on, by position.
    async fn entries(&self, run: RunId, from: u32) -> Result<Vec<Entry>, StoreError>;

    /// Appends entries at consecutive positions together with the changes that must be atomic with them: all or nothing,
    /// durable when it returns. Fails with [`StoreError::LeaseLost`] when `lease` is no longer the run's (or the run is
    /// not open), and with [`StoreError::Taken`] when a position is written. Says who wants the run cancelled, if anybody
    /// does: what was appended counts all the same.
    async fn append(&self, append: &Append) -> Result<Option<String>, StoreError>;

    /// Takes over up to `limit` open runs that nobody holds (`claimed_until <= now`) and that are due
    /// (`wake_at <= now`), oldest first. Each gets the next epoch. Two workers never get the same run.
    async fn claim(&self, claim: &Claim) -> Result<Vec<RunRecord>, StoreError>;

    /// Extends leases to `until`; leases that are lost are left alone.
    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<(), StoreError>;

    /// Gives an open run back, to be claimed no sooner than `wake_at`, and adds one to its `failures`.
    async fn release(&self, lease: &Lease, wake_at: Timestamp) -> Result<(), StoreError>;
}

/// A run about to be inserted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The agent's name.
    pub agent: String,
    /// The agent's version: the content hash of its bundle.
    pub version: String,
    /// Who asks.
    pub principal: Principal,
    /// The request, raw.
    pub input: String,
    /// What came with it.
    pub context: RunContext,
    /// When it arrived.
    pub created_at: Timestamp,
    /// The worker that starts on it at once, and until when it holds the run.
    pub claim: Option<(String, Timestamp)>,
}

/// A run as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The agent's name.
    pub agent: String,
    /// The agent's version.
    pub version: String,
    /// Who asks.
    pub principal: Principal,
    /// The request, raw.
    pub input: String,
    /// What came with it.
    pub context: RunContext,
    /// When it arrived.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: RunState,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Claimed so often; the lease's epoch.
    pub epoch: i64,
    /// Given back so often after a failure of ours.
    pub failures: i64,
    /// The approval that it is parked on.
    pub approval: Option<ApprovalId>,
    /// What it cost so far.
    pub cost: MicroUsd,
    /// Who wants it cancelled.
    pub cancelled_by: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// A worker has it, or should.
    Open,
    /// It waits for a person.
    Parked,
    /// It ended.
    Ended(FinalState),
}

impl RunState {
    /// The word for it, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Parked => "parked",
            Self::Ended(state) => state.as_str(),
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        const ALL: [RunState; 7] = [
            RunState::Open,
            RunState::Parked,
            RunState::Ended(FinalState::Answered),
            RunState::Ended(FinalState::Refused),
            RunState::Ended(FinalState::Escalated),
            RunState::Ended(FinalState::Cancelled),
            RunState::Ended(FinalState::Failed),
        ];
        ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only this agent's.
    pub agent: Option<String>,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only this principal's.
    pub principal: Option<String>,
    /// Only those of this conversation.
    pub conversation: Option<String>,
    /// Only those whose request holds this text, without regard to ASCII case.
    pub text: Option<String>,
    /// Only runs older than this one, for the next page.
    pub before: Option<RunId>,
    /// At most so many; a store may set a lower bound of its own, so read page by page.
    pub limit: u32,
}

/// The right to append to a run, until somebody else claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The worker.
    pub worker: String,
    /// Rises with every claim.
    pub epoch: i64,
}

/// A worker that looks for runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The worker's name, unique per process.
    pub worker: String,
    /// Now.
    pub now: Timestamp,
    /// How long it holds what it gets.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u32,
}

/// What one [`Journal::append`] writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Proof that the run is the caller's.
    pub lease: Lease,
    /// Entries at consecutive positions.
    pub entries: Vec<Entry>,
    /// Rows that must be atomic with them.
    pub changes: Vec<Change>,
}

/// A row that is written together with entries.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Inserts a pending approval, parks the run on it and ends the lease. If the approval exists and is decided already, the
    /// run stays open and is due at once.
    Park(NewApproval),
    /// Inserts or updates the effect of `(run, position)` in the ledger.
    Effect(EffectRow),
    /// Replaces the reservation of `(run, position)` by what was really spent.
    Settle {
        /// The position that was reserved for.
        position: u32,
        /// What it cost.
        spent: MicroUsd,
    },
    /// Ends the run and its lease.
    Finish {
        /// When.
        at: Timestamp,
        /// The reply as journaled.
        reply: Box<Replied>,
    },
}

/// Questions to people.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// One approval.
    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError>;

    /// Approvals, newest first.
    async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRecord>, StoreError>;

    /// How many wait, and since when the oldest does.
    async fn waiting(&self) -> Result<(u64, Option<Timestamp>), StoreError>;

    /// Decides a pending, unexpired approval, once, atomically, and makes its run open and due. The caller has checked
    /// who may decide.
    async fn decide(&self, verdict: &Ruling) -> Result<Decided, StoreError>;

    /// Marks pending approvals past their time as expired and makes their runs open and due; says how many.
    async fn expire(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// Which approvals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only those that wait.
    pub only_pending: bool,
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only this agent's.
    pub agent: Option<String>,
    /// Only approvals older than this one, for the next page.
    pub before: Option<ApprovalId>,
    /// At most so many; a store may set a lower bound of its own, so read page by page.
    pub limit: u32,
}

/// An approval about to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct NewApproval {
    /// Its id.
    pub id: ApprovalId,
    /// The run that waits.
    pub run: RunId,
    /// The agent.
    pub agent: String,
    /// Who asked the agent.
    pub principal: Principal,
    /// The tool.
    pub tool: String,
    /// The exact arguments.
    pub arguments: Map<String, Value>,
    /// SHA-256 of the canonical arguments, hex.
    pub arguments_hash: String,
    /// Why a person is asked.
    pub reason: String,
    /// When it was asked.
    pub created_at: Timestamp,
    /// No answer by then means no.
    pub expires_at: Timestamp,
}

/// An approval as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalRecord {
    /// What was asked.
    pub asked: NewApproval,
    /// `None` while it waits.
    pub decision: Option<Decision>,
    /// Who decided; empty when nobody did.
    pub decided_by: String,
    /// The person's reason.
    pub decision_reason: String,
    /// The arguments as the person changed them.
    pub edited: Option<Map<String, Value>>,
    /// The person's own answer.
    pub answer: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

/// A person's decision about to be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// Which approval.
    pub approval: ApprovalId,
    /// What the person wants.
    pub verdict: Verdict,
    /// The hash of the arguments that the person saw; another one than the stored one is refused.
    pub arguments_hash: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub now: Timestamp,
}

/// What a person wants to happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The action as it was shown.
    Approve,
    /// The action with these arguments instead; they are judged like any others before they run.
    Edit(Map<String, Value>),
    /// Nothing; the agent reads the reason.
    Reject,
    /// Nothing; the principal gets this answer from the person.
    TakeOver(String),
}

impl Verdict {
    /// The decision that it leads to.
    pub const fn decision(&self) -> Decision {
        match self {
            Self::Approve => Decision::Approved,
            Self::Edit(_) => Decision::Edited,
            Self::Reject => Decision::Rejected,
            Self::TakeOver(_) => Decision::TakenOver,
        }
    }
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It counts.
    Taken,
    /// Somebody was faster.
    AlreadyDecided {
        /// How.
        decision: Decision,
        /// Who.
        by: String,
    },
    /// Too late.
    Expired,
    /// The arguments are not those that the person saw.
    OtherArguments,
    /// There is no such approval.
    Unknown,
}

/// One side effect, from intent to outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectRow {
    /// The run.
    pub run: RunId,
    /// The position of its intent.
    pub position: u32,
    /// The agent.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// The exact arguments.
    pub arguments: Map<String, Value>,
    /// SHA-256 of the canonical arguments, hex.
    pub arguments_hash: String,
    /// The key that travels with the call.
    pub idempotency_key: String,
    /// Who allowed it: an approval's id or `policy`.
    pub authority: String,
    /// Where it stands.
    pub state: EffectState,
    /// What says so: the result, the error, or the probe's reading.
    pub evidence: String,
    /// When it came to stand there.
    pub at: Timestamp,
}

/// Where a side effect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EffectState {
    /// The call is on its way, or was when the process died.
    Dispatched,
    /// It happened.
    Confirmed,
    /// It did not happen.
    Failed,
    /// Nobody knows; a person must look.
    Unknown,
}

impl EffectState {
    /// The word for it, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispatched => "dispatched",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Dispatched, Self::Confirmed, Self::Failed, Self::Unknown]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// What agents did to the world.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Effects, newest first; only those of `run` when given; at most `limit`.
    async fn effects(&self, run: Option<RunId>, limit: u32) -> Result<Vec<EffectRow>, StoreError>;
}

/// Money by day, shared by all replicas.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// Reserves `amount` under every scope or under none. Repeating it for the same `(run, position)` reserves once.
    async fn reserve(&self, reservation: &Reservation) -> Result<Reserved, StoreError>;

    /// What a scope has spent and reserved on a day.
    async fn spent(&self, scope: &str, day: i64) -> Result<MicroUsd, StoreError>;
}

/// Money set aside before a model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// For which run.
    pub run: RunId,
    /// For which step.
    pub position: u32,
    /// [`Timestamp::day`] that it counts in.
    pub day: i64,
    /// The worst case.
    pub amount: MicroUsd,
    /// Scope and its limit per day, such as `agent/returns` or `principal/default/returns/c-1001`.
    pub scopes: Vec<(String, MicroUsd)>,
}

/// What became of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The money is set aside.
    Yes,
    /// It would go over this scope's limit; nothing was set aside.
    Over {
        /// The scope.
        scope: String,
        /// Its limit.
        limit: MicroUsd,
        /// Spent and reserved already.
        spent: MicroUsd,
    },
}

/// Answers that may be given again.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// The answer under `key`, unless it expired.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<AnswerRecord>, StoreError>;

    /// Keeps `answer` under `key` until `expires`; replaces an older one. Need not be durable when it returns.
    async fn put(&self, key: &str, answer: &AnswerRecord, expires: Timestamp) -> Result<(), StoreError>;
}
