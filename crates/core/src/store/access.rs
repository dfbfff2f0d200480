//! What the API keeps besides runs: who may call, what was asked before, what people said of a run, who did what.

use async_trait::async_trait;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{FeedbackId, KeyId, RunId};
use crate::money::MicroUsd;

/// What callers ask of runs besides starting them.
#[async_trait]
pub trait Requests: Send + Sync {
    /// Notes a request under its idempotency key, once. The first one gets [`Begun::Fresh`]; a repetition gets what the
    /// first one got as its subject, and the first answer once [`Requests::finish`] has stored it.
    async fn begin(&self, request: &NewRequest) -> Result<Begun, StoreError>;

    /// Stores the answer of a request; the first one stays.
    async fn finish(&self, scope: &str, key: &str, response: &Response) -> Result<(), StoreError>;

    /// Asks that a run be cancelled and makes it due: an open run ends at its next safe place, a parked one is woken and
    /// its question closed as [`crate::journal::entry::Decision::Cancelled`]. Atomic.
    async fn cancel(&self, run: RunId, by: &str, now: Timestamp) -> Result<CancelNoted, StoreError>;

    /// Keeps what somebody said of a run; the same id is kept once.
    async fn add_feedback(&self, feedback: &Feedback) -> Result<(), StoreError>;

    /// What was said of a run, oldest first, at most `limit`.
    async fn feedback(&self, run: RunId, limit: u32) -> Result<Vec<Feedback>, StoreError>;

    /// Forgets requests that were noted before `before`; says how many.
    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// A request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// Whose keys these are: an API key's id, or `local`.
    pub scope: String,
    /// The `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of method, path and body, hex.
    pub hash: String,
    /// The id of whatever this request will make.
    pub subject: Uuid,
    /// When.
    pub at: Timestamp,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nobody asked this before.
    Fresh,
    /// Asked before, with the same content.
    Again {
        /// What the first request was given.
        subject: Uuid,
        /// Its answer, once there is one.
        response: Option<Response>,
    },
    /// The key was used for something else.
    OtherContent,
}

/// An answer as it went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// What became of the wish to cancel a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelNoted {
    /// It will end at its next safe place.
    Noted,
    /// It has ended already.
    Ended,
    /// There is no such run.
    Unknown,
}

/// What somebody said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Its id.
    pub id: FeedbackId,
    /// The run.
    pub run: RunId,
    /// Who.
    pub by: String,
    /// From -1 (bad) to 1 (good).
    pub rating: Option<i8>,
    /// What the answer should have been.
    pub correction: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Keys to the API.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Keeps a new key. Fails with [`StoreError::Exists`] when its id or its name is taken.
    async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError>;

    /// One key.
    async fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError>;

    /// All keys, newest first, at most `limit`.
    async fn keys(&self, limit: u32) -> Result<Vec<KeyRecord>, StoreError>;

    /// Ends a key for good; false when there is no such key. The first time stays.
    async fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, StoreError>;
}

/// A key to the API as stored: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public half.
    pub id: KeyId,
    /// Who has it, in the operator's words; unique.
    pub name: String,
    /// HMAC-SHA256 of its secret half.
    pub hash: [u8; 32],
    /// What it may do.
    pub roles: Vec<Role>,
    /// The only tenant that it reaches; `None` reaches all.
    pub tenant: Option<String>,
    /// The only agents that it reaches; empty reaches all.
    pub agents: Vec<String>,
    /// So many requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// What all runs that it starts may spend in a day.
    pub usd_per_day: Option<MicroUsd>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Start runs, follow, cancel and rate them.
    Caller,
    /// See runs and approvals, and decide them.
    Reviewer,
    /// See everything that is needed to run the service, and cancel runs.
    Operator,
    /// See everything, change nothing.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Caller, Self::Reviewer, Self::Operator, Self::Auditor];

    /// The word for it, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Reviewer => "reviewer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Who did what, and who tried.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Adds events, all or none.
    async fn note(&self, events: &[AuditEvent]) -> Result<(), StoreError>;

    /// Events, newest first.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError>;
}

/// One thing that somebody did, or was not allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Sorts by time.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// A key's name, `anonymous`, or who sat at the machine.
    pub actor: String,
    /// In which tenant; empty when it concerns none or all.
    pub tenant: String,
    /// What, such as `approval.decide` or `run.read`.
    pub action: String,
    /// To what, such as a run's id.
    pub subject: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// More words, without content.
    pub detail: String,
}

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only events older than this one, for the next page.
    pub before: Option<Uuid>,
    /// At most so many; a store may set a lower bound of its own.
    pub limit: u32,
}
