//! From run ids to batches: reads each trace once, encodes it for each destination that gets it, and hands full batches over.
//! One trace is in memory at a time.

use std::sync::Arc;
use std::time::Duration;

use mainstay_core::id::RunId;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::counters::DropReason;
use crate::deliver::{Batch, Outbox};
use crate::encode::{Format, TraceOfRun, encode};
use crate::exporter::TraceSource;
use crate::exporter::closing::Closing;
use crate::queue::Queue;
use crate::sample::keep;

/// Reads and encodes until it is told to end.
pub(crate) struct Pump {
    pub(crate) queue: Queue,
    pub(crate) source: Arc<dyn TraceSource>,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) closing: Closing,
}

/// The way to one destination.
pub(crate) struct Outlet {
    pub(crate) format: Format,
    pub(crate) sample: f64,
    pub(crate) sender: Sender<Batch>,
    pub(crate) outbox: Outbox,
    pub(crate) open: Open,
}

/// A batch that is still being filled. Encoded requests that stand one behind the other are one request, so traces are
/// encoded one by one.
#[derive(Debug, Default)]
pub(crate) struct Open {
    runs: u64,
    spans: u64,
    bytes: Vec<u8>,
}

/// A batch that would grow beyond this is handed over first. Many receivers take no more than 4 MiB.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// A trace that is larger is not exported.
const TRACE_BYTES: usize = 16 * 1024 * 1024;
/// Limit of reading one trace.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Reading is tried so often.
const READS: u32 = 2;

impl Pump {
    /// Works until the queue is closed and empty, or until time is over; what is lost then is counted.
    pub(crate) async fn run(mut self) {
        let over = self.closing.clone().end();
        let mut lost = 0;
        tokio::select! {
            () = self.work(&mut lost) => {}
            () = over => {}
        }
        lost += self.queue.abandon();
        for outlet in &mut self.outlets {
            outlet.outbox.tally.dropped(DropReason::Closed, lost);
            outlet.hand_over();
        }
    }

    /// `pending` is the number of runs that were taken from the queue and not read yet.
    async fn work(&mut self, pending: &mut u64) {
        while let Some(runs) = self.queue.take(&mut self.closing).await {
            *pending = u64::try_from(runs.len()).unwrap_or(0);
            for run in runs {
                let trace = read(&*self.source, run).await;
                *pending = pending.saturating_sub(1);
                for outlet in &mut self.outlets {
                    match &trace {
                        Some(trace) => outlet.put(trace),
                        None => outlet.outbox.tally.dropped(DropReason::Unreadable, 1),
                    }
                }
            }
            self.outlets.iter_mut().for_each(Outlet::hand_over);
            // Deliveries run on this thread too.
            tokio::task::yield_now().await;
        }
    }
}

async fn read(source: &dyn TraceSource, run: RunId) -> Option<TraceOfRun> {
    for tries in 1..=READS {
        match tokio::time::timeout(READ_LIMIT, source.trace(run)).await {
            Ok(Ok(Some(trace))) => return Some(trace),
            Ok(Ok(None)) => {
                tracing::debug!(run.id = %run, "{run} has no trace to export");
                return None;
            }
            Ok(Err(error)) if tries == READS => {
                tracing::warn!(run.id = %run, "the trace of {run} cannot be read: {error}");
            }
            Err(_) if tries == READS => tracing::warn!(run.id = %run, "the trace of {run} cannot be read in time"),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    None
}

impl Outlet {
    fn put(&mut self, trace: &TraceOfRun) {
        if !keep(&trace.record, self.sample) {
            return;
        }
        let bytes = encode(std::slice::from_ref(trace), &self.format);
        if bytes.len() > TRACE_BYTES {
            self.outbox.tally.dropped(DropReason::TooLarge, 1);
            return;
        }
        if self.open.bytes.len() + bytes.len() > BATCH_BYTES {
            self.hand_over();
        }
        self.open.runs += 1;
        self.open.spans += u64::try_from(trace.spans.len()).unwrap_or(0);
        self.open.bytes.extend_from_slice(&bytes);
    }

    /// Hands the open batch to whoever delivers. If that one is behind, the batch waits on disk: nobody else is held up.
    fn hand_over(&mut self) {
        let Open { runs, spans, bytes } = std::mem::take(&mut self.open);
        if runs == 0 {
            return;
        }
        let batch = Batch { runs, spans, bytes: bytes.into() };
        if let Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) = self.sender.try_send(batch) {
            self.outbox.keep(&batch);
        }
    }
}
