//! One destination's worker: takes batches from memory and from the spool, and does not lose them while the destination is
//! away.
//!
//! A batch that cannot be delivered is tried a few times more and then put into the spool; until the destination is well
//! again, everything goes there, and the oldest file is the probe. That leaves one place to wait in, whatever goes wrong.

pub(crate) mod backoff;
pub(crate) mod destination;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstay_core::clock::Clock;
use mainstay_egress::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use crate::counters::{DropReason, Tally};
use crate::deliver::backoff::{Backoff, pause};
use crate::deliver::destination::Destination;
use crate::exporter::closing::Closing;
use crate::spool::{Spool, Spooled};

/// Some runs as the bytes of one `ExportTraceServiceRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) runs: u64,
    pub(crate) spans: u64,
    pub(crate) bytes: Bytes,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was taken, perhaps without some of its spans.
    Delivered { rejected_spans: u64, words: Words },
    /// It will never be taken.
    Rejected { words: Words },
    /// Whoever sent it is not known there.
    Unauthorized { words: Words },
    /// Another time, perhaps; `is_fault` when the request itself may be what the far side stumbles over.
    Later { after: Option<Duration>, is_fault: bool, words: Words },
}

/// Why, for a person.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// What we say, without secrets.
    pub(crate) ours: String,
    /// What the far side said.
    pub(crate) theirs: String,
}

impl Words {
    pub(crate) fn ours(words: impl fmt::Display) -> Self {
        Self { ours: words.to_string(), theirs: String::new() }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.theirs.as_str() {
            "" => f.write_str(&self.ours),
            theirs => write!(f, "{}: {theirs}", self.ours),
        }
    }
}

impl Outcome {
    pub(crate) fn words_mut(&mut self) -> &mut Words {
        match self {
            Self::Delivered { words, .. }
            | Self::Rejected { words }
            | Self::Unauthorized { words }
            | Self::Later { words, .. } => words,
        }
    }
}

/// A destination's spool and counters, which who encodes shares with who delivers.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    spool: Arc<Mutex<Spool>>,
    pub(crate) tally: Arc<Tally>,
}

impl Outbox {
    pub(crate) fn new(spool: Spool, tally: Arc<Tally>) -> Self {
        tally.spooled(spool.bytes());
        Self { spool: Arc::new(Mutex::new(spool)), tally }
    }

    /// Puts a batch on disk, for later.
    pub(crate) fn keep(&self, batch: &Batch) {
        let mut spool = self.spool();
        match spool.push(batch) {
            Ok(dropped) => self.tally.dropped(DropReason::SpoolFull, dropped),
            Err(error) => {
                self.tally.dropped(DropReason::SpoolFailed, batch.runs);
                self.tally.error(Some(format!("the spool cannot be written: {error}")));
            }
        }
        self.tally.spooled(spool.bytes());
    }

    fn remove(&self, number: u64) {
        let mut spool = self.spool();
        spool.remove(number);
        self.tally.spooled(spool.bytes());
    }

    fn files(&self) -> usize {
        self.spool().len()
    }

    /// The file that is `index` places behind the oldest.
    fn read(&self, index: usize) -> Option<(u64, Batch)> {
        let mut spool = self.spool();
        let read = spool.read(index);
        self.tally.spooled(spool.bytes());
        match read? {
            (number, Spooled::Batch(batch)) => Some((number, batch)),
            (number, Spooled::SetAside(runs)) => {
                self.tally.dropped(DropReason::Unreadable, runs);
                let name = self.tally.name();
                tracing::warn!(destination = name, "file {number} of the spool of `{name}` was set aside");
                None
            }
        }
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers to one destination until it is told to end.
pub(crate) struct Worker {
    pub(crate) destination: Destination,
    pub(crate) batches: Receiver<Batch>,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) closing: Closing,
    state: State,
}

/// What a worker remembers between batches.
#[derive(Debug, Default)]
struct State {
    backoff: Backoff,
    /// The batch from memory that is on its way.
    current: Option<Batch>,
    /// No more batches will come.
    has_ended: bool,
    /// The oldest file, and how often the far side stumbled over it.
    stumbled: Option<(u64, u32)>,
    logged_at: Option<Instant>,
}

/// A batch from memory is tried so often before it goes to the spool.
const TRIES: u32 = 3;
/// Who stumbles so often over one file is asked to take another one in between: if that works, the file is to blame.
const STUMBLES: u32 = 3;
/// The log hears of a destination's troubles once in this time at most.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// What a worker does next.
enum Next {
    Fresh(Option<Batch>),
    Spooled,
}

impl Worker {
    pub(crate) fn new(
        destination: Destination,
        batches: Receiver<Batch>,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        closing: Closing,
    ) -> Self {
        Self { destination, batches, outbox, clock, closing, state: State::default() }
    }

