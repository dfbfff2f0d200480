//! The HTTP tool: one templated request to one API.
//!
//! Its outcome is honest. A request that was certainly not carried out has failed; one that changes things and may have
//! reached the far side without a clear answer is unknown, and whoever called settles that. Reads are never unknown:
//! repeating them does no harm.
//!
//! A call that is dropped while it waits may have been sent, so a caller that gives up on a write must treat it as
//! unknown.
//!
//! Absent on purpose: retries, redirects, hosts other than the source's own, request bodies that are not JSON.

mod request;
mod template;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::tool::{Effect, Invocation, Tool, ToolOutcome};
use mainstay_egress::{
    Bytes, Client, EgressError, HeaderMap, HeaderName, HeaderValue, Policy, PolicyError, Request, Secret, StatusCode,
    Streaming, Url, excerpt, header, redact,
};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use request::RequestProblem;
use request::RequestTemplate;
pub use template::StrayBracket;

/// The same for every repetition of one call, so that the far side can tell.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// W3C Trace Context.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest piece of the far side's words in an outcome, in characters.
const EXCERPT: usize = 200;

/// An API that tools may call: nothing but its base URL is ever reached.
#[derive(Debug)]
pub struct HttpSource {
    client: Client,
    base: Url,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

/// What an [`HttpSource`] is made of.
#[derive(Clone, Debug)]
pub struct HttpSourceSettings {
    /// `https://api.example/v1`: the host that may be called, and what stands in front of every path.
    pub base_url: String,
    /// True lets it be an address that is not public.
    pub allow_private: bool,
    /// Sent with every request. Values are treated as secrets.
    pub headers: Vec<(String, Secret)>,
    /// Limit for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
}

impl HttpSource {
    /// Checks the settings. Opens no connection.
    ///
    /// # Errors
    /// The first setting that cannot be used; values of headers are not repeated.
    pub fn new(settings: HttpSourceSettings) -> Result<Self, HttpSourceError> {
        let HttpSourceSettings { base_url, allow_private, headers: given, connect_timeout } = settings;
        let policy = Policy { allow_private, connect_timeout, ..Policy::for_base_url(&base_url)? };
        let client = Client::new(policy)?;
        let base = client.check_url(&base_url)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(HttpSourceError::BaseUrl);
        }
        let mut headers = HeaderMap::new();
        let mut secrets = Vec::new();
        for (name, value) in given {
            let known = HeaderName::from_bytes(name.as_bytes()).ok().filter(|known| !is_ours(known));
            let known = known.ok_or_else(|| HttpSourceError::HeaderName(name.clone()))?;
            let mut sent =
                HeaderValue::from_str(value.expose()).map_err(|_| HttpSourceError::HeaderValue(name.clone()))?;
            sent.set_sensitive(true);
            if headers.insert(known, sent).is_some() {
                return Err(HttpSourceError::HeaderTwice(name));
            }
            // What follows `Bearer ` is as secret as the whole.
            secrets.extend(value.expose().split_whitespace().filter(|word| word.len() >= 8).map(Secret::new));
            secrets.push(value);
        }
        Ok(Self { client, base, headers, secrets })
    }

    /// The URL of `path`, which begins with `/` and is encoded. The parser must not see it differently.
    fn url(&self, path: &str) -> Option<String> {
        let origin = self.base.origin().ascii_serialization();
        let whole = format!("{origin}{}{path}", self.base.path().trim_end_matches('/'));
        let parsed = self.client.check_url(&whole).ok()?;
        (parsed.as_str() == whole).then_some(whole)
    }
}

