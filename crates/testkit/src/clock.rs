//! A clock that stands still until a test moves it, and ids and jitter that are the same in every run of the test.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mainstay_core::clock::{Clock, Timestamp};
use uuid::Uuid;

/// See the module.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    ids: AtomicU64,
}

impl Default for ManualClock {
    fn default() -> Self {
        // 2026-11-23T12:00:00Z
        Self { now: AtomicI64::new(1_795_435_200_000), ids: AtomicU64::new(1) }
    }
}

impl ManualClock {
    /// Moves time on.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn new_uuid(&self) -> Uuid {
        Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(self.ids.fetch_add(1, Ordering::SeqCst)))
    }

    fn random(&self, _max: u64) -> u64 {
        0
    }
}
