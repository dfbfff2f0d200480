//! Load shedding: a bounded number of requests at work, a short queue, and a friendly no to the rest.
//!
//! A request that cannot be done soon is better refused at once: its caller hears so in time to do something else, and
//! memory does not grow with demand. The queue is first come, first served, bounded in length and in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Callers that are refused in a row are told different times, so that they do not come back together.
const SPREAD: u64 = 3;

/// How much is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// Requests at work at a time.
    pub at_work: usize,
    /// Requests that may wait for their turn.
    pub waiting: usize,
    /// How long one may wait.
    pub patience: Duration,
    /// The shortest time after which a refused caller should try again; rounded up to seconds.
    pub retry_after: Duration,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self { at_work: 256, waiting: 256, patience: Duration::from_secs(1), retry_after: Duration::from_secs(1) }
    }
}

/// Decides who may enter. A clone is a handle on the same.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    settings: AdmissionSettings,
    free: Arc<Semaphore>,
    at_work: AtomicUsize,
    waiting: AtomicUsize,
    admitted: AtomicU64,
    shed: AtomicU64,
}

/// A request at work. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Entered {
    inside: Arc<Inside>,
    #[expect(dead_code, reason = "holding it is what it is for")]
    permit: OwnedSemaphorePermit,
}

/// There is too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are at work")]
pub struct Shed {
    /// When to try again: whole seconds, at least one.
    pub retry_after: Duration,
}

/// What an [`Admission`] held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionCounted {
    /// Requests that were let in, ever.
    pub admitted: u64,
    /// Requests that were refused, ever.
    pub shed: u64,
    /// Requests at work now.
    pub at_work: usize,
    /// Requests that wait now.
    pub waiting: usize,
}

impl Admission {
    /// With nobody inside. At least one request may be at work, whatever the settings say.
    pub fn new(settings: AdmissionSettings) -> Self {
        let places = settings.at_work.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Inside {
            settings,
            free: Arc::new(Semaphore::new(places)),
            at_work: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            admitted: AtomicU64::new(0),
            shed: AtomicU64::new(0),
        }))
    }

    /// Enters at once if there is room, after a short wait if there soon is, and otherwise not. A caller who hangs up
    /// while waiting leaves the queue.
    ///
    /// # Errors
    ///
    /// [`Shed`]: the queue is full, or the wait was too long.
    pub async fn try_enter(&self) -> Result<Entered, Shed> {
        let inside = &self.0;
        // A free permit is never there for the taking while somebody waits: it is handed to the first who does.
        if let Ok(permit) = inside.free.clone().try_acquire_owned() {
            return Ok(inside.enter(permit));
        }
        let Some(waiting) = inside.wait() else { return Err(inside.refuse()) };
        let turn = timeout(inside.settings.patience, inside.free.clone().acquire_owned()).await;
        drop(waiting);
        match turn {
            Ok(Ok(permit)) => Ok(inside.enter(permit)),
            _ => Err(inside.refuse()),
        }
    }

    /// The counters now.
    pub fn read(&self) -> AdmissionCounted {
        AdmissionCounted {
            admitted: self.0.admitted.load(Ordering::Relaxed),
            shed: self.0.shed.load(Ordering::Relaxed),
            at_work: self.0.at_work.load(Ordering::Relaxed),
            waiting: self.0.waiting.load(Ordering::Relaxed),
        }
    }
}

impl Inside {
    fn enter(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Entered {
        self.admitted.fetch_add(1, Ordering::Relaxed);
        self.at_work.fetch_add(1, Ordering::Relaxed);
        Entered { inside: self.clone(), permit }
    }

    fn wait(&self) -> Option<InQueue<'_>> {
        let most = self.settings.waiting;
        let join = |waiting| (waiting < most).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, join).ok()?;
        Some(InQueue(&self.waiting))
    }

    fn refuse(&self) -> Shed {
        let before = self.shed.fetch_add(1, Ordering::Relaxed);
        let least = self.settings.retry_after.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(least).unwrap_or(u64::MAX).saturating_add(before % SPREAD);
        Shed { retry_after: Duration::from_secs(seconds) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.inside.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place in the queue.
struct InQueue<'a>(&'a AtomicUsize);

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;
    use tokio::time::{Instant, advance};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn of(at_work: usize, waiting: usize) -> Admission {
        let retry_after = Duration::from_millis(1500);
        Admission::new(AdmissionSettings { at_work, waiting, patience: PATIENCE, retry_after })
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_bounds_of_work_and_queue_a_request_is_refused_at_once() {
        let admission = of(2, 1);
        let inside = [admission.try_enter().await.unwrap(), admission.try_enter().await.unwrap()];
        let mut third = Box::pin(admission.try_enter());
        assert!(poll!(&mut third).is_pending());
        let began = Instant::now();
        let refused = admission.try_enter().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(refused.retry_after, Duration::from_secs(2), "whole seconds, rounded up");
        assert_eq!(admission.read(), AdmissionCounted { admitted: 2, shed: 1, at_work: 2, waiting: 1 });
        drop(inside);
        let third = third.await.unwrap();
        assert_eq!(admission.read(), AdmissionCounted { admitted: 3, shed: 1, at_work: 1, waiting: 0 });
        drop(third);
        assert_eq!(admission.read().at_work, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_too_long_is_refused_and_leaves_the_queue() {
        let admission = of(1, 1);
        let _inside = admission.try_enter().await.unwrap();
        let began = Instant::now();
        assert!(admission.try_enter().await.is_err());
        assert_eq!(began.elapsed(), PATIENCE);
        assert_eq!(admission.read(), AdmissionCounted { admitted: 1, shed: 1, at_work: 1, waiting: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_enters_first_and_a_newcomer_does_not_overtake() {
        let admission = of(1, 2);
        let inside = admission.try_enter().await.unwrap();
        let mut first = Box::pin(admission.try_enter());
        assert!(poll!(&mut first).is_pending());
        let mut second = Box::pin(admission.try_enter());
        assert!(poll!(&mut second).is_pending());
        drop(inside);
        let mut newcomer = Box::pin(admission.try_enter());
        assert!(matches!(poll!(&mut newcomer), Poll::Ready(Err(_))), "the permit is the first one's");
        assert!(poll!(&mut second).is_pending());
        let first = first.await.unwrap();
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_hangs_up_leaves_nothing_behind() {
        let admission = of(1, 1);
        let inside = admission.try_enter().await.unwrap();
        let mut gone = Box::pin(admission.try_enter());
        assert!(poll!(&mut gone).is_pending());
        drop(gone);
        assert_eq!(admission.read().waiting, 0);
        drop(inside);
        advance(PATIENCE).await;
        assert!(admission.try_enter().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn refused_callers_are_told_to_come_back_at_different_times() {
        let admission = of(1, 0);
        let _inside = admission.try_enter().await.unwrap();
        let mut seconds = Vec::new();
        for _ in 0..6 {
            seconds.push(admission.try_enter().await.unwrap_err().retry_after.as_secs());
        }
        assert_eq!(seconds, [2, 3, 4, 2, 3, 4]);
    }
}
