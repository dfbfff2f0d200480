//! What `[server]` of `mainstay.toml` says, checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::secret::SecretRef;

/// How the HTTP API is served, and how much it takes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens; port 0 is any that is free.
    pub listen: SocketAddr,
    /// The certificate, where it speaks TLS.
    pub tls: Option<TlsConfig>,
    /// The secret of the keyed hash under which API keys are stored; `None` leaves it to a file in `.mainstay`.
    pub pepper: Option<SecretRef>,
    /// Most open connections.
    pub max_connections: usize,
    /// Largest body of a request, in bytes.
    pub max_body: usize,
    /// Most runs that are driven at once.
    pub at_work: usize,
    /// Most requests that wait for their turn; those beyond are sent away.
    pub waiting: usize,
    /// How long a stop waits for what is at work.
    pub drain: Duration,
    /// Longest wait for the headers of a request.
    pub header_timeout: Duration,
    /// Longest wait for the body of a request.
    pub body_timeout: Duration,
}

impl Default for ServerConfig {
    /// Loopback only, port 7400.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            tls: None,
            pepper: None,
            max_connections: 1024,
            max_body: 256 * 1024,
            at_work: 256,
            waiting: 256,
            drain: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and those between it and its root, absolute.
    pub certificate: PathBuf,
    /// Its private key, absolute.
    pub private_key: PathBuf,
}
