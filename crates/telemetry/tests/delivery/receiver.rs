//! A destination of tests: takes OTLP over HTTP/1.1 and HTTP/2, remembers what it was sent, and answers as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Version};
use axum::response::IntoResponse;
use http_body_util::{BodyExt, Full};
use mainstay_core::clock::{Clock, Timestamp};
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::{FinalState, RunContext};
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{RunRecord, RunState};
use mainstay_telemetry::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse, Span, Value};
use mainstay_telemetry::{
    Dialect, ExporterSettings, Exporters, Redactor, StartError, TelemetrySettings, TraceOfRun, TraceSource,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// Longer than anything takes here.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) version: Version,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The OTLP request in it, out of its frame over gRPC.
    pub(crate) fn otlp(&self) -> ExportTraceServiceRequest {
        let mut body = self.body.clone();
        if self.header("content-type") == "application/grpc" {
            let head = body.split_to(5);
            assert_eq!(head[..], [&[0][..], &u32::try_from(body.len()).unwrap().to_be_bytes()].concat());
        }
        ExportTraceServiceRequest::decode(body).unwrap()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.otlp().resource_spans.into_iter();
        resources.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect()
    }

    /// The runs in it: each has a trace of its own.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let ids = self.spans().into_iter().map(|span| Uuid::from_slice(&span.trace_id).unwrap());
        ids.map(RunId::from_uuid).collect()
    }

    pub(crate) fn resource(&self) -> HashMap<String, String> {
        let resource = self.otlp().resource_spans[0].resource.clone().unwrap();
        let pairs = resource.attributes.into_iter().filter_map(|pair| match pair.value?.value? {
            Value::String(text) => Some((pair.key, text)),
            _ => None,
        });
        pairs.collect()
    }
}

/// What to answer.
pub(crate) enum Say {
    /// A status, headers, a body.
    Http(u16, Vec<(&'static str, String)>, String),
    /// A status and a message, after a body when there is one, otherwise in the head.
    Grpc(u32, &'static str, Option<ExportTraceServiceResponse>),
    /// Nothing, ever.
    Nothing,
}

impl Say {
    pub(crate) fn status(status: u16) -> Self {
        Self::Http(status, Vec::new(), String::new())
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    changed: Arc<Notify>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Answers as `answer` says, which is told how many requests came before.
    pub(crate) async fn start(answer: impl Fn(usize, &Seen) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, changed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (seen_there, changed_there) = (seen.clone(), changed.clone());
        let answer = Arc::new(answer);
        let router = Router::new().fallback(move |request: Request| {
            let (seen, changed, answer) = (seen_there.clone(), changed_there.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let (version, path) = (head.version, head.uri.path().to_owned());
                let request = Seen { at: Instant::now(), version, path, headers: head.headers, body };
                let before = {
                    let mut seen: std::sync::MutexGuard<'_, Vec<Seen>> = seen.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                let said = answer(before, &request);
                changed.notify_waiters();
                say(said).await
            }
        });
        let serving = spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, changed, serving }
    }

    /// Takes everything, over HTTP.
    pub(crate) async fn taking() -> Self {
        Self::start(|_, _| Say::status(200)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The runs of all requests, in the order in which they came.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        self.seen().iter().flat_map(Seen::runs).collect()
    }

    /// Waits until so many requests came.
    pub(crate) async fn requests(&self, count: usize) {
        let enough = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.seen.lock().unwrap().len() >= count {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LONG, enough).await.unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the server of a test ends with the test")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(work)
}

async fn say(said: Say) -> axum::response::Response {
    match said {
        Say::Nothing => std::future::pending().await,
        Say::Http(status, headers, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Say::Grpc(status, message, body) => {
            let mut end = HeaderMap::new();
            end.insert("grpc-status", status.to_string().parse().unwrap());
            end.insert("grpc-message", HeaderValue::from_static(message));
            let response = Response::builder().header("content-type", "application/grpc");
            let Some(body) = body else {
                let mut response = response.body(Body::empty()).unwrap();
                response.headers_mut().extend(end);
                return response;
            };
            let message = body.encode_to_vec();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let framed = [&[0][..], &length, &message].concat();
            let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(end)) });
            response.body(Body::new(body)).unwrap()
        }
    }
}

/// A journal of runs that answered and did nothing else.
pub(crate) struct Journal {
    reads: AtomicUsize,
    gate: Semaphore,
    /// A run that it has not.
    pub(crate) missing: Option<RunId>,
}

impl Journal {
    pub(crate) fn open() -> Arc<Self> {
        Arc::new(Self { reads: AtomicUsize::new(0), gate: Semaphore::new(Semaphore::MAX_PERMITS), missing: None })
    }

    /// Reads wait until it is opened.
    pub(crate) fn shut() -> Arc<Self> {
        Arc::new(Self { reads: AtomicUsize::new(0), gate: Semaphore::new(0), missing: None })
    }

    pub(crate) fn let_through(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl TraceSource for Journal {
    async fn trace(&self, run: RunId) -> Result<Option<TraceOfRun>, StoreError> {
        let _through = self.gate.acquire().await.unwrap();
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok((self.missing != Some(run)).then(|| trace(run)))
    }
}

fn trace(id: RunId) -> TraceOfRun {
    let record = RunRecord {
        id,
        agent: "returns".into(),
        version: "v1".into(),
        principal: Principal::new("c-1"),
        input: "Where is it?".into(),
        context: RunContext::default(),
        created_at: Timestamp(1_700_000_000_000),
        state: RunState::Ended(FinalState::Answered),
        ended_at: Some(Timestamp(1_700_000_001_000)),
        epoch: 1,
        failures: 0,
        approval: None,
        cost: MicroUsd(0),
        cancelled_by: None,
    };
    TraceOfRun::new(record, &[])
}

/// Run number `number`; its trace id looks as random as a real one's.
pub(crate) fn run(number: u64) -> RunId {
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    RunId::from_uuid(Uuid::from_u64_pair(number + 1, spread))
}

pub(crate) fn runs(numbers: std::ops::Range<u64>) -> Vec<RunId> {
    numbers.map(run).collect()
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn new_uuid(&self) -> Uuid {
        Uuid::nil()
    }

    /// Every pause is the shortest.
    fn random(&self, _: u64) -> u64 {
        0
    }
}

struct Nothing;

impl Redactor for Nothing {
    fn redact<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        text.into()
    }
}

/// A destination at `receiver` that speaks the conventions' own dialect.
pub(crate) fn to(name: &str, receiver: &Receiver) -> ExporterSettings {
    ExporterSettings { allow_private: true, ..ExporterSettings::new(name, Dialect::Otel, receiver.url()) }
}

pub(crate) fn settings(spool: &Path, exporters: Vec<ExporterSettings>) -> TelemetrySettings {
    TelemetrySettings { exporters, ..TelemetrySettings::new(spool.to_owned()) }
}

pub(crate) fn start(settings: TelemetrySettings, journal: Arc<Journal>) -> Result<Exporters, StartError> {
    Exporters::start(settings, journal, Arc::new(Nothing), Arc::new(Stopped))
}

/// Exports `runs` to `exporters` and ends.
pub(crate) async fn export(
    spool: &Path,
    exporters: Vec<ExporterSettings>,
    runs: &[RunId],
) -> Vec<mainstay_telemetry::DestinationCounters> {
    let exporters = start(settings(spool, exporters), Journal::open()).unwrap();
    runs.iter().for_each(|run| exporters.offer(*run));
    exporters.close(LONG).await;
    exporters.counters()
}
