//! The wall clock and entropy of a real process.

use mainstay_core::clock::{Clock, Timestamp};
use uuid::Uuid;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time comes in")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place where ids come from")]
    fn new_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random(&self, max: u64) -> u64 {
        // A version 7 UUID ends in 62 random bits.
        let [.., a, b, c, d, e, f, g] = self.new_uuid().into_bytes();
        let random = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        random % max.saturating_add(1).max(1)
    }
}
