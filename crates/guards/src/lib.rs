//! Guards: checks on text that comes in (PII, secrets, injection) and on drafts that go out (grounding, claims, leaks).
//!
//! Every guard here is local and deterministic, takes time linear in its input, and sees the text through the same
//! views ([`normalise`]), so that look-alike letters, invisible characters and encodings hide nothing from one guard that
//! another would see. Absent on purpose: network, models, and any memory between two calls.

pub mod claims;
mod evidence;
pub mod grounding;
pub mod injection;
pub mod leaks;
pub mod normalise;
pub mod pii;
pub mod secrets;

#[cfg(test)]
mod draft_fixture;
