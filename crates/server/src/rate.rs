//! How many requests a key may make: a token bucket for each, in a bounded table.
//!
//! A bucket is one moment: when it will be full again. Making a request moves it on by one interval; it may not be
//! further ahead than the burst. A bucket that is full says nothing that a new one would not, so it can be forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The burst is this part of what a minute allows: ten seconds' worth.
const BURST_PART: u32 = 6;

/// Rates of many keys.
#[derive(Debug)]
pub struct Rates<K> {
    most: usize,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    full_at: HashMap<K, Instant>,
    /// Before this, looking for full buckets finds none.
    next_sweep: Option<Instant>,
}

/// The key has made too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests in a minute")]
pub struct TooMany {
    /// When the next one is allowed: whole seconds, at least one.
    pub retry_after: Duration,
}

impl<K: Hash + Eq> Rates<K> {
    /// For at most so many keys that were active in the last seconds. A key beyond them waits: a full table is an
    /// attack, and forgetting a bucket that is not full would let its key have more than its rate.
    pub fn new(most: usize) -> Self {
        Self { most, buckets: Mutex::new(Buckets { full_at: HashMap::new(), next_sweep: None }) }
    }

    /// Takes one request of the key's rate.
    ///
    /// # Errors
    ///
    /// [`TooMany`], and nothing is taken.
    pub fn take(&self, key: K, per_minute: NonZeroU32, now: Instant) -> Result<(), TooMany> {
        let interval = MINUTE / per_minute.get();
        let burst = interval * (per_minute.get() / BURST_PART).max(1);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = match buckets.full_at.get(&key) {
            Some(full_at) => now.max(*full_at),
            None => {
                buckets.make_room(self.most, now)?;
                now
            }
        };
        let next = full_at + interval;
        match next.checked_duration_since(now + burst) {
            Some(early) if !early.is_zero() => Err(TooMany::by(early)),
            _ => {
                buckets.full_at.insert(key, next);
                Ok(())
            }
        }
    }

    /// How many buckets are kept.
    pub fn kept(&self) -> usize {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).full_at.len()
    }
}

impl<K: Hash + Eq> Buckets<K> {
    /// Forgets full buckets when there are too many. A sweep says when the next one can find something, so a table
    /// full of busy keys is not searched with every request.
    fn make_room(&mut self, most: usize, now: Instant) -> Result<(), TooMany> {
        if self.full_at.len() < most {
            return Ok(());
        }
        if let Some(next) = self.next_sweep.filter(|next| *next > now) {
            return Err(TooMany::by(next - now));
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        // The earliest of the remaining ones may have moved on by then; then that sweep finds nothing, once.
        self.next_sweep = self.full_at.values().min().copied();
        if self.full_at.len() < most {
            return Ok(());
        }
        Err(TooMany::by(self.next_sweep.map_or(MINUTE, |next| next - now)))
    }
}

impl TooMany {
    fn by(early: Duration) -> Self {
        let whole = early.as_secs() + u64::from(early.subsec_nanos() > 0);
        Self { retry_after: Duration::from_secs(whole.max(1)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_minute(requests: u32) -> NonZeroU32 {
        NonZeroU32::new(requests).unwrap()
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_burst_is_a_sixth_of_a_minutes_rate_and_then_it_goes_evenly() {
        let (rates, start) = (Rates::new(10), Instant::now());
        for _ in 0..10 {
            rates.take("key", a_minute(60), start).unwrap();
        }
        let refused = rates.take("key", a_minute(60), start).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        assert!(rates.take("key", a_minute(60), start + milliseconds(999)).is_err());
        rates.take("key", a_minute(60), start + milliseconds(1000)).unwrap();
        assert!(rates.take("key", a_minute(60), start + milliseconds(1000)).is_err());
        rates.take("another key", a_minute(60), start).unwrap();
    }

    #[test]
    fn the_slowest_rate_still_allows_one_and_says_when_the_next() {
        let (rates, start) = (Rates::new(10), Instant::now());
        rates.take("key", a_minute(1), start).unwrap();
        let refused = rates.take("key", a_minute(1), start + milliseconds(100)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(60), "59.9 s, rounded up");
        rates.take("key", a_minute(1), start + MINUTE).unwrap();
    }

    #[test]
    fn a_full_bucket_is_forgotten_for_a_new_key_and_one_in_use_is_not() {
        let (rates, start) = (Rates::new(2), Instant::now());
        rates.take("soon full", a_minute(60), start).unwrap();
        rates.take("busy", a_minute(6), start).unwrap();
        let refused = rates.take("new", a_minute(60), start).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        assert_eq!(rates.kept(), 2);
        rates.take("new", a_minute(60), start + milliseconds(1000)).unwrap();
        assert_eq!(rates.kept(), 2);
        assert!(rates.take("busy", a_minute(6), start + milliseconds(1000)).is_err(), "its bucket was kept");
    }

    proptest! {
        #[test]
        fn no_window_of_time_holds_more_than_the_burst_and_the_rate(
            per_minute in 1_u32..2_000,
            gaps in prop::collection::vec(0_u64..5_000, 1..200),
        ) {
            let rates = Rates::new(1);
            let mut now = Instant::now();
            let mut taken = Vec::new();
            for gap in gaps {
                now += milliseconds(gap);
                match rates.take((), a_minute(per_minute), now) {
                    Ok(()) => taken.push(now),
                    // What it says is enough.
                    Err(TooMany { retry_after }) => {
                        now += retry_after;
                        prop_assert!(rates.take((), a_minute(per_minute), now).is_ok());
                        taken.push(now);
                    }
                }
            }
            let burst = f64::from((per_minute / BURST_PART).max(1));
            for (first, start) in taken.iter().enumerate() {
                for (last, end) in taken.iter().enumerate().skip(first) {
                    let allowed = burst + (*end - *start).as_secs_f64() * f64::from(per_minute) / 60.0;
                    let made = u32::try_from(last - first + 1).unwrap();
                    prop_assert!(f64::from(made) <= allowed + 1e-3, "{made} in a window that allows {allowed}");
                }
            }
        }

        #[test]
        fn the_table_never_grows_beyond_its_bound(keys in prop::collection::vec((0_u16..50, 0_u64..2_000), 1..300)) {
            let rates = Rates::new(8);
            let mut now = Instant::now();
            for (key, gap) in keys {
                now += milliseconds(gap);
                let _ = rates.take(key, a_minute(60), now);
                prop_assert!(rates.kept() <= 8);
            }
        }
    }
}
