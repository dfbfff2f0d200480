//! What hangs on the journal: counters, people who follow a run live, and the exporters of traces. All of them are told
//! after the fact, at once, and none can fail or delay a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_core::id::RunId;
use mainstay_core::runtime::Observer;
use mainstay_core::store::{Append, Change, RunRecord};
use mainstay_telemetry::Exporters;
use tokio::sync::Notify;

use crate::metrics::Metrics;

/// Tells everybody.
pub(crate) struct Observers {
    pub(crate) metrics: Metrics,
    pub(crate) live: Arc<Live>,
    pub(crate) exporters: Option<Exporters>,
}

impl Observer for Observers {
    fn appended(&self, run: &RunRecord, append: &Append) {
        self.metrics.appended(run, append);
        self.live.tell(run.id);
        let is_over = append.changes.iter().any(|change| matches!(change, Change::Finish { .. }));
        if let (true, Some(exporters)) = (is_over, &self.exporters) {
            exporters.offer(run.id);
        }
    }
}

/// Runs that somebody follows in this process.
#[derive(Debug, Default)]
pub(crate) struct Live {
    followed: Mutex<HashMap<RunId, Followed>>,
}

#[derive(Debug, Default)]
struct Followed {
    news: Arc<Notify>,
    by: usize,
}

impl Live {
    /// From now on, tells of `run` until the follower is dropped.
    pub(crate) fn follow(self: &Arc<Self>, run: RunId) -> Follower {
        let mut followed = self.lock();
        let entry = followed.entry(run).or_default();
        entry.by += 1;
        Follower { live: Arc::clone(self), run, news: Arc::clone(&entry.news) }
    }

    fn tell(&self, run: RunId) {
        if let Some(followed) = self.lock().get(&run) {
            followed.news.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who follows a run.
#[derive(Debug)]
pub struct Follower {
    live: Arc<Live>,
    run: RunId,
    news: Arc<Notify>,
}

impl Follower {
    /// Ends when this process has written something for the run. Whoever waits begins to listen with the first poll, so look
    /// at the journal once more after that, and every second besides: another process may have written.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + '_ {
        self.news.notified()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut followed = self.live.lock();
        if let Some(entry) = followed.get_mut(&self.run) {
            entry.by -= 1;
            if entry.by == 0 {
                followed.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_follower_hears_of_its_run_and_leaves_nothing_behind() {
        let live = Arc::new(Live::default());
        let (run, other) = (RunId::from_uuid(uuid::Uuid::from_u128(1)), RunId::from_uuid(uuid::Uuid::from_u128(2)));
        let (first, second) = (live.follow(run), live.follow(run));
        let (mut one, mut two) = (Box::pin(first.changed()), Box::pin(second.changed()));
        assert!(futures_are_pending(&mut one, &mut two).await);
        live.tell(other);
        assert!(futures_are_pending(&mut one, &mut two).await);
        live.tell(run);
        one.await;
        two.await;
        drop((first, second));
        assert!(live.lock().is_empty());
    }

    async fn futures_are_pending(
        one: &mut (impl Future<Output = ()> + Unpin),
        two: &mut (impl Future<Output = ()> + Unpin),
    ) -> bool {
        tokio::select! {
            biased;
            () = one => false,
            () = two => false,
            () = std::future::ready(()) => true,
        }
    }
}
