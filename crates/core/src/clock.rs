//! Time and randomness come in by the front door, so that tests and replays see the same twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `by` more.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Days since the epoch, in UTC; the day that daily budgets count in.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }
}

/// Wall clock and entropy of a process.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// A fresh UUIDv7.
    fn new_uuid(&self) -> Uuid;

    /// A random number in `0..=max`, for jitter.
    fn random(&self, max: u64) -> u64;
}
