//! The listener on real sockets: peers that misbehave, the orderly end, and TLS.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

mod drain;
mod harness;
mod slow_peers;
mod tls;
