//! The bounded number of connections, and who leaves when one more comes.
//!
//! A connection with a request at work is never asked to leave. Among the quiet ones the longest quiet goes first, so a
//! flood of new connections that say nothing pushes out its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::counts::ListenCounts;

/// Whoever has been quiet for less is between two requests of a busy client, or about to say its first.
const SPARED: Duration = Duration::from_millis(200);

/// How long the one that was asked to leave may take.
const LEAVING: Duration = Duration::from_millis(250);

pub(super) struct Places {
    count: usize,
    free: Arc<Semaphore>,
    quiet: Mutex<Quiet>,
    counts: Arc<ListenCounts>,
}

/// Quiet connections, longest quiet first.
#[derive(Default)]
struct Quiet {
    last_ticket: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    since: Instant,
    leave: CancellationToken,
}

impl Places {
    pub(super) fn new(count: usize, counts: Arc<ListenCounts>) -> Arc<Self> {
        Arc::new(Self { count, free: Arc::new(Semaphore::new(count)), quiet: Mutex::default(), counts })
    }

    /// A place for one connection. Nothing, if every place has a request at work.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Place> {
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.ask_the_longest_quiet_to_leave()?;
                timeout(LEAVING, self.free.clone().acquire_owned()).await.ok()?.ok()?
            }
        };
        self.counts.opened();
        let place = Place { places: self.clone(), leave: CancellationToken::new(), ticket: AtomicU64::new(0), permit };
        place.is_quiet();
        Some(place)
    }

    pub(super) fn taken(&self) -> usize {
        self.count.saturating_sub(self.free.available_permits())
    }

    fn ask_the_longest_quiet_to_leave(&self) -> Option<()> {
        let mut quiet = self.quiet();
        let longest = quiet.waiting.first_entry()?;
        if longest.get().since.elapsed() < SPARED {
            return None;
        }
        longest.remove().leave.cancel();
        self.counts.made_room();
        Some(())
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's right to be open; given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    leave: CancellationToken,
    /// Its number among the quiet ones; 0 when it has none.
    ticket: AtomicU64,
    #[expect(dead_code, reason = "holding it is what it is for")]
    permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn counts(&self) -> &ListenCounts {
        &self.places.counts
    }

    /// Completes when somebody else needs the place.
    pub(super) fn asked_to_leave(&self) -> impl Future<Output = ()> {
        self.leave.cancelled()
    }

    /// From now on it may be asked to leave.
    pub(super) fn is_quiet(&self) {
        let mut quiet = self.places.quiet();
        quiet.last_ticket += 1;
        let ticket = quiet.last_ticket;
        quiet.waiting.insert(ticket, Waiting { since: Instant::now(), leave: self.leave.clone() });
        self.ticket.store(ticket, Ordering::Relaxed);
    }

    /// From now on it may not.
    pub(super) fn is_at_work(&self) {
        let ticket = self.ticket.swap(0, Ordering::Relaxed);
        self.places.quiet().waiting.remove(&ticket);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_at_work();
        self.places.counts.closed();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn of(count: usize) -> Arc<Places> {
        Places::new(count, Arc::default())
    }

    fn is_asked(place: &Place) -> bool {
        place.leave.is_cancelled()
    }

    fn answers_a_request(place: &Place) {
        place.is_at_work();
        place.is_quiet();
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_quiet_is_asked_to_leave_and_its_place_is_given_on() {
        let places = of(2);
        let oldest = places.take().await.unwrap();
        let younger = places.take().await.unwrap();
        advance(SPARED).await;
        // So the younger one has been quiet for longer.
        answers_a_request(&oldest);
        let newcomer = async { places.take().await.is_some() };
        let leaver = async {
            younger.asked_to_leave().await;
            drop(younger);
        };
        let (came, ()) = tokio::join!(newcomer, leaver);
        assert!(came);
        assert!(!is_asked(&oldest));
        assert_eq!(places.counts.read().made_room, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_at_work_keeps_its_place_and_the_newcomer_gets_none() {
        let places = of(1);
        let worker = places.take().await.unwrap();
        worker.is_at_work();
        advance(SPARED * 10).await;
        assert!(places.take().await.is_none());
        assert!(!is_asked(&worker));
        worker.is_quiet();
        assert!(places.take().await.is_none(), "it has only just become quiet");
        assert!(!is_asked(&worker));
        advance(SPARED).await;
        assert!(places.take().await.is_none(), "it was asked, but did not leave in time");
        assert!(is_asked(&worker));
        drop(worker);
        assert!(places.take().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_leaves_nothing_behind() {
        let places = of(3);
        for _ in 0..10 {
            answers_a_request(&places.take().await.unwrap());
        }
        assert_eq!(places.taken(), 0);
        assert!(places.quiet().waiting.is_empty());
        assert_eq!((places.counts.read().open, places.counts.read().accepted), (0, 10));
    }
}
