//! Accepts connections, serves a router on each, and ends in order.
//!
//! `axum::serve` has no time limits and no bound on connections, so this is a loop of ours over hyper's HTTP/1. Every
//! wait on a peer has an end (see [`ListenSettings`]), and there are at most [`ListenSettings::connections`] at a time.
//!
//! When all places are taken, a new connection gets the place of the one that has been quiet the longest: one between
//! requests, or one that has not finished its first request's head. So peers that hold connections open and say nothing
//! (or say it very slowly) never keep others out. If every place has a request at work, the new peer is told to come
//! back with a 503 and a `Retry-After`, and the connection is closed; nothing waits in memory.
//!
//! A caller who hangs up drops the handler of their request at its next await.

mod body;
mod connection;
mod counts;
mod pace;
mod places;
mod pulse;
mod settings;
mod tls;
mod turn_away;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::body::SlowBody;
pub use self::counts::{ListenCounted, ListenCounts};
pub use self::settings::ListenSettings;
pub use self::tls::{Tls, TlsError};

use self::connection::Serving;
use self::places::{Place, Places};
use self::pulse::Pulse;
use self::turn_away::TurnAway;

/// How long a cut connection may take to let go. Only a handler that blocks its thread needs longer.
const LET_GO: Duration = Duration::from_secs(1);

/// Accepting failed, for example because the process has no file descriptors left: wait before trying again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing could be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A setting has no sense.
    #[error("the setting `{setting}` of the listener {must}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were open when the stop came.
    pub open: usize,
    /// Requests that were still at work at the end of the drain and were dropped.
    pub cut: usize,
}

/// Opens a listening socket. Port 0 takes a free one; ask the listener for its address.
///
/// # Errors
///
/// [`ListenError::Bind`], for example when the port is taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })
}

/// Serves the router until `stop` is cancelled and everything at work has ended, or [`ListenSettings::drain`] is over.
///
/// On `stop` the socket is closed, quiet connections are closed at once, and a connection with a request at work is
/// closed after its answer. Long answers (event streams) should end by themselves on the same token: they are not
/// told otherwise, and are cut when the drain is over. Requests carry their peer as
/// `axum::extract::ConnectInfo<SocketAddr>`.
///
/// Dropping the future cuts every connection.
///
/// # Errors
///
/// [`ListenError::Setting`]. Failures of single connections, or of accepting, end nothing.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    settings: ListenSettings,
    stop: CancellationToken,
) -> Result<Drained, ListenError> {
    settings.check()?;
    let places = Places::new(settings.connections, settings.counts.clone());
    let turn_away = TurnAway::new(&settings);
    let cut = CancellationToken::new();
    let _cut_when_dropped = cut.clone().drop_guard();
    let serving = Arc::new(Serving::new(router, settings, stop.clone(), cut.clone()));
    let connections = TaskTracker::new();
    let dropped_at_work = Arc::new(AtomicUsize::new(0));

    while let Some((stream, peer)) = next(&listener, &stop).await {
        match places.take().await {
            Some(place) => {
                let (serving, dropped_at_work) = (serving.clone(), dropped_at_work.clone());
                connections.spawn(async move {
                    if serve_one(&serving, stream, peer, place).await == Ended::AtWork {
                        dropped_at_work.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            None => turn_away.turn_away(stream),
        }
    }
    drop(listener);

    let open = places.taken();
    connections.close();
    if timeout(serving.settings.drain, connections.wait()).await.is_err() {
        cut.cancel();
        // Whoever does not let go in time counts as cut: its thread is blocked inside a request.
        let _ = timeout(LET_GO, connections.wait()).await;
    }
    let cut = dropped_at_work.load(Ordering::Relaxed) + connections.len();
    Ok(Drained { open, cut })
}

/// What a connection was doing when it was dropped, or that it was not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// By itself, or dropped while nobody's request was at work.
    Quietly,
    /// Dropped with a request at work.
    AtWork,
}

/// The next connection, or nothing when it is time to stop.
async fn next(listener: &TcpListener, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            // The peer gave up while it waited; the next one is fine.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                let _ = timeout(ACCEPT_PAUSE, stop.cancelled()).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_one(serving: &Serving, stream: TcpStream, peer: SocketAddr, place: Place) -> Ended {
    // Small answers must not wait for each other. A socket that refuses this is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let pulse = Arc::new(Pulse::new(place, &serving.settings));
    let Some(tls) = &serving.settings.tls else {
        return serving.serve(stream, peer, pulse).await;
    };
    let greeted = tokio::select! {
        biased;
        () = serving.stop.cancelled() => return Ended::Quietly,
        () = pulse.place().asked_to_leave() => return Ended::Quietly,
        greeted = timeout(serving.settings.handshake, tls.accept(stream)) => greeted,
    };
    match greeted {
        Ok(Ok(stream)) => serving.serve(stream, peer, pulse).await,
        Ok(Err(error)) => {
            serving.settings.counts.handshake_failed();
            tracing::debug!(%error, "a TLS handshake failed");
            Ended::Quietly
        }
        Err(_) => {
            serving.settings.counts.too_slow();
            Ended::Quietly
        }
    }
}
