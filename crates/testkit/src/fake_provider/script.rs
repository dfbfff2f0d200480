//! Scripted replies and faults, and how they become bytes.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use futures_util::stream;
use mainstay_core::message::Usage;
use mainstay_core::provider::Finish;
use serde_json::Value;

use super::{Protocol, anthropic, openai, plain, respond};

/// What the model says.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its text.
    pub text: String,
    /// The tools that it asks for: names and arguments.
    pub calls: Vec<(String, Value)>,
    /// What it reports as used; `None` reports nothing.
    pub usage: Option<Usage>,
    /// Why it stopped; `None` is what the protocol says for the content.
    pub finish: Option<Finish>,
}

impl Reply {
    /// 120 tokens in, 20 of them cached, 10 out.
    pub const USAGE: Usage = Usage { input_tokens: 120, cached_tokens: 20, cache_write_tokens: 0, output_tokens: 10 };

    /// A text.
    pub fn text(text: &str) -> Self {
        Self { text: text.to_owned(), calls: Vec::new(), usage: Some(Self::USAGE), finish: None }
    }

    /// Tool calls without a text.
    pub fn calls(calls: &[(&str, Value)]) -> Self {
        let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone())).collect();
        Self { calls, ..Self::text("") }
    }

    /// The same with another usage.
    pub fn with_usage(self, usage: Option<Usage>) -> Self {
        Self { usage, ..self }
    }

    /// The same with another reason to stop. [`Finish::ContentFilter`] makes the text a refusal.
    pub fn with_finish(self, finish: Finish) -> Self {
        Self { finish: Some(finish), ..self }
    }

    /// Reads the form that [`super::FakeProvider::answer_with`] describes.
    pub(super) fn from_value(value: Value) -> Self {
        match value {
            Value::String(text) => Self::text(&text),
            Value::Object(object) if object.contains_key("text") || object.contains_key("calls") => {
                let text = object.get("text").and_then(Value::as_str).unwrap_or_default();
                let calls = object.get("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let calls = calls.iter().map(|call| {
                    let name = call["name"].as_str().expect("a call has a name");
                    (name.to_owned(), call["arguments"].clone())
                });
                Self { calls: calls.collect(), ..Self::text(text) }
            }
            other => Self::text(&other.to_string()),
        }
    }

    pub(super) fn finish(&self) -> Finish {
        let done = if self.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        self.finish.clone().unwrap_or(done)
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with these bytes, whatever was asked.
    Answer {
        /// The status.
        status: u16,
        /// The content type.
        content_type: String,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// Sends so many events of this reply (whole replies: so many quarters of the body) and cuts the connection.
    Cut(Reply, usize),
    /// Sends so many events of this reply (whole replies: so many quarters of the body) and falls silent.
    Stall(Reply, usize),
    /// Reads the request and never answers.
    Silence,
    /// Sends the reply, waiting so long before every event (whole replies: every quarter of the body).
    Drip(Reply, Duration),
    /// Sends a body of so many bytes, in the form that was asked for.
    Huge(usize),
}

impl Fault {
    /// An error status with the error object of the protocol.
    pub fn status(status: u16) -> Self {
        let body = format!("{{\"error\":{{\"message\":\"scripted status {status}\",\"type\":\"scripted\"}}}}");
        Self::Answer { status, content_type: "application/json".to_owned(), headers: Vec::new(), body }
    }

    /// An error status with a `retry-after`.
    pub fn retry_after(status: u16, value: &str) -> Self {
        match Self::status(status) {
            Self::Answer { status, content_type, body, .. } => {
                Self::Answer { status, content_type, body, headers: vec![("retry-after", value.to_owned())] }
            }
            other => other,
        }
    }

    /// Status 200 with a body that is nothing.
    pub fn rubbish(content_type: &str, body: &str) -> Self {
        let (content_type, body) = (content_type.to_owned(), body.to_owned());
        Self::Answer { status: 200, content_type, headers: Vec::new(), body }
    }
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// A reply in the form that the request asks for.
pub(super) fn say(protocol: Protocol, reply: &Reply, request: &Value, number: usize) -> Response {
    if wants_stream(request) {
        respond(200, EVENTS, Body::from(events(protocol, reply, request, number).concat()))
    } else {
        plain(200, JSON, &whole(protocol, reply, request, number))
    }
}

pub(super) async fn fail(protocol: Protocol, fault: Fault, request: &Value, number: usize) -> Response {
    let pieces = |reply: &Reply| pieces(protocol, reply, request, number);
    let content_type = if wants_stream(request) { EVENTS } else { JSON };
    match fault {
        Fault::Answer { status, content_type, headers, body } => {
            let mut response = plain(status, &content_type, &body);
            for (name, value) in headers {
                let value = HeaderValue::from_str(&value).expect("a header's value");
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
            response
        }
        Fault::Cut(reply, count) => respond(200, content_type, first(pieces(&reply), count, End::Cut)),
        Fault::Stall(reply, count) => respond(200, content_type, first(pieces(&reply), count, End::Silence)),
        Fault::Silence => std::future::pending().await,
        Fault::Drip(reply, pause) => {
            let dripping = stream::unfold(pieces(&reply).into_iter(), move |mut pieces| async move {
                let piece = pieces.next()?;
                tokio::time::sleep(pause).await;
                Some((Ok::<_, Infallible>(Bytes::from(piece)), pieces))
            });
            respond(200, content_type, Body::from_stream(dripping))
        }
        Fault::Huge(bytes) => {
            let text = "x".repeat(1000);
            let mut pieces = Vec::new();
            let mut repeated = text.clone();
            if wants_stream(request) {
                // A proper beginning, and then the same piece of text without end.
                pieces = events(protocol, &Reply::text(&text), request, number);
                let position = pieces.iter().position(|event| event.contains("xxxx")).expect("an event with text");
                repeated = pieces.swap_remove(position);
                pieces.truncate(position);
            }
            pieces.extend(std::iter::repeat_n(repeated.clone(), bytes.div_ceil(repeated.len())));
            respond(200, content_type, first(pieces, usize::MAX, End::Proper))
        }
    }
}

enum End {
    Proper,
    Cut,
    Silence,
}

/// The first `count` pieces, each flushed before the next, and then the end.
fn first(pieces: Vec<String>, count: usize, end: End) -> Body {
    let pieces = pieces.into_iter().take(count);
    Body::from_stream(stream::unfold((pieces, Some(end)), |(mut pieces, end)| async move {
        // Waiting once lets the server write out what it has.
        tokio::task::yield_now().await;
        match (pieces.next(), end?) {
            (Some(piece), end) => Some((Ok(Bytes::from(piece)), (pieces, Some(end)))),
            (None, End::Proper) => None,
            (None, End::Cut) => Some((Err(io::Error::other("scripted cut")), (pieces, None))),
            (None, End::Silence) => std::future::pending().await,
        }
    }))
}

fn wants_stream(request: &Value) -> bool {
    request["stream"] == true
}

fn pieces(protocol: Protocol, reply: &Reply, request: &Value, number: usize) -> Vec<String> {
    if wants_stream(request) {
        return events(protocol, reply, request, number);
    }
    let body: Vec<char> = whole(protocol, reply, request, number).chars().collect();
    body.chunks(body.len().div_ceil(4)).map(|quarter| quarter.iter().collect()).collect()
}

fn whole(protocol: Protocol, reply: &Reply, request: &Value, number: usize) -> String {
    match protocol {
        Protocol::OpenAi => openai::whole(reply, request, number).to_string(),
        Protocol::Anthropic => anthropic::whole(reply, request, number).to_string(),
    }
}

fn events(protocol: Protocol, reply: &Reply, request: &Value, number: usize) -> Vec<String> {
    match protocol {
        Protocol::OpenAi => openai::events(reply, request, number),
        Protocol::Anthropic => anthropic::events(reply, request, number),
    }
}

/// A text in pieces as models stream it, some tokens each.
pub(super) fn split(text: &str) -> Vec<String> {
    const PIECE_CHARS: usize = 24;
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(PIECE_CHARS).map(|piece| piece.iter().collect()).collect()
}
