//! What all requests share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mainstay::Mainstay;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::NoKeys;
use crate::error::ApiError;
use crate::limits::BodyLimits;
use crate::listen::ListenCounts;
use crate::metrics::HttpMetrics;
use crate::rate::Rates;
use crate::shed::{Admission, AdmissionSettings};

/// Keys whose rates are kept at a time.
const MOST_RATES: usize = 65_536;
/// So many refusals of strangers are noted in a minute; the rest is only counted.
const STRANGERS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// When somebody who found no place for a stream should come back.
const STREAM_RETRY: u64 = 5;

/// How much the API takes on.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Requests at work at a time, and who may wait.
    pub admission: AdmissionSettings,
    /// Bodies of requests.
    pub body: BodyLimits,
    /// People who follow a run at a time.
    pub streams: usize,
    /// How long one stream lasts at most.
    pub stream_life: Duration,
    /// The counters of the listener in front, for the metrics.
    pub listener: Option<Arc<ListenCounts>>,
    /// When cancelled, no new run is taken and streams end.
    pub stop: CancellationToken,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            admission: AdmissionSettings::default(),
            body: BodyLimits::default(),
            streams: 1024,
            stream_life: Duration::from_secs(3600),
            listener: None,
            stop: CancellationToken::new(),
        }
    }
}

/// A handle on what all requests share.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inside>);

pub(crate) struct Inside {
    pub(crate) mainstay: Arc<Mainstay>,
    pub(crate) settings: ApiSettings,
    pub(crate) admission: Admission,
    pub(crate) metrics: HttpMetrics,
    pub(crate) no_keys: NoKeys,
    /// Work that must not stop halfway when a caller hangs up.
    pub(crate) tasks: TaskTracker,
    rates: Rates<String>,
    strangers: Rates<()>,
    streams: Arc<Semaphore>,
}

impl Api {
    pub(crate) fn new(mainstay: Arc<Mainstay>, settings: ApiSettings) -> Self {
        let metrics = HttpMetrics::default();
        mainstay.register_metrics(|registry| metrics.describe(registry, settings.listener.clone()));
        Self(Arc::new(Inside {
            admission: Admission::new(settings.admission),
            metrics,
            no_keys: NoKeys::default(),
            tasks: TaskTracker::new(),
            rates: Rates::new(MOST_RATES),
            strangers: Rates::new(1),
            streams: Arc::new(Semaphore::new(settings.streams.min(Semaphore::MAX_PERMITS))),
            mainstay,
            settings,
        }))
    }

    /// Takes one request of a key's rate.
    pub(crate) fn take_rate(&self, key: &str, per_minute: Option<u32>) -> Result<(), ApiError> {
        let Some(per_minute) = per_minute else { return Ok(()) };
        // A key that may make no requests at all may make one in a minute.
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Ok(self.0.rates.take(key.to_owned(), per_minute, Instant::now())?)
    }

    /// True when another refusal of a stranger may be noted: nobody fills our disk with knocking.
    pub(crate) fn may_note_stranger(&self) -> bool {
        self.0.strangers.take((), STRANGERS_PER_MINUTE, Instant::now()).is_ok()
    }

    /// A place for a stream.
    pub(crate) fn stream(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0.streams).try_acquire_owned().map_err(|_| {
            self.0.metrics.shed.inc();
            ApiError::Overloaded(STREAM_RETRY)
        })
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.settings.stop.is_cancelled()
    }
}

impl std::ops::Deref for Api {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.0
    }
}
