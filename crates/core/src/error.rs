//! Failures: what we could not do, and whether repeating may help.
//!
//! What the business would call normal (refused, escalated, blocked) is never an error; see the pipeline.

use std::time::Duration;

use crate::id::ApprovalId;

/// Whether the same request may succeed later. Decided where the failure is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It will fail again.
    No,
    /// Try again, waiting longer each time.
    Backoff,
    /// Try again no sooner than this.
    After(Duration),
}

/// Why `pipeline::handle` stopped without a reply.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The run waits for a person and goes on when they have decided.
    #[error("parked on approval {0}")]
    Parked(ApprovalId),
    /// The journal holds another step than the code asks for: the agent or the program changed under an open run.
    #[error("the journal holds `{recorded}` at position {position}, but the run asks for `{asked}`")]
    Diverged {
        /// Where.
        position: u32,
        /// What is journaled.
        recorded: String,
        /// What the code wanted to do.
        asked: String,
    },
    /// Another worker owns the run now; this one must stop.
    #[error("another worker owns this run")]
    LostRun,
    /// Our own infrastructure failed; the run stays open and is tried again.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Our own infrastructure failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not do its work.
    #[error("the run store failed")]
    Store(#[from] StoreError),
    /// The run's agent is not configured here.
    #[error("there is no agent `{0}` here")]
    NoAgent(String),
}

/// A store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else already wrote this position of the run.
    #[error("position {position} is taken")]
    Taken {
        /// The position.
        position: u32,
    },
    /// The lease is not (or no longer) this worker's.
    #[error("the lease on the run is lost")]
    LeaseLost,
    /// There is such a row already.
    #[error("there is {0} already")]
    Exists(String),
    /// There is no such row.
    #[error("there is no {0}")]
    NotFound(String),
    /// Something in the store is not what we ever wrote.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
    /// The database failed.
    #[error("the database failed: {message}")]
    Database {
        /// What it said.
        message: String,
        /// Whether repeating may help.
        retry: Retry,
    },
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { .. } | StoreError::LeaseLost => Self::LostRun,
            other => Self::Failed(Error::Store(other)),
        }
    }
}
