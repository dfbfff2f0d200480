//! Exporting as a whole: one queue of run ids, one thread of low priority that reads, encodes and delivers, and one worker
//! per destination on it. Nothing that runs an agent ever waits for any of this.

pub(crate) mod closing;
mod pump;
mod settings;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::clock::Clock;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

pub(crate) use closing::{Closer, Closing};
pub use settings::{Credentials, ExporterSettings, TelemetrySettings, Transport};

use crate::content::{Content, Redactor};
use crate::counters::{DestinationCounters, Shared, Tally};
use crate::deliver::destination::{Destination, DestinationError};
use crate::deliver::{Batch, Outbox, Worker};
use crate::encode::{Format, Resource, TraceOfRun};
use crate::exporter::pump::{Open, Outlet, Pump};
use crate::priority;
use crate::queue::{Offers, queue};
use crate::spool::{Spool, SpoolError};

/// Where traces are read.
#[async_trait]
pub trait TraceSource: Send + Sync {
    /// The trace of a run as it stands; `None` when there is no such run.
    ///
    /// It is awaited on the exporters' own runtime, on a thread of low priority. Connections that belong to another runtime
    /// must do their work there: one that is opened here would be served by this thread from then on.
    async fn trace(&self, run: RunId) -> Result<Option<TraceOfRun>, StoreError>;
}

/// All destinations at work. Dropped without [`Exporters::close`], it puts what it has read into the spool and ends.
#[derive(Debug)]
pub struct Exporters(Option<Running>);

#[derive(Debug)]
struct Running {
    offers: Offers,
    closer: Closer,
    /// Ends with the thread.
    ended: watch::Receiver<()>,
    destinations: Vec<(Arc<Tally>, mpsc::WeakSender<Batch>)>,
}

/// Settings that exporting cannot start with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The name is not up to 64 of `a-z`, `0-9`, `-` and `_`.
    #[error("`{0}` cannot be the name of a destination")]
    Name(String),
    /// Two destinations have this name.
    #[error("two destinations are called `{0}`")]
    SameName(String),
    /// The part of all runs that it gets is not between 0 and 1.
    #[error("the sample of destination `{0}` is not between 0 and 1")]
    Sample(String),
    /// It cannot be spoken to as it is set up.
    #[error("cannot export to destination `{name}`")]
    Destination {
        /// Which.
        name: String,
        /// Why not.
        #[source]
        source: DestinationError,
    },
    /// What cannot be delivered at once has no place to wait in.
    #[error("destination `{name}` has no spool")]
    Spool {
        /// Which.
        name: String,
        /// Why not.
        #[source]
        source: SpoolError,
    },
    /// The system gives no thread.
    #[error("cannot start the telemetry thread")]
    Thread(#[source] io::Error),
}

/// Batches in memory that wait for one destination.
const CHANNEL: usize = 8;
/// What the thread may need beyond the patience of who closes: files are written, nothing is sent.
const GRACE: Duration = Duration::from_secs(5);

impl Exporters {
    /// Starts exporting. Without destinations it does nothing, and costs nothing. What a spool holds from an earlier process
    /// is delivered first thing.
    pub fn start(
        settings: TelemetrySettings,
        source: Arc<dyn TraceSource>,
        redactor: Arc<dyn Redactor>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        if settings.exporters.is_empty() {
            return Ok(Self(None));
        }
        check(&settings)?;
        let (offers, queue) = queue(settings.queue);
        let (closer, closing) = Closing::new();
        let mut pump = Pump { queue, source, outlets: Vec::new(), closing: closing.clone() };
        let mut workers = Vec::new();
        let mut destinations = Vec::new();
        for exporter in &settings.exporters {
            let failed = |source| StartError::Destination { name: exporter.name.clone(), source };
            let destination = Destination::new(exporter, clock.clone()).map_err(failed)?;
            let tally = Arc::new(Tally::new(&exporter.name));
            let spool = spool(&settings.spool_dir, settings.spool_bytes, exporter)?;
            let outbox = Outbox::new(spool, tally.clone());
            let (sender, batches) = mpsc::channel(CHANNEL);
            destinations.push((tally, sender.downgrade()));
            let format = Format {
                dialect: exporter.dialect,
                content: exporter.content,
                redactor: redactor.clone(),
                resource: Resource { project: exporter.project.clone(), ..settings.resource.clone() },
            };
            let (outbox_there, open) = (outbox.clone(), Open::default());
            pump.outlets.push(Outlet { format, sample: exporter.sample, sender, outbox: outbox_there, open });
            workers.push(Worker::new(destination, batches, outbox, clock.clone(), closing.clone()));
        }
        let ended = spawn(pump, workers).map_err(StartError::Thread)?;
        Ok(Self(Some(Running { offers, closer, ended, destinations })))
    }

