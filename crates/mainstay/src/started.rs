//! A run that was accepted and is being driven.

use std::time::Duration;

use mainstay_core::id::RunId;
use mainstay_core::runtime::Driven;
use mainstay_core::store::RunRecord;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::reply::Reply;

/// See the module. The run goes on when this is dropped.
#[derive(Debug)]
pub struct Started {
    /// The run as it was stored.
    pub run: RunRecord,
    driven: JoinHandle<Driven>,
}

impl Started {
    pub(crate) const fn new(run: RunRecord, driven: JoinHandle<Driven>) -> Self {
        Self { run, driven }
    }

    /// Waits until the run has ended, is parked on a person, or failed for a reason of ours; at most `within`. `None`: it
    /// is still going.
    pub async fn reply(self, within: Duration) -> Option<Reply> {
        let run: RunId = self.run.id;
        let driven = timeout(within, self.driven).await.ok()?;
        // A task that was aborted, or panicked, leaves the run to the next worker.
        Some(Reply::new(run, driven.unwrap_or(Driven::Open)))
    }

    pub(crate) async fn ended(self) -> Reply {
        Reply::new(self.run.id, self.driven.await.unwrap_or(Driven::Open))
    }
}
