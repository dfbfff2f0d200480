//! One connection: hyper's HTTP/1 over a paced stream, until it ends by itself or must.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Ended;
use super::body::{AnswerBody, TimedBody};
use super::pace::Paced;
use super::pulse::Pulse;
use super::settings::ListenSettings;

/// The number of headers that hyper parses without an allocation.
const HEADERS_FOR_FREE: usize = 100;

/// The smallest read buffer: less makes more reads of a large body.
const READ_BUFFER: usize = 64 * 1024;

/// What all connections of a listener share.
pub(super) struct Serving {
    pub(super) settings: ListenSettings,
    pub(super) stop: CancellationToken,
    cut: CancellationToken,
    router: Router,
    http: http1::Builder,
}

impl Serving {
    pub(super) fn new(
        router: Router,
        settings: ListenSettings,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let mut http = http1::Builder::new();
        // hyper's own limit does not tell a slow head from a quiet connection; `Pulse` does.
        http.header_read_timeout(None)
            .max_header_size(settings.head_bytes)
            .max_buf_size(READ_BUFFER.max(settings.head_bytes.saturating_mul(2)));
        if settings.headers != HEADERS_FOR_FREE {
            http.max_headers(settings.headers);
        }
        // Builds the routes once, not with every request.
        let router = router.with_state(());
        Self { settings, stop, cut, router, http }
    }

    /// Serves requests until the peer is done, breaks a rule, or has to go.
    pub(super) async fn serve<S>(&self, stream: S, peer: SocketAddr, pulse: Arc<Pulse>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(Paced::new(stream, pulse.clone(), self.settings.stall));
        let exchange = Exchange { serving: self, peer, pulse: pulse.clone() };
        let mut connection = pin!(self.http.serve_connection(stream, exchange));
        let mut ran_out = pin!(pulse.ran_out());
        let (mut is_stopping, mut is_leaving) = (false, false);
        loop {
            tokio::select! {
                biased;
                ended = poll_fn(|context| connection.as_mut().poll(context)) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return Ended::Quietly;
                }
                () = self.cut.cancelled() => {
                    return if pulse.is_needed() { Ended::AtWork } else { Ended::Quietly };
                }
                () = ran_out.as_mut() => {
                    self.settings.counts.too_slow();
                    return Ended::Quietly;
                }
                () = self.stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = pulse.place().asked_to_leave(), if !is_leaving => {
                    // A request may have come between the asking and now. Its answer is the last one, then.
                    if !pulse.is_needed() {
                        return Ended::Quietly;
                    }
                    is_leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Hands a connection's requests to the router.
struct Exchange<'a> {
    serving: &'a Serving,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
}

impl Service<Request<Incoming>> for Exchange<'_> {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let at_work = self.pulse.start_work();
        let (whole, idle) = (self.serving.settings.body, self.serving.settings.body_idle);
        let has_unread = self.pulse.has_unread_body().clone();
        let mut request = request.map(|body| Body::new(TimedBody::new(body, whole, idle, has_unread)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        // A router is always ready, so it need not be asked.
        let mut router = self.serving.router.clone();
        let answer = tower_service::Service::call(&mut router, request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| AnswerBody::new(body, at_work)))
        })
    }
}
