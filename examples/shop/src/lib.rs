//! The demo: a made-up shop with its data, its order service and its returns-and-orders agent.
//!
//! [`data::generate`] writes the shop's database, [`service::Shop`] serves refunds and address changes over HTTP and keeps
//! its own ledger of what it did, [`files::write_agent`] writes the agent's folder, and [`requests::requests`] yields a
//! stream of varied requests to it. All of it is deterministic for a seed. Absent on purpose: anything of Mainstay itself;
//! the shop stands in for a system that an agent finds.

pub mod data;
pub mod files;
pub mod money;
mod random;
pub mod requests;
pub mod service;