    /// Works until the channel is closed and nothing more can be done in time; what is left is in the spool then.
    pub(crate) async fn run(mut self) {
        let over = self.closing.clone().end();
        tokio::select! {
            () = self.work() => {}
            () = over => {}
        }
        let on_its_way = self.state.current.take();
        on_its_way.iter().for_each(|batch| self.outbox.keep(batch));
        // Who encodes ends at the same moment; its last batch may still come.
        while let Some(batch) = self.batches.recv().await {
            self.outbox.keep(&batch);
        }
    }

    async fn work(&mut self) {
        loop {
            match self.next().await {
                Next::Fresh(Some(batch)) if self.must_wait() => self.outbox.keep(&batch),
                Next::Fresh(Some(batch)) => self.deliver_fresh(batch).await,
                Next::Fresh(None) => self.state.has_ended = true,
                Next::Spooled => self.deliver_spooled().await,
            }
            let is_idle = self.outbox.files() == 0 || !self.state.backoff.is_well();
            if self.state.has_ended && is_idle {
                return;
            }
        }
    }

    /// Whether a fresh batch has others before it.
    fn must_wait(&self) -> bool {
        let backoff = &self.state.backoff;
        !backoff.is_well() && (backoff.is_resting() || self.outbox.files() > 0)
    }

    async fn next(&mut self) -> Next {
        // Who encodes puts files there too, but only while the channel is full, so that we look again soon.
        let has_files = self.outbox.files() > 0;
        let backoff = &self.state.backoff;
        tokio::select! {
            batch = self.batches.recv(), if !self.state.has_ended => Next::Fresh(batch),
            () = backoff.due(), if has_files => Next::Spooled,
        }
    }

    async fn deliver_fresh(&mut self, batch: Batch) {
        self.state.current = Some(batch.clone());
        for tries in 1..=TRIES {
            match self.destination.send(&batch.bytes).await {
                Outcome::Delivered { rejected_spans, words } => {
                    self.delivered(&batch, rejected_spans, &words);
                    break;
                }
                Outcome::Rejected { words } | Outcome::Unauthorized { words } => {
                    self.rejected(&batch, &words);
                    break;
                }
                Outcome::Later { after, words, .. } => {
                    self.troubled(&words);
                    if tries < TRIES && after.is_none() && !self.closing.has_begun() {
                        tokio::time::sleep(pause(tries - 1, &*self.clock)).await;
                        continue;
                    }
                    self.state.backoff.fail(after, &*self.clock);
                    self.outbox.keep(&batch);
                    break;
                }
            }
        }
        self.state.current = None;
    }

    async fn deliver_spooled(&mut self) {
        let Some((number, batch)) = self.outbox.read(self.place_to_try()) else { return };
        match self.destination.send(&batch.bytes).await {
            Outcome::Delivered { rejected_spans, words } => {
                self.outbox.remove(number);
                self.delivered(&batch, rejected_spans, &words);
                self.drop_stumbling_block(number);
            }
            Outcome::Rejected { words } | Outcome::Unauthorized { words } => {
                self.outbox.remove(number);
                self.rejected(&batch, &words);
            }
            Outcome::Later { after, is_fault, words } => {
                self.troubled(&words);
                self.state.backoff.fail(after, &*self.clock);
                if is_fault {
                    self.state.stumbled = match self.state.stumbled {
                        Some((oldest, times)) => Some((oldest, times.saturating_add(1))),
                        None => Some((number, 1)),
                    };
                }
            }
        }
    }

    /// The oldest file, or now and then the one behind it.
    fn place_to_try(&self) -> usize {
        let is_doubtful = self.state.stumbled.is_some_and(|(_, times)| times >= STUMBLES && times % 2 == 1);
        usize::from(is_doubtful && self.outbox.files() > 1)
    }

    /// After `number` was delivered: an older file that could not be is to blame itself.
    fn drop_stumbling_block(&mut self, number: u64) {
        let Some((oldest, _)) = self.state.stumbled.take() else { return };
        if oldest != number
            && let Some((first, batch)) = self.outbox.read(0)
            && first == oldest
        {
            self.outbox.remove(oldest);
            self.rejected(&batch, &Words::ours("it fails at these runs and takes others"));
        }
    }

    fn delivered(&mut self, batch: &Batch, rejected_spans: u64, words: &Words) {
        self.state.backoff.succeed();
        self.outbox.tally.exported(batch.runs, batch.spans, rejected_spans);
        self.outbox.tally.error(None);
        if rejected_spans > 0 {
            self.troubled(words);
        }
    }

    fn rejected(&mut self, batch: &Batch, words: &Words) {
        self.outbox.tally.dropped(DropReason::Rejected, batch.runs);
        self.troubled(words);
    }

    fn troubled(&mut self, words: &Words) {
        let name = self.outbox.tally.name();
        let now = Instant::now();
        if self.state.logged_at.is_none_or(|last| now.duration_since(last) >= LOG_EVERY) {
            self.state.logged_at = Some(now);
            // What the far side says may quote what it was sent.
            tracing::warn!(destination = name, "traces do not reach `{name}`: {}", words.ours);
        }
        self.outbox.tally.error(Some(words.to_string()));
    }
}
