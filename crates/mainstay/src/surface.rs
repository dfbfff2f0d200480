//! What a server needs besides runs: keys, the audit trail, repeated requests, feedback, counters.

use std::sync::atomic::Ordering::Relaxed;

use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::{KeyId, RunId};
use mainstay_core::store::access::{
    Audit, AuditEvent, AuditFilter, Begun, Feedback, KeyRecord, Keys, NewRequest, Response,
};
use mainstay_egress::Secret;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use crate::Mainstay;
use crate::audit::Noted;
use crate::config::pepper;
use crate::keys::{self, KeyError, NewKey};
use crate::metrics::{Destination, DestinationDropped, Queue};
use crate::observe::Follower;

/// No list of keys is longer.
const MOST_KEYS: u32 = 1000;

impl Mainstay {
    /// Makes a key. Its text is given here and never again.
    pub async fn create_key(&self, new: NewKey) -> Result<(KeyRecord, Secret), KeyError> {
        let pepper = pepper::find_or_make(&self.root, self.server.pepper.as_ref()).await?;
        let (record, text) = keys::make(new, self.new_uuid(), self.now(), &pepper)?;
        match self.store.add_key(&record).await {
            Ok(()) => Ok((record, text)),
            Err(StoreError::Exists(_)) => Err(KeyError::Taken(record.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// All keys, newest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.store.keys(MOST_KEYS).await
    }

    /// Ends a key for good; every process hears of it within two seconds. False when there is no such key.
    pub async fn revoke_key(&self, key: KeyId) -> Result<bool, StoreError> {
        self.store.revoke_key(key, self.now()).await
    }

    /// Whether any key was ever made: without one, only this machine may call.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(!self.store.keys(1).await?.is_empty())
    }

    /// Whose key this is; `None` when it is unknown, wrong or revoked.
    pub async fn authenticate(&self, key: &str) -> Result<Option<KeyRecord>, StoreError> {
        self.keyring.authenticate(&self.store, key).await
    }

    /// Adds to the audit trail. Never waits; what cannot be kept is counted.
    pub fn note(&self, noted: Noted) {
        self.auditor.note(noted);
    }

    /// The audit trail, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError> {
        self.store.audit(filter).await
    }

    /// Notes a request under its idempotency key.
    pub async fn begin(&self, request: &NewRequest) -> Result<Begun, StoreError> {
        self.runtime.requests.begin(request).await
    }

    /// Keeps the answer of a request for its repetitions.
    pub async fn finish(&self, scope: &str, key: &str, response: &Response) -> Result<(), StoreError> {
        self.runtime.requests.finish(scope, key, response).await
    }

    /// Keeps what somebody said of a run.
    pub async fn add_feedback(&self, feedback: &Feedback) -> Result<(), StoreError> {
        self.runtime.requests.add_feedback(feedback).await
    }

    /// What was said of a run, oldest first.
    pub async fn feedback(&self, run: RunId, limit: u32) -> Result<Vec<Feedback>, StoreError> {
        self.runtime.requests.feedback(run, limit).await
    }

    /// Is told when this process writes something for `run`.
    pub fn follow(&self, run: RunId) -> Follower {
        self.observers.live.follow(run)
    }

    /// Counters in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        let metrics = &self.observers.metrics;
        if let Ok((waiting, oldest)) = self.runtime.approvals.waiting().await {
            metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            metrics.oldest_seconds.set(oldest.map_or(0, |since| (self.now().0 - since.0) / 1000));
        }
        metrics.at_work.set(gauge(self.at_work()));
        metrics.queue.get_or_create(&Queue { queue: "audit" }).set(gauge(self.auditor.waiting()));
        for exporter in self.observers.exporters.iter().flat_map(|exporters| exporters.counters()) {
            let destination = Destination { destination: exporter.name.clone() };
            metrics.exported.get_or_create(&destination).inner().store(exporter.exported_spans, Relaxed);
            metrics.spooled.get_or_create(&destination).set(gauge(exporter.spooled_bytes));
            metrics.queue.get_or_create(&Queue { queue: "telemetry" }).set(gauge(exporter.queue_depth));
            for (reason, count) in exporter.dropped_runs {
                let labels = DestinationDropped { destination: exporter.name.clone(), reason: reason.as_str() };
                metrics.dropped.get_or_create(&labels).inner().store(count, Relaxed);
            }
        }
        metrics.encode()
    }

    /// Adds metrics of a server's own.
    pub fn register_metrics(&self, register: impl FnOnce(&mut Registry)) {
        self.observers.metrics.register(register);
    }

    /// Runs that this process drives.
    pub fn at_work(&self) -> usize {
        self.worker.at_work()
    }

    /// Whether the store answers.
    pub async fn is_ready(&self) -> bool {
        self.store.keys(1).await.is_ok()
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    /// A new id that sorts by time.
    pub fn new_uuid(&self) -> Uuid {
        self.runtime.clock.new_uuid()
    }
}

fn gauge(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
