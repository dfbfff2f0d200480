//! Kills a process, as far as its journal can tell: at the n-th append it stops for good, before or after writing.
//!
//! What was in memory is lost with the runtime that held it; what the journal has is what the next worker finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::{Retry, StoreError};
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::Entry;
use mainstay_core::store::{Append, Claim, Journal, Lease, NewRun, RunFilter, RunRecord};

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Right before the n-th append (from 0) is written.
    Before(u32),
    /// Right after it is written, before anybody learns of it.
    After(u32),
    /// Never; for counting boundaries.
    Never,
}

/// A journal that dies. After its death every call fails.
pub struct Mortal {
    journal: Arc<dyn Journal>,
    death: Death,
    appends: AtomicU32,
}

impl Mortal {
    /// Wraps `journal`.
    pub fn new(journal: Arc<dyn Journal>, death: Death) -> Arc<Self> {
        Arc::new(Self { journal, death, appends: AtomicU32::new(0) })
    }

    /// How many appends were asked for.
    pub fn appends(&self) -> u32 {
        self.appends.load(Ordering::SeqCst)
    }

    /// True once it has died.
    pub fn is_dead(&self) -> bool {
        match self.death {
            Death::Before(n) | Death::After(n) => self.appends() > n,
            Death::Never => false,
        }
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.is_dead() { Err(dead()) } else { Ok(()) }
    }
}

fn dead() -> StoreError {
    StoreError::Database { message: "the process is dead".to_owned(), retry: Retry::No }
}

#[async_trait]
impl Journal for Mortal {
    async fn create(&self, run: &NewRun) -> Result<(), StoreError> {
        self.alive()?;
        self.journal.create(run).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.alive()?;
        self.journal.run(run).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        self.alive()?;
        self.journal.runs(filter).await
    }

    async fn entries(&self, run: RunId, from: u32) -> Result<Vec<Entry>, StoreError> {
        self.alive()?;
        self.journal.entries(run, from).await
    }

    async fn append(&self, append: &Append) -> Result<Option<String>, StoreError> {
        self.alive()?;
        let n = self.appends.fetch_add(1, Ordering::SeqCst);
        match self.death {
            Death::Before(at) if at == n => Err(dead()),
            Death::After(at) if at == n => {
                self.journal.append(append).await?;
                Err(dead())
            }
            Death::Before(_) | Death::After(_) | Death::Never => self.journal.append(append).await,
        }
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<RunRecord>, StoreError> {
        self.alive()?;
        self.journal.claim(claim).await
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<(), StoreError> {
        self.alive()?;
        self.journal.renew(leases, until).await
    }

    async fn release(&self, lease: &Lease, wake_at: Timestamp) -> Result<(), StoreError> {
        self.alive()?;
        self.journal.release(lease, wake_at).await
    }
}
