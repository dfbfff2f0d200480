//! What a connection is doing, and until when it may.
//!
//! The stream, the service and the bodies of a connection are polled by one task and tell each other here. The time
//! limits of quiet connections are looked at by that task, not by the stream: hyper does not read again after an
//! answer, if it had already seen that nothing is there to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::places::Place;
use super::settings::ListenSettings;

/// While a request is at work, its connection has no deadline.
const NEVER: u64 = u64::MAX;

pub(super) struct Pulse {
    place: Place,
    opened: Instant,
    head: Duration,
    idle: Duration,
    /// In milliseconds after `opened`.
    deadline: AtomicU64,
    /// Whether some of the next head has come.
    has_begun: AtomicBool,
    at_work: AtomicUsize,
    is_writing: AtomicBool,
    has_unread_body: Arc<AtomicBool>,
}

impl Pulse {
    pub(super) fn new(place: Place, settings: &ListenSettings) -> Self {
        Self {
            place,
            opened: Instant::now(),
            head: settings.head,
            idle: settings.idle,
            deadline: AtomicU64::new(milliseconds(settings.head)),
            has_begun: AtomicBool::new(false),
            at_work: AtomicUsize::new(0),
            is_writing: AtomicBool::new(false),
            has_unread_body: Arc::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A request's head has been read. It is at work until the guard is dropped, which its answer's body does.
    pub(super) fn start_work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        self.deadline.store(NEVER, Ordering::Relaxed);
        self.has_begun.store(false, Ordering::Relaxed);
        self.place.is_at_work();
        AtWork(self.clone())
    }

    /// Some input came. If it is of a head, that has to be whole in time.
    pub(super) fn heard(&self) {
        if self.is_at_work() || self.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        // hyper would not read the next head if it had not got rid of the last body.
        self.has_unread_body.store(false, Ordering::Relaxed);
        self.deadline.fetch_min(self.after_now(self.head), Ordering::Relaxed);
    }

    /// Whether dropping the connection now would lose an answer: a request is at work, or its answer is on its way.
    pub(super) fn is_needed(&self) -> bool {
        self.is_at_work() || self.is_writing.load(Ordering::Relaxed)
    }

    /// Says whether the peer has not yet taken what was written.
    pub(super) fn set_writing(&self, is_writing: bool) {
        self.is_writing.store(is_writing, Ordering::Relaxed);
    }

    /// Set when a request's body was dropped before its end.
    pub(super) fn has_unread_body(&self) -> &Arc<AtomicBool> {
        &self.has_unread_body
    }

    /// Whether the peer may still be sending something that nobody will read.
    pub(super) fn may_have_unread_input(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed) || self.has_unread_body.load(Ordering::Relaxed)
    }

    /// Completes when the connection has been quiet for too long, or its peer is too slow with a head.
    pub(super) async fn ran_out(&self) {
        loop {
            let now = self.after_now(Duration::ZERO);
            let deadline = self.deadline.load(Ordering::Relaxed);
            if now >= deadline {
                if !self.is_needed() {
                    return;
                }
                // The answer is still being taken, which has a limit of its own.
                self.deadline.store(self.after_now(self.idle), Ordering::Relaxed);
                continue;
            }
            // No deadline that is set meanwhile is earlier than this, so nobody has to wake us to set one.
            let look_again = now.saturating_add(milliseconds(self.head.min(self.idle)));
            sleep_until(self.opened + Duration::from_millis(deadline.min(look_again))).await;
        }
    }

    fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    fn after_now(&self, time: Duration) -> u64 {
        milliseconds(self.opened.elapsed().saturating_add(time))
    }
}

/// At least one, so that a limit is never nothing.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER).clamp(1, NEVER)
}

/// A request at work.
pub(super) struct AtWork(Arc<Pulse>);

impl Drop for AtWork {
    fn drop(&mut self) {
        let pulse = &self.0;
        if pulse.at_work.fetch_sub(1, Ordering::Relaxed) == 1 {
            pulse.deadline.store(pulse.after_now(pulse.idle), Ordering::Relaxed);
            pulse.place.is_quiet();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::super::places::Places;
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    async fn start() -> Arc<Pulse> {
        let place = Places::new(1, Arc::default()).take().await.unwrap();
        let settings = ListenSettings { head: HEAD, idle: IDLE, ..ListenSettings::default() };
        Arc::new(Pulse::new(place, &settings))
    }

    async fn seconds_until_it_ran_out(pulse: &Pulse) -> u64 {
        let began = Instant::now();
        pulse.ran_out().await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_its_time_from_the_start_and_bytes_do_not_prolong_it() {
        let pulse = start().await;
        advance(Duration::from_secs(4)).await;
        pulse.heard();
        assert_eq!(seconds_until_it_ran_out(&pulse).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_has_its_time_from_its_first_byte() {
        let pulse = start().await;
        drop(pulse.start_work());
        let speak = async {
            for _ in 0..9 {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            pulse.heard();
        };
        let (seconds, ()) = tokio::join!(seconds_until_it_ran_out(&pulse), speak);
        assert_eq!(seconds, 45 + 10);
    }

    #[tokio::test(start_paused = true)]
    async fn work_has_no_deadline_and_the_quiet_after_it_a_new_one() {
        let pulse = start().await;
        let work = async {
            let work = pulse.start_work();
            tokio::time::sleep(Duration::from_secs(1000)).await;
            drop(work);
        };
        let (seconds, ()) = tokio::join!(seconds_until_it_ran_out(&pulse), work);
        assert_eq!(seconds, 1000 + 75);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_still_being_taken_is_not_cut_off() {
        let pulse = start().await;
        drop(pulse.start_work());
        pulse.set_writing(true);
        let take = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            pulse.set_writing(false);
        };
        let (seconds, ()) = tokio::join!(seconds_until_it_ran_out(&pulse), take);
        assert_eq!(seconds, 150);
    }
}
