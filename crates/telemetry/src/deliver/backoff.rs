//! How long an unwell destination is left alone.

use std::time::Duration;

use mainstay_core::clock::Clock;
use tokio::time::Instant;

/// Counts failures in a row and says when the next try is due.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

impl Backoff {
    /// Whether the last try went well.
    pub(crate) fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Whether the next try is not due yet.
    pub(crate) fn is_resting(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Waits until the next try is due.
    pub(crate) async fn due(&self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
        }
    }

    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// The next try is due after twice the last pause, or after `asked` when that is longer.
    pub(crate) fn fail(&mut self, asked: Option<Duration>, clock: &dyn Clock) {
        let pause = pause(self.failures, clock).max(asked.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        self.until = Instant::now().checked_add(pause);
    }
}

/// The pause after so many failures before this one: doubled each time, and between half and all of that, so that many
/// processes do not come back in the same moment.
pub(crate) fn pause(failures: u32, clock: &dyn Clock) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
    let half = whole / 2;
    half + Duration::from_millis(clock.random(u64::try_from(half.as_millis()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use mainstay_core::clock::Timestamp;
    use uuid::Uuid;

    use super::*;

    struct Fixed(u64);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn new_uuid(&self) -> Uuid {
            Uuid::nil()
        }

        fn random(&self, max: u64) -> u64 {
            self.0.min(max)
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_are_never_less_than_half() {
        for (failures, longest) in [(0, 500), (1, 1000), (2, 2000), (7, 60_000), (u32::MAX, 60_000)] {
            assert_eq!(pause(failures, &Fixed(u64::MAX)), Duration::from_millis(longest));
            assert_eq!(pause(failures, &Fixed(0)), Duration::from_millis(longest / 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_asks_for_more_time_gets_it() {
        let mut backoff = Backoff::default();
        backoff.fail(Some(Duration::from_secs(30)), &Fixed(0));
        let before = Instant::now();
        assert!(backoff.is_resting() && !backoff.is_well());
        backoff.due().await;
        assert_eq!(before.elapsed(), Duration::from_secs(30));
        assert!(!backoff.is_resting() && !backoff.is_well());
    }
}
