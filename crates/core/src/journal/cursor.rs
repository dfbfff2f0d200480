//! Where a run stands in its journal: what is recorded is replayed, what is new is buffered and chained.

use std::collections::VecDeque;

use crate::error::Halt;
use crate::journal::chain::{self, Hash};
use crate::journal::entry::{Entry, Recorded};
use crate::store::Change;

/// The position of a run in its journal.
#[derive(Debug)]
pub(crate) struct Cursor {
    recorded: VecDeque<Entry>,
    next: u32,
    head: Hash,
    entries: Vec<Entry>,
    changes: Vec<Change>,
}

/// What the journal knows of the next step.
pub(crate) enum Slot<T> {
    /// It is done; this is its result and how long it took, in microseconds.
    Recorded(T, u64),
    /// It is to be done.
    Fresh,
}

impl Cursor {
    /// Starts at the beginning of `recorded`, which is chained to `seed`.
    pub(crate) fn new(seed: Hash, recorded: Vec<Entry>) -> Self {
        Self { recorded: recorded.into(), next: 0, head: seed, entries: Vec::new(), changes: Vec::new() }
    }

    /// The position of the next step.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// Takes the next recorded entry, or says that there is none.
    pub(crate) fn take<T: Recorded>(&mut self) -> Result<Slot<T>, Halt> {
        let Some(entry) = self.recorded.front() else {
            return Ok(Slot::Fresh);
        };
        let Some(value) = T::from_payload(&entry.payload) else {
            return Err(Halt::Diverged {
                position: entry.position,
                recorded: entry.payload.kind().to_owned(),
                asked: T::KIND.to_owned(),
            });
        };
        let took_us = entry.took_us;
        self.skip();
        Ok(Slot::Recorded(value, took_us))
    }

    /// True when nothing recorded is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.recorded.is_empty()
    }

    /// Passes over everything that is recorded.
    pub(crate) fn skip_to_end(&mut self) {
        while !self.recorded.is_empty() {
            self.skip();
        }
    }

    /// Chains a new entry and keeps it, with what must be atomic with it, until [`Self::drain`].
    pub(crate) fn push(&mut self, mut entry: Entry, changes: Vec<Change>) {
        entry.position = self.next;
        entry.hash = chain::hash(&self.head, &entry);
        self.head = entry.hash;
        self.next += 1;
        self.entries.push(entry);
        self.changes.extend(changes);
    }

    /// Hands out what is to be appended.
    pub(crate) fn drain(&mut self) -> (Vec<Entry>, Vec<Change>) {
        (std::mem::take(&mut self.entries), std::mem::take(&mut self.changes))
    }

    fn skip(&mut self) {
        if let Some(entry) = self.recorded.pop_front() {
            self.next = entry.position + 1;
            self.head = entry.hash;
        }
    }
}
