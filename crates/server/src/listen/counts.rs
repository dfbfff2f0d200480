//! What happened to connections, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a listener. They only grow, but for `open`.
#[derive(Debug, Default)]
pub struct ListenCounts {
    open: AtomicU64,
    accepted: AtomicU64,
    turned_away: AtomicU64,
    made_room: AtomicU64,
    too_slow: AtomicU64,
    handshakes_failed: AtomicU64,
}

/// What [`ListenCounts`] held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenCounted {
    /// Connections now.
    pub open: u64,
    /// Connections that got a place.
    pub accepted: u64,
    /// Connections that got none and were told to come back.
    pub turned_away: u64,
    /// Quiet connections that were closed to make room for another.
    pub made_room: u64,
    /// Connections that were closed because their peer took too long: with a head, between requests, with taking an
    /// answer, or with a TLS handshake.
    pub too_slow: u64,
    /// TLS handshakes that failed.
    pub handshakes_failed: u64,
}

impl ListenCounts {
    /// The counters now.
    pub fn read(&self) -> ListenCounted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ListenCounted {
            open: of(&self.open),
            accepted: of(&self.accepted),
            turned_away: of(&self.turned_away),
            made_room: of(&self.made_room),
            too_slow: of(&self.too_slow),
            handshakes_failed: of(&self.handshakes_failed),
        }
    }

    pub(super) fn opened(&self) {
        add_one(&self.open);
        add_one(&self.accepted);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn turned_away(&self) {
        add_one(&self.turned_away);
    }

    pub(super) fn made_room(&self) {
        add_one(&self.made_room);
    }

    pub(super) fn too_slow(&self) {
        add_one(&self.too_slow);
    }

    pub(super) fn handshake_failed(&self) {
        add_one(&self.handshakes_failed);
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