    /// Asks for the trace of `run`, as it will stand when it is read a moment later, to be exported. Never waits: when too
    /// many wait already, the run is dropped and counted.
    pub fn offer(&self, run: RunId) {
        if let Some(running) = &self.0 {
            running.offers.offer(run);
        }
    }

    /// Ends exporting: takes no more runs, delivers what it has within `patience`, and puts the rest into the spool, for the
    /// next process. Runs that could not be read in time are counted. Returns a few seconds after `patience` at the latest.
    pub async fn close(&self, patience: Duration) {
        let Some(running) = &self.0 else { return };
        running.closer.close(patience);
        let mut ended = running.ended.clone();
        // The other end says nothing and goes away with the thread.
        let thread = async { while ended.changed().await.is_ok() {} };
        if tokio::time::timeout(patience.saturating_add(GRACE), thread).await.is_err() {
            tracing::warn!("the telemetry thread does not end; it is left behind");
        }
    }

    /// What became of the runs so far, for each destination in the order of the settings.
    pub fn counters(&self) -> Vec<DestinationCounters> {
        let Some(Running { offers, destinations, .. }) = &self.0 else { return Vec::new() };
        let snapshot = |(tally, batches): &(Arc<Tally>, mpsc::WeakSender<Batch>)| {
            let waiting = batches.upgrade().map_or(0, |batches| batches.max_capacity() - batches.capacity());
            tally.snapshot(Shared {
                queue_full: offers.full(),
                offered_too_late: offers.too_late(),
                queue_depth: offers.depth(),
                waiting_batches: waiting,
            })
        };
        destinations.iter().map(snapshot).collect()
    }
}

fn check(settings: &TelemetrySettings) -> Result<(), StartError> {
    let mut names = HashSet::new();
    for ExporterSettings { name, sample, .. } in &settings.exporters {
        let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(known) {
            return Err(StartError::Name(name.clone()));
        }
        if !names.insert(name) {
            return Err(StartError::SameName(name.clone()));
        }
        if !(0.0..=1.0).contains(sample) {
            return Err(StartError::Sample(name.clone()));
        }
    }
    Ok(())
}

/// What was encoded for one destination must never reach another one, nor the same one under another content policy.
fn spool(root: &Path, max_bytes: u64, exporter: &ExporterSettings) -> Result<Spool, StartError> {
    let dialect = format!("{:?}", exporter.dialect);
    let content = match exporter.content {
        Content::None => "none",
        Content::Redacted => "redacted",
        Content::Full => "full",
    };
    let made_for = [exporter.endpoint.as_str(), dialect.as_str(), content];
    Spool::open(root, &exporter.name, &made_for, max_bytes)
        .map_err(|source| StartError::Spool { name: exporter.name.clone(), source })
}

/// Starts the thread; what it returns is closed when the thread has ended.
fn spawn(pump: Pump, workers: Vec<Worker>) -> io::Result<watch::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let (alive, ended) = watch::channel(());
    let work = async move {
        let tasks = TaskTracker::new();
        for worker in workers {
            tasks.spawn(worker.run());
        }
        pump.run().await;
        tasks.close();
        tasks.wait().await;
    };
    std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
        let _alive = alive;
        priority::lowest();
        runtime.block_on(work);
        // A look-up of a name may hang; nobody waits for it.
        runtime.shutdown_background();
    })?;
    Ok(ended)
}
