//! The client: checks a request, sends it once, reads the answer within its limits.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use url::{Host, Url};

use crate::address;
use crate::connect::{Bounded, NoPublicAddress, Resolver, connector};
use crate::error::EgressError;
use crate::policy::{Hosts, Policy, PolicyError, Protocol, parse};

/// An HTTP client with a connection pool, bound to one [`Policy`]. Cheap to clone; clones share the pool.
///
/// It sends every request at most once, follows no redirect (a 3xx is an answer like any other) and never looks at
/// the environment.
#[derive(Clone)]
pub struct Client {
    pooled: Pooled<Bounded<HttpsConnector<HttpConnector<Resolver>>>, Full<Bytes>>,
    hosts: Hosts,
    policy: Arc<Policy>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Any method but `CONNECT` and `TRACE`.
    pub method: Method,
    /// Absolute URL, `http` or `https`, without user information.
    pub url: String,
    /// Headers; `host`, lengths and hop-by-hop ones are the client's own.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its headers, as sent.
    pub headers: HeaderMap,
    /// Its body, at most [`Policy::max_response_bytes`].
    pub body: Bytes,
    /// What it said after its body; empty for most.
    pub trailers: HeaderMap,
}

/// An answer whose body is still coming. Dropping it closes the connection, or of HTTP/2 its stream.
#[derive(Debug)]
pub struct Streaming {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its headers, as sent.
    pub headers: HeaderMap,
    body: Incoming,
    trailers: HeaderMap,
    received: usize,
    limit: usize,
    idle_timeout: Duration,
    started: Instant,
    deadline: Instant,
}

/// Idle connections are closed by us before most servers would close them under a request.
const POOL_IDLE: Duration = Duration::from_secs(15);
const MAX_IDLE_CONNECTIONS: usize = 256;
/// Largest head of an answer, and largest block of trailers.
const MAX_HEAD_BYTES: u16 = u16::MAX;
/// A connection of HTTP/2 is shared and lives long. One whose far side has gone without a word would swallow every request
/// until the system gives it up, so it is asked for a sign of life while an answer is awaited.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Headers that frame the message or choose the virtual host behind an allowed name.
const RESERVED_HEADERS: &[HeaderName] = &[
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];

