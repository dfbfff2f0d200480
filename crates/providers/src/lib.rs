//! Model APIs behind [`mainstay_core::provider::Provider`]: one attempt per call; retries, fallbacks and circuit breaking
//! belong to the caller.
//!
//! Each family is a pure conversion (`to_wire`, `from_wire`, tested against golden pairs), an assembler for its streams
//! and a thin client; each kind is one row in [`KINDS`]. A streamed reply is put together before anything is returned,
//! so both ways give the same. To add a kind: a module, a row, a golden folder.

pub mod anthropic;
mod arguments;
mod call_ids;
pub mod compatible;
pub mod embedded;
mod endpoint;
mod failure;
pub mod openai;
mod registry;
mod sse;
mod structured;
mod usage;

#[cfg(test)]
mod golden_tests;

pub use registry::{KINDS, Kind, Settings, SettingsError};
