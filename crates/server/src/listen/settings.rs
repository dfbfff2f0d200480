//! How patient the listener is, and with how many.

use std::sync::Arc;
use std::time::Duration;

use super::ListenError;
use super::counts::ListenCounts;
use super::tls::Tls;

/// A head that is smaller holds no `Authorization` of ours and a path.
const SMALLEST_HEAD_BYTES: usize = 1024;

/// Whoever asks for more patience means something else.
const LONGEST: Duration = Duration::from_hours(24);

/// Limits of connections. The defaults suit a service behind a proxy as well as one on a small machine.
#[derive(Clone, Debug)]
pub struct ListenSettings {
    /// Connections at a time; each is a file descriptor and some tens of kilobytes at most.
    pub connections: usize,
    /// From the first byte of a request's head to its end. For the first request, from the start of the connection.
    pub head: Duration,
    /// From the end of an answer to the first byte of the next request.
    pub idle: Duration,
    /// From the first wait for a request's body to its end.
    pub body: Duration,
    /// Without a byte of a body that is being waited for.
    pub body_idle: Duration,
    /// Without a byte of an answer being taken by the peer.
    pub stall: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the stop until requests at work are cut.
    pub drain: Duration,
    /// Bytes of a request's line and headers together; more is refused with 431.
    pub head_bytes: usize,
    /// Headers of a request; more is refused with 431.
    pub headers: usize,
    /// Serves TLS only, when set.
    pub tls: Option<Tls>,
    /// The JSON body of the 503 for a connection that comes while every place has a request at work.
    pub when_full: String,
    /// Counts what happens; keep a copy to read them.
    pub counts: Arc<ListenCounts>,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            connections: 1024,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            body_idle: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            // Less than the 30 s that a container platform usually waits before it kills.
            drain: Duration::from_secs(25),
            head_bytes: 16 * 1024,
            headers: 100,
            tls: None,
            when_full: r#"{"error":{"code":"overloaded","message":"all connections are at work"}}"#.to_owned(),
            counts: Arc::default(),
        }
    }
}

impl ListenSettings {
    pub(super) fn check(&self) -> Result<(), ListenError> {
        let refuse = |setting, must| Err(ListenError::Setting { setting, must });
        let most = tokio::sync::Semaphore::MAX_PERMITS;
        if self.connections == 0 || self.connections > most {
            return refuse("connections", "must be at least 1 and not astronomical");
        }
        if self.head_bytes < SMALLEST_HEAD_BYTES {
            return refuse("head_bytes", "must be at least 1024");
        }
        if self.headers == 0 {
            return refuse("headers", "must be at least 1");
        }
        for (setting, limit) in [
            ("head", self.head),
            ("idle", self.idle),
            ("body", self.body),
            ("body_idle", self.body_idle),
            ("stall", self.stall),
            ("handshake", self.handshake),
        ] {
            if limit.is_zero() || limit > LONGEST {
                return refuse(setting, "must be longer than nothing and at most a day");
            }
        }
        if self.drain > LONGEST {
            return refuse("drain", "must be at most a day");
        }
        Ok(())
    }
}