impl Client {
    /// Builds a client; opens nothing yet.
    pub fn new(policy: Policy) -> Result<Self, PolicyError> {
        let hosts = Hosts::parse(&policy.allowed_hosts)?;
        let pooled = Pooled::builder(TokioExecutor::new())
            // A repetition is the caller's decision: only it knows whether the request may be sent twice.
            .retry_canceled_requests(false)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(if policy.reuse_connections { MAX_IDLE_CONNECTIONS } else { 0 })
            .http1_max_buf_size(MAX_HEAD_BYTES.into())
            .http2_only(policy.protocol == Protocol::Http2)
            .http2_max_header_list_size(MAX_HEAD_BYTES.into())
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_EVERY)
            .timer(TokioTimer::new())
            .build(connector(&policy)?);
        Ok(Self { pooled, hosts, policy: Arc::new(policy) })
    }

    /// Checks `url` as every call does, without calling. A name is not resolved here.
    pub fn check_url(&self, url: &str) -> Result<Url, EgressError> {
        let url = parse(url)?;
        let shown = || url.host_str().unwrap_or_default().to_owned();
        if !self.hosts.allow(&url) {
            return Err(EgressError::NotAllowed(shown()));
        }
        // The connector does not resolve literal addresses, so they never meet the resolver's filter.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if !self.policy.allow_private && literal.is_some_and(|literal| !address::is_public(literal)) {
            return Err(EgressError::PrivateAddress(shown()));
        }
        Ok(url)
    }

    /// Sends `request` once and reads the whole answer by `deadline`.
    pub async fn send(&self, request: Request, deadline: Instant) -> Result<Response, EgressError> {
        self.open(request, deadline).await?.collect().await
    }

    /// Sends `request` once and returns when the answer's head is there; `deadline` holds for the body too.
    pub async fn open(&self, request: Request, deadline: Instant) -> Result<Streaming, EgressError> {
        let started = Instant::now();
        let limit = self.policy.max_response_bytes;
        let mut request = self.prepare(request)?;
        let connection = capture_connection(&mut request);
        // Once a connection was picked, bytes may have left at any moment.
        let sent = || connection.connection_metadata().is_some();
        if deadline <= started {
            return Err(EgressError::TimedOut { sent: false, after: Duration::ZERO });
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let response = match within(deadline, self.pooled.request(request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(failed(&error, &connection, host)),
            None => return Err(EgressError::TimedOut { sent: sent(), after: started.elapsed() }),
        };
        let (head, body) = response.into_parts();
        if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(EgressError::TooLarge { limit });
        }
        Ok(Streaming {
            status: head.status,
            headers: head.headers,
            body,
            trailers: HeaderMap::new(),
            received: 0,
            limit,
            idle_timeout: self.policy.idle_timeout,
            started,
            deadline,
        })
    }

    fn prepare(&self, request: Request) -> Result<http::Request<Full<Bytes>>, EgressError> {
        let url = self.check_url(&request.url)?;
        let uri: Uri = url.as_str().parse().map_err(|_| EgressError::InvalidUrl("it does not parse"))?;
        // Two parsers must agree on where the request goes.
        if uri.host() != url.host_str() || uri.port_u16() != url.port() {
            return Err(EgressError::InvalidUrl("its host is ambiguous"));
        }
        if matches!(request.method, Method::CONNECT | Method::TRACE) {
            return Err(EgressError::InvalidRequest(format!("the method {} is not used", request.method)));
        }
        if let Some(name) = RESERVED_HEADERS.iter().find(|name| request.headers.contains_key(*name)) {
            return Err(EgressError::InvalidRequest(format!("the header `{name}` is set by the client")));
        }
        let mut prepared = http::Request::new(Full::new(request.body));
        *prepared.method_mut() = request.method;
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = request.headers;
        if self.policy.protocol == Protocol::Http2 {
            prepared.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
        }
        Ok(prepared)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Streaming {
    /// The next piece of the body, or `None` at its proper end. A body that ends early is [`EgressError::Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, EgressError> {
        // The first piece may take as long as the far side thinks; after that, silence is a sign of trouble.
        let quiet_until = Instant::now().checked_add(self.idle_timeout).filter(|_| self.received > 0);
        self.piece(quiet_until.map_or(self.deadline, |quiet| quiet.min(self.deadline))).await
    }

    /// The whole body. Only the deadline counts, not the idle timeout.
    pub async fn collect(mut self) -> Result<Response, EgressError> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.piece(self.deadline).await? {
            whole.extend_from_slice(&bytes);
        }
        let Self { status, headers, trailers, .. } = self;
        Ok(Response { status, headers, body: whole.freeze(), trailers })
    }

    async fn piece(&mut self, until: Instant) -> Result<Option<Bytes>, EgressError> {
        loop {
            let frame = match within(until, self.body.frame()).await {
                Some(None) => return Ok(None),
                Some(Some(Ok(frame))) => frame,
                Some(Some(Err(error))) => return Err(EgressError::Broken { sent: true, reason: chain(&error) }),
                None => {
                    let after = if until < self.deadline { self.idle_timeout } else { self.started.elapsed() };
                    return Err(EgressError::TimedOut { sent: true, after });
                }
            };
            let bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(frame) => {
                    self.trailers = frame.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            self.received = self.received.saturating_add(bytes.len());
            if self.received > self.limit {
                return Err(EgressError::TooLarge { limit: self.limit });
            }
            return Ok(Some(bytes));
        }
    }
}

async fn within<F: Future>(deadline: Instant, work: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline, work).await.ok()
}

fn failed(error: &hyper_util::client::legacy::Error, connection: &CaptureConnection, host: String) -> EgressError {
    if causes(error).any(is_no_public_address) {
        return EgressError::PrivateAddress(host);
    }
    if connection.connection_metadata().is_none() {
        return EgressError::Unreachable(chain(error));
    }
    // `canceled` is the transport's word for a request that was handed back before its first byte was written.
    let unsent = causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled));
    EgressError::Broken { sent: !unsent, reason: chain(error) }
}

fn is_no_public_address(error: &(dyn StdError + 'static)) -> bool {
    // `io::Error` hides its own payload: its source is the payload's source.
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<NoPublicAddress>()) || error.is::<NoPublicAddress>()
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// What failed, outermost first, without repetitions and not longer than a line or two.
fn chain(error: &(dyn StdError + 'static)) -> String {
    const MAX_CHARS: usize = 200;
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error).take(8) {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ").chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests;
