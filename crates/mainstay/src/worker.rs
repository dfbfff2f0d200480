//! Drives runs in the background: what this process accepted, and what others left open or people decided.
//!
//! Polling is the guarantee; a nudge only makes it sooner. Leases are renewed while runs are driven.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstay_core::id::RunId;
use mainstay_core::runtime::{Driven, Runtime};
use mainstay_core::store::{Claim, Lease, RunRecord};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

const POLL: Duration = Duration::from_millis(500);

/// The background work of one process.
#[derive(Clone)]
pub(crate) struct Worker {
    runtime: Arc<Runtime>,
    leases: Arc<Mutex<HashMap<RunId, Lease>>>,
    slots: Arc<Semaphore>,
    at_once: usize,
    tasks: TaskTracker,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Worker {
    /// A worker over `runtime` that drives `at_once` runs, while more wait their turn; renews leases from now on, and drives
    /// only what it is given.
    pub(crate) fn start(runtime: Arc<Runtime>, at_once: usize) -> Self {
        let worker = Self {
            runtime,
            leases: Arc::default(),
            slots: Arc::new(Semaphore::new(at_once)),
            at_once,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            stopped: CancellationToken::new(),
        };
        // Not among the tasks that stopping waits for: it ends last.
        TaskTracker::new().spawn(worker.clone().renew_leases());
        worker
    }

    /// Waits for a free place.
    pub(crate) async fn slot(&self) -> Slot {
        // The semaphore is never closed, so a permit always comes.
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok();
        Slot { _permit: permit, _task: self.tasks.token() }
    }

    /// Drives a run that this process holds, to the end of this life of it, whoever waits for it.
    pub(crate) fn drive(&self, record: RunRecord, slot: Slot) -> JoinHandle<Driven> {
        let worker = self.clone();
        self.tasks.spawn(async move { worker.drive_here(record, slot).await })
    }

    /// Runs that are being driven.
    pub(crate) fn at_work(&self) -> usize {
        self.at_once.saturating_sub(self.slots.available_permits())
    }

    /// Takes over whatever is due and drives it until nothing is due any more; says how each run stands.
    pub(crate) async fn drain_due(&self) -> Vec<(RunId, Driven)> {
        let mut all = Vec::new();
        loop {
            let claimed = self.claim(32).await;
            if claimed.is_empty() {
                return all;
            }
            let mut driven = Vec::with_capacity(claimed.len());
            for record in claimed {
                let (run, slot, worker) = (record.id, self.slot().await, self.clone());
                driven.push((run, self.tasks.spawn(async move { worker.drive_here(record, slot).await })));
            }
            for (run, task) in driven {
                all.push((run, task.await.unwrap_or(Driven::Open)));
            }
        }
    }

    /// From now on, takes over whatever becomes due.
    pub(crate) fn watch(&self) {
        self.tasks.spawn(self.clone().watch_due());
    }

    /// Takes over nothing more and waits until what is being driven has stopped, at most `patience`. Says whether it all
    /// did; what did not is resumed by another process.
    pub(crate) async fn stop(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let all_stopped = tokio::time::timeout(patience, self.tasks.wait()).await.is_ok();
        self.stopped.cancel();
        all_stopped
    }

    async fn drive_here(&self, record: RunRecord, slot: Slot) -> Driven {
        let lease = Lease { run: record.id, worker: self.runtime.worker.clone(), epoch: record.epoch };
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id, lease);
        let run = record.id;
        let driven = self.runtime.drive(record).await;
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
        drop(slot);
        driven
    }

    async fn watch_due(self) {
        while !self.stop.is_cancelled() {
            let free = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX).min(64);
            let claimed = if free == 0 { Vec::new() } else { self.claim(free).await };
            let found = claimed.len();
            for record in claimed {
                let slot = self.slot().await;
                let worker = self.clone();
                self.tasks.spawn(async move { worker.drive_here(record, slot).await });
            }
            if found == 0 {
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = sleep(POLL) => {}
                }
            }
        }
    }

    async fn claim(&self, limit: u32) -> Vec<RunRecord> {
        let now = self.runtime.clock.now();
        if let Err(error) = self.runtime.approvals.expire(now).await {
            warn!(%error, "approvals that ran out could not be marked");
        }
        let claim = Claim { worker: self.runtime.worker.clone(), now, until: now.plus(self.runtime.lease_time), limit };
        self.runtime.journal.claim(&claim).await.unwrap_or_else(|error| {
            warn!(%error, "no runs could be claimed");
            Vec::new()
        })
    }

    async fn renew_leases(self) {
        let mut tick = interval(self.runtime.lease_time / 3);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Leases are renewed until the last run has stopped, also while draining.
            tokio::select! {
                _ = tick.tick() => {}
                () = self.stopped.cancelled() => return,
            }
            let held = self.held();
            let until = self.runtime.clock.now().plus(self.runtime.lease_time);
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.runtime.journal.renew(&held, until).await {
                warn!(%error, "leases could not be renewed");
            }
        }
    }

    fn held(&self) -> Vec<Lease> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// A place among the runs that are driven at once.
pub(crate) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
    _task: TaskTrackerToken,
}
