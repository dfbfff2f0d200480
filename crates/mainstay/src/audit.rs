//! Who did what, and who tried. Events are queued and written together, so that noting one never waits for the disk; when
//! more come than can be written they are counted instead.

use std::sync::Arc;

use mainstay_core::clock::Clock;
use mainstay_core::store::access::{Audit, AuditEvent};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

const QUEUE: usize = 4096;
const BATCH: usize = 256;

/// One thing that somebody did, or was not allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// A key's name, `anonymous`, or who sat at the machine.
    pub actor: String,
    /// In which tenant; empty when it concerns none or all.
    pub tenant: String,
    /// What, such as `approval.decide`.
    pub action: &'static str,
    /// To what, such as a run's id.
    pub subject: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// More words, without content.
    pub detail: String,
}

/// Takes events.
pub(crate) struct Auditor {
    queue: mpsc::Sender<AuditEvent>,
    clock: Arc<dyn Clock>,
    dropped: Counter,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Auditor {
    /// Starts writing to `store`.
    pub(crate) fn start(store: Arc<dyn Audit>, clock: Arc<dyn Clock>, dropped: Counter) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(write(store, events, dropped.clone(), stop.clone()));
        Self { queue, clock, dropped, stop, tasks }
    }

    /// Queues an event.
    pub(crate) fn note(&self, noted: Noted) {
        let Noted { actor, tenant, action, subject, allowed, detail } = noted;
        let event = AuditEvent {
            id: self.clock.new_uuid(),
            at: self.clock.now(),
            actor,
            tenant,
            action: action.to_owned(),
            subject,
            allowed,
            detail,
        };
        if self.queue.try_send(event).is_err() {
            self.dropped.inc();
        }
    }

    /// What waits to be written.
    pub(crate) fn waiting(&self) -> usize {
        QUEUE - self.queue.capacity()
    }

    /// Writes what is queued and ends; what comes later is counted as dropped.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn write(
    store: Arc<dyn Audit>,
    mut events: mpsc::Receiver<AuditEvent>,
    dropped: Counter,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled(), if !events.is_closed() => events.close(),
            received = events.recv_many(&mut batch, BATCH) => if received == 0 { return },
        }
        if batch.is_empty() {
            continue;
        }
        if let Err(error) = store.note(&batch).await {
            warn!(%error, "{} audit events could not be written", batch.len());
            dropped.inc_by(batch.len() as u64);
        }
        batch.clear();
    }
}
