//! The hash chain: each entry's hash covers the one before, the first one covers the run itself.
//!
//! `seed = SHA-256("mainstay/run/1", run, agent, version, tenant, principal, created_at, input)`, for a run that came with
//! a context `SHA-256("mainstay/run/2", …, input, context JSON)`, and
//! `hash = SHA-256("mainstay/entry/1", previous, position, at, took_us, payload JSON)`, each part preceded by its length.

use sha2::{Digest, Sha256};

use crate::journal::entry::{Entry, Payload, RunContext};
use crate::store::{RunRecord, RunState};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// What the first entry is chained to.
pub fn seed(run: &RunRecord) -> Hash {
    let has_context = run.context != RunContext::default();
    let context = if has_context { serde_json::to_vec(&run.context).unwrap_or_default() } else { Vec::new() };
    let mut parts: Vec<&[u8]> = vec![if has_context { b"mainstay/run/2" } else { b"mainstay/run/1" }];
    let id = run.id.to_string();
    let created_at = run.created_at.0.to_be_bytes();
    parts.extend([
        id.as_bytes(),
        run.agent.as_bytes(),
        run.version.as_bytes(),
        run.principal.tenant.as_bytes(),
        run.principal.id.as_bytes(),
        &created_at,
        run.input.as_bytes(),
    ]);
    if has_context {
        parts.push(&context);
    }
    digest(&parts)
}

/// The hash that `entry` must have after `previous`.
pub fn hash(previous: &Hash, entry: &Entry) -> Hash {
    // A payload is made of strings, numbers, lists and maps with string keys: it always serialises.
    let payload = serde_json::to_vec(&entry.payload).unwrap_or_default();
    digest(&[
        b"mainstay/entry/1",
        previous,
        &entry.position.to_be_bytes(),
        &entry.at.0.to_be_bytes(),
        &entry.took_us.to_be_bytes(),
        &payload,
    ])
}

/// Checks a whole run, and that it ends as its row says; the error is the position of the first entry that is not what was
/// written, or that is missing.
pub fn verify(run: &RunRecord, entries: &[Entry]) -> Result<(), BadEntry> {
    let mut previous = seed(run);
    for (position, entry) in (0_u32..).zip(entries) {
        if entry.position != position || hash(&previous, entry) != entry.hash {
            return Err(BadEntry { position });
        }
        previous = entry.hash;
    }
    let shown = match entries.last().map(|entry| &entry.payload) {
        Some(Payload::Replied(reply)) => Some(reply.state),
        _ => None,
    };
    match run.state {
        RunState::Ended(state) if shown != Some(state) => {
            Err(BadEntry { position: u32::try_from(entries.len()).unwrap_or(u32::MAX) })
        }
        RunState::Ended(_) | RunState::Open | RunState::Parked => Ok(()),
    }
}

/// The chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entry at position {position} is missing or was changed after it was written")]
pub struct BadEntry {
    /// The first entry that does not follow from the one before.
    pub position: u32,
}

fn digest(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
