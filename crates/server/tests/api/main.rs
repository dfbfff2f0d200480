//! The API over a real socket, on a real store, in front of the example shop: what an application, a reviewer, an operator
//! and a stranger get. Every answer is held against the OpenAPI document that the same server gives.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail loudly")]

mod document;
mod events;
mod hostile;
mod idempotency;
mod isolation;
mod limits;
mod people;
mod runs;
mod support;
