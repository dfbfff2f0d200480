//! What became of the runs of each destination: counted where it happens, read by whoever shows metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Why a destination did not get a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Too many runs waited to be read.
    QueueFull,
    /// Its trace alone is larger than what is sent.
    TooLarge,
    /// The spool had no room left; the oldest make room for newer ones.
    SpoolFull,
    /// The spool could not be written.
    SpoolFailed,
    /// The destination does not want it.
    Rejected,
    /// The journal, or a file of the spool, could not be read.
    Unreadable,
    /// The process ended before it was read.
    Closed,
}

impl DropReason {
    /// All of them, in the order of [`DestinationCounters::dropped_runs`].
    pub const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::TooLarge,
        Self::SpoolFull,
        Self::SpoolFailed,
        Self::Rejected,
        Self::Unreadable,
        Self::Closed,
    ];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::SpoolFull => "spool_full",
            Self::SpoolFailed => "spool_failed",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
            Self::Closed => "closed",
        }
    }
}

/// What became of the runs of one destination since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationCounters {
    /// The destination's name.
    pub name: String,
    /// Runs that were taken. A run that was sent twice, because an answer was lost, counts once.
    pub exported_runs: u64,
    /// Spans that were taken.
    pub exported_spans: u64,
    /// Spans that were refused out of requests which were taken.
    pub rejected_spans: u64,
    /// Runs that it will never get, by reason.
    pub dropped_runs: [(DropReason, u64); 7],
    /// Bytes on disk that wait for it.
    pub spooled_bytes: u64,
    /// Runs that wait to be read; the same for all destinations.
    pub queue_depth: usize,
    /// Batches in memory that wait for it.
    pub waiting_batches: usize,
    /// What went wrong last, without secrets; `None` when nothing did since the last delivery.
    pub last_error: Option<String>,
}

impl DestinationCounters {
    /// Runs that it will never get for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped_runs.iter().filter(|(is, _)| *is == reason).map(|(_, count)| count).sum()
    }
}

/// The counters of one destination while they move.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    name: String,
    exported_runs: AtomicU64,
    exported_spans: AtomicU64,
    rejected_spans: AtomicU64,
    too_large: AtomicU64,
    spool_full: AtomicU64,
    spool_failed: AtomicU64,
    rejected: AtomicU64,
    unreadable: AtomicU64,
    closed: AtomicU64,
    spooled_bytes: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// The part of the counters that all destinations share, and the state of the channels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shared {
    pub(crate) queue_full: u64,
    pub(crate) offered_too_late: u64,
    pub(crate) queue_depth: usize,
    pub(crate) waiting_batches: usize,
}

impl Tally {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn exported(&self, runs: u64, spans: u64, rejected_spans: u64) {
        self.exported_runs.fetch_add(runs, Ordering::Relaxed);
        self.exported_spans.fetch_add(spans.saturating_sub(rejected_spans), Ordering::Relaxed);
        self.rejected_spans.fetch_add(rejected_spans, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, reason: DropReason, runs: u64) {
        let counter = match reason {
            // Counted by the queue itself, once for all.
            DropReason::QueueFull => return,
            DropReason::TooLarge => &self.too_large,
            DropReason::SpoolFull => &self.spool_full,
            DropReason::SpoolFailed => &self.spool_failed,
            DropReason::Rejected => &self.rejected,
            DropReason::Unreadable => &self.unreadable,
            DropReason::Closed => &self.closed,
        };
        counter.fetch_add(runs, Ordering::Relaxed);
    }

    pub(crate) fn spooled(&self, bytes: u64) {
        self.spooled_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Remembers what went wrong; `None` when all is well again. The words must hold no secret.
    pub(crate) fn error(&self, words: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    pub(crate) fn snapshot(&self, shared: Shared) -> DestinationCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let dropped_runs = DropReason::ALL.map(|reason| {
            let count = match reason {
                DropReason::QueueFull => shared.queue_full,
                DropReason::TooLarge => read(&self.too_large),
                DropReason::SpoolFull => read(&self.spool_full),
                DropReason::SpoolFailed => read(&self.spool_failed),
                DropReason::Rejected => read(&self.rejected),
                DropReason::Unreadable => read(&self.unreadable),
                DropReason::Closed => read(&self.closed) + shared.offered_too_late,
            };
            (reason, count)
        });
        DestinationCounters {
            name: self.name.clone(),
            exported_runs: read(&self.exported_runs),
            exported_spans: read(&self.exported_spans),
            rejected_spans: read(&self.rejected_spans),
            dropped_runs,
            spooled_bytes: read(&self.spooled_bytes),
            queue_depth: shared.queue_depth,
            waiting_batches: shared.waiting_batches,
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
