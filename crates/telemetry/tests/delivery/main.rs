//! Traces on their way to destinations that take them, refuse them, hang, or come back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod outage;
mod receiver;
mod requests;
mod secrets;
