//! The files as written: typed, with places, but not yet held against each other. See [`super::check`].

pub(super) mod agent;
pub(super) mod function;
pub(super) mod playbooks;
pub(super) mod server;
pub(super) mod settings;
pub(super) mod telemetry;
pub(super) mod tool;