/// Headers that a source cannot set.
fn is_ours(name: &HeaderName) -> bool {
    static OURS: [HeaderName; 11] = [
        IDEMPOTENCY_KEY,
        TRACE_PARENT,
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    OURS.contains(name)
}

/// An API that cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum HttpSourceError {
    /// The base URL cannot be used, or its address is not public.
    #[error("the base URL cannot be used")]
    Url(#[from] EgressError),
    /// The base URL has a query or a fragment.
    #[error("the base URL has a query or a fragment")]
    BaseUrl,
    /// No client can be built.
    #[error("no client can be built")]
    Client(#[from] PolicyError),
    /// Not a header, or one that is not the source's to set.
    #[error("the header `{0}` cannot be set")]
    HeaderName(String),
    /// The value holds characters that no header may hold.
    #[error("the value of the header `{0}` holds characters that a header cannot hold")]
    HeaderValue(String),
    /// One header, two values.
    #[error("the header `{0}` is set twice")]
    HeaderTwice(String),
}

/// One request to one API.
#[derive(Debug)]
pub struct HttpTool {
    source: Arc<HttpSource>,
    request: RequestTemplate,
    effect: Effect,
    timeout: Duration,
    max_bytes: usize,
}

/// What an [`HttpTool`] sends, and what that does.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: String,
    /// Begins with `/`; every `{argument}` is percent-encoded.
    pub path: String,
    /// Names and values; values may hold `{argument}`.
    pub query: Vec<(String, String)>,
    /// JSON. A string that is exactly `"{argument}"` keeps the argument's JSON type; in other strings it becomes text.
    pub body: Option<Value>,
    /// What the request does to the world.
    pub effect: Effect,
    /// The names of the tool's arguments, those bound from the principal among them.
    pub arguments: Vec<String>,
    /// Wall-clock limit of one call.
    pub timeout: Duration,
    /// Largest answer, in bytes.
    pub max_bytes: usize,
}

impl HttpTool {
    /// Parses the templates and checks that each names a declared argument.
    ///
    /// # Errors
    /// The first problem of the request.
    pub fn new(source: Arc<HttpSource>, settings: HttpSettings) -> Result<Self, RequestProblem> {
        let HttpSettings { method, path, query, body, effect, arguments, timeout, max_bytes } = settings;
        let request = RequestTemplate::parse(&method, &path, &query, body.as_ref())?;
        if effect.changes_things() && request.method == mainstay_egress::Method::GET {
            return Err(RequestProblem::GetChangesThings);
        }
        let unknown = request.arguments().into_iter().find(|name| !arguments.iter().any(|known| known == name));
        if let Some(name) = unknown {
            return Err(RequestProblem::UnknownArgument(name.to_owned()));
        }
        Ok(Self { source, request, effect, timeout, max_bytes })
    }

    /// What this call sends, or why it cannot be sent.
    fn prepare(&self, call: &Invocation<'_>) -> Result<Request, String> {
        let filled = self.request.fill(call.arguments).map_err(|error| error.to_string())?;
        let url = self.source.url(&filled.path).ok_or("the arguments make a URL that cannot be called")?;
        let mut headers = self.source.headers.clone();
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if filled.body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if self.effect.changes_things() {
            let key = HeaderValue::from_str(call.idempotency_key);
            headers.insert(IDEMPOTENCY_KEY, key.map_err(|_| "the idempotency key cannot be a header")?);
        }
        if let Some(trace) = HeaderValue::from_str(call.trace_parent).ok().filter(|trace| !trace.is_empty()) {
            headers.insert(TRACE_PARENT, trace);
        }
        let body = Bytes::from(filled.body.unwrap_or_default());
        Ok(Request { method: self.request.method.clone(), url, headers, body })
    }

    async fn exchange(&self, request: Request, deadline: Instant) -> ToolOutcome {
        let mut answer = match self.source.client.open(request, deadline).await {
            Ok(answer) => answer,
            Err(error) if error.sent() => return self.unclear(error.to_string()),
            Err(error) => return ToolOutcome::Failed(error.to_string()),
        };
        let status = answer.status;
        if status.is_success() {
            return match body(&mut answer, self.max_bytes).await {
                Ok(body) => self.done(body, says_json(&answer.headers)),
                Err(error) => self.unclear(error.to_string()),
            };
        }
        // An error's words are welcome, but the status alone decides.
        let said = body(&mut answer, self.max_bytes).await.map(|body| body.bytes).unwrap_or_default();
        let said = excerpt(&String::from_utf8_lossy(&said), EXCERPT, &self.source.secrets);
        let text = if said.is_empty() { format!("status {status}") } else { format!("status {status}: {said}") };
        match status {
            // The far side gave up waiting for the request, or so it says; parts of it may have been carried out.
            StatusCode::REQUEST_TIMEOUT => self.unclear(text),
            _ if status.is_client_error() => ToolOutcome::Failed(text),
            _ => self.unclear(text),
        }
    }

    fn done(&self, body: Body, says_json: bool) -> ToolOutcome {
        let secrets = &self.source.secrets;
        if body.is_cut {
            let text = excerpt(&String::from_utf8_lossy(&body.bytes), EXCERPT, secrets);
            return if self.effect.changes_things() {
                // It answered with a success: the effect happened, even if nobody can read all that it says.
                done(json!({"text": text, "truncated": true}))
            } else {
                ToolOutcome::Failed(format!("the answer is larger than {} bytes", self.max_bytes))
            };
        }
        let Ok(text) = std::str::from_utf8(&body.bytes) else {
            return self.unclear("the answer is neither JSON nor text".to_owned());
        };
        let text = redact(text, secrets);
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => done(value),
            Err(_) if says_json && !text.trim().is_empty() => {
                self.unclear("the answer is not the JSON that it says it is".to_owned())
            }
            Err(_) => done(json!({"text": text})),
        }
    }

    /// Something went wrong after the request may have been carried out.
    fn unclear(&self, text: String) -> ToolOutcome {
        if self.effect.changes_things() { ToolOutcome::Unknown(text) } else { ToolOutcome::Failed(text) }
    }
}

#[async_trait]
impl Tool for HttpTool {
    async fn call(&self, call: &Invocation<'_>, deadline: Instant) -> ToolOutcome {
        let deadline = deadline.min(Instant::now() + self.timeout);
        match self.prepare(call) {
            Ok(request) => self.exchange(request, deadline).await,
            Err(reason) => ToolOutcome::Failed(reason),
        }
    }
}

fn done(content: Value) -> ToolOutcome {
    ToolOutcome::Done { content, citations: Vec::new() }
}

/// At most the allowed bytes of an answer.
struct Body {
    bytes: Vec<u8>,
    is_cut: bool,
}

async fn body(answer: &mut Streaming, most: usize) -> Result<Body, EgressError> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.next().await? {
        let room = most - bytes.len();
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if piece.len() > room {
            return Ok(Body { bytes, is_cut: true });
        }
    }
    Ok(Body { bytes, is_cut: false })
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

#[cfg(test)]
mod tests;
