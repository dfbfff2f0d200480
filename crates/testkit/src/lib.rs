//! What tests are made of: a scripted provider, a fake provider server, a manual clock, the store's conformance suite, a
//! harness and the crash sweep. Only ever a dev-dependency.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test support fails loudly"
)]

pub mod clock;
pub mod crash;
pub mod fake_provider;
pub mod harness;
pub mod postgres;
pub mod script;
pub mod store_suite;
pub mod tamper;
