//! Runs of this process that somebody wants to end. Only makes it sooner: what counts is in the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::id::RunId;

/// Who wants which run cancelled.
#[derive(Debug, Default)]
pub struct Cancellations {
    /// Runs at work, and who cancelled them.
    runs: Mutex<HashMap<RunId, Option<String>>>,
    news: Notify,
}

impl Cancellations {
    /// Notes that `by` wants `run` to end; nothing happens when this process does not drive it.
    pub fn request(&self, run: RunId, by: &str) {
        if let Some(cancelled_by) = self.lock().get_mut(&run) {
            *cancelled_by = Some(by.to_owned());
            self.news.notify_waiters();
        }
    }

    /// From now until the guard is dropped, `run` is at work here.
    pub(crate) fn at_work(&self, run: RunId) -> AtWork<'_> {
        self.lock().insert(run, None);
        AtWork { cancellations: self, run }
    }

    /// Waits until somebody wants `run` to end, and says who.
    pub(crate) async fn until(&self, run: RunId) -> String {
        loop {
            let news = self.news.notified();
            if let Some(Some(by)) = self.lock().get(&run) {
                return by.clone();
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Option<String>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that is at work in this process.
#[derive(Debug)]
pub(crate) struct AtWork<'c> {
    cancellations: &'c Cancellations,
    run: RunId,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.cancellations.lock().remove(&self.run);
    }
}
