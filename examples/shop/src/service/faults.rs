//! What can go wrong between a service that did its work and a caller that wants to know.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The faults of a shop service; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShopFaults {
    /// What happens to the next changes that are asked for.
    pub fault: Option<Fault>,
    /// How often, before the service is well again; `None` is for ever.
    pub times: Option<u32>,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The effect is applied and the connection cut without a byte of an answer.
    DropAfterEffect,
    /// The effect is applied and nothing is answered until the shop stops.
    HangAfterEffect,
    /// The effect is applied and the answer is a status 500.
    ErrorAfterEffect,
    /// The connection is cut before anything is done.
    DropBeforeEffect,
    /// The answer is a status 503 and nothing is done.
    ErrorBeforeEffect,
    /// Everything works, this much later.
    Delay(Duration),
}

/// The faults that are still to come.
#[derive(Debug)]
pub(crate) struct Pending {
    fault: Option<Fault>,
    left: Option<AtomicU32>,
}

impl From<ShopFaults> for Pending {
    fn from(faults: ShopFaults) -> Self {
        Self { fault: faults.fault, left: faults.times.map(AtomicU32::new) }
    }
}

impl Pending {
    /// The fault that strikes the next request.
    pub(crate) fn next(&self) -> Option<Fault> {
        let fault = self.fault?;
        let Some(left) = &self.left else { return Some(fault) };
        let take = |left: u32| left.checked_sub(1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| fault)
    }
}
