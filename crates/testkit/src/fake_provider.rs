//! A server that speaks the wire protocols of real model APIs (OpenAI's chat completions and Anthropic's messages, whole
//! and streamed), with faults on demand.
//!
//! Replies come from a strict queue: a request too many is answered with an error, and dropping the server panics when
//! a scripted reply was never asked for. Requests are checked as the real APIs check them. It runs on a thread of its
//! own, so that a paused clock in a test does not reach it, and it is fast enough for load tests.

mod anthropic;
mod openai;
mod script;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use script::{Fault, Reply};

/// How many of the latest requests are kept to be read.
const KEPT_REQUESTS: usize = 1000;
/// Largest body of a request.
const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// The server. Dropping it closes every connection.
pub struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` when it was no JSON.
    pub body: Value,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    queue: VecDeque<Step>,
    default: Option<Answerer>,
    requests: VecDeque<Recorded>,
    count: usize,
    unexpected: usize,
}

type Answerer = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

#[derive(Debug)]
enum Step {
    Reply(Reply),
    Fault(Fault),
}

#[derive(Clone, Copy, Debug)]
enum Protocol {
    OpenAi,
    Anthropic,
}

impl FakeProvider {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fake-provider")
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let app = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::max(MAX_REQUEST_BYTES))
            .with_state(shared.clone());
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("the listener of the port");
            // Without this, small pieces of a stream wait for each other.
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
            let _ = axum::serve(listener, app).await;
        });
        Self { address, shared, runtime: Some(runtime) }
    }

    /// The base URL for every kind of provider: `http://127.0.0.1:<port>/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Then this reply.
    pub fn then(&self, reply: Reply) -> &Self {
        self.push(Step::Reply(reply))
    }

    /// Then this text.
    pub fn then_text(&self, text: &str) -> &Self {
        self.then(Reply::text(text))
    }

    /// Then a structured answer: this value as JSON text.
    pub fn then_json(&self, value: &Value) -> &Self {
        self.then(Reply::text(&value.to_string()))
    }

    /// Then these tool calls: names and arguments.
    pub fn then_calls(&self, calls: &[(&str, Value)]) -> &Self {
        self.then(Reply::calls(calls))
    }

    /// Then this fault.
    pub fn then_fault(&self, fault: Fault) -> &Self {
        self.push(Step::Fault(fault))
    }

    /// Answers every request that finds the queue empty with what `answer` makes of its body: an object with `text` or
    /// `calls` (each with `name` and `arguments`) is a [`Reply`]; text is said as it is, any other value as JSON text.
    pub fn answer_with(&self, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> &Self {
        self.script().default = Some(Arc::new(answer));
        self
    }

    /// The latest requests, oldest first, a thousand at most.
    pub fn requests(&self) -> Vec<Recorded> {
        self.script().requests.iter().cloned().collect()
    }

    /// How many requests have come.
    pub fn request_count(&self) -> usize {
        self.script().count
    }

    /// How many scripted steps nobody has asked for yet.
    pub fn left(&self) -> usize {
        self.script().queue.len()
    }

    fn push(&self, step: Step) -> &Self {
        self.script().queue.push_back(step);
        self
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().expect("no panic while the script was held")
    }
}

impl fmt::Debug for FakeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeProvider").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if std::thread::panicking() {
            return;
        }
        let script = self.script();
        let (left, unexpected) = (script.queue.len(), script.unexpected);
        drop(script);
        assert!(left == 0, "the model was never asked for {left} scripted replies");
        assert!(unexpected == 0, "the model was asked {unexpected} times more than scripted");
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let protocol = match uri.path() {
        path if path.ends_with("/chat/completions") => Protocol::OpenAi,
        path if path.ends_with("/messages") => Protocol::Anthropic,
        _ => return plain(404, "text/plain", "no such path"),
    };
    let (step, default, number) = {
        let mut script = shared.script.lock().expect("no panic while the script was held");
        script.count += 1;
        if script.requests.len() == KEPT_REQUESTS {
            script.requests.pop_front();
        }
        let recorded = Recorded { path: uri.path().to_owned(), headers: headers.clone(), body: body.clone() };
        script.requests.push_back(recorded);
        let step = script.queue.pop_front();
        if step.is_none() && script.default.is_none() {
            script.unexpected += 1;
        }
        (step, script.default.clone(), script.count)
    };
    let checked = match protocol {
        Protocol::OpenAi => openai::check(&body),
        Protocol::Anthropic => anthropic::check(&body, &headers),
    };
    if let Err(reason) = checked {
        return plain(400, "application/json", &error(protocol, "invalid_request_error", &reason));
    }
    match step {
        Some(Step::Reply(reply)) => script::say(protocol, &reply, &body, number),
        Some(Step::Fault(fault)) => script::fail(protocol, fault, &body, number).await,
        None => match default {
            Some(default) => script::say(protocol, &Reply::from_value(default(&body)), &body, number),
            None => {
                plain(500, "application/json", &error(protocol, "api_error", "nothing is scripted for this request"))
            }
        },
    }
}

fn error(protocol: Protocol, kind: &str, message: &str) -> String {
    match protocol {
        Protocol::OpenAi => json!({"error": {"message": message, "type": kind, "code": null}}).to_string(),
        Protocol::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}).to_string(),
    }
}

fn plain(status: u16, content_type: &str, body: &str) -> Response {
    respond(status, content_type, Body::from(body.to_owned()))
}

fn respond(status: u16, content_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().expect("a content type"));
    response
}
