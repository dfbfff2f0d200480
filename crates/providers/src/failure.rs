//! Failures of a model call: what each one is, and whether repeating the same request may help.
//!
//! Far-side messages are quoted, but only 200 characters of them, without keys and without what they echo of the
//! conversation. Nothing here quotes a body that is not an error message.

use std::collections::HashSet;
use std::time::Duration;

use mainstay_core::error::Retry;
use mainstay_core::message::Message;
use mainstay_core::provider::{ChatRequest, ProviderErrorKind};
use mainstay_egress::{EgressError, HeaderMap, Secret, StatusCode, excerpt, header, redact};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// What went wrong, before it is known whose it is.
pub(crate) type Failure = (ProviderErrorKind, Retry);

/// A body that cannot be read as a reply. The texts hold nothing of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Not what the protocol says.
    #[error("{0}")]
    Protocol(String),
    /// An error object where a reply should be.
    #[error("an error instead of a reply")]
    FarSide(FarSide),
    /// The stream ended before its end marker.
    #[error("the stream ended early")]
    Cut,
}

impl WireError {
    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::Protocol(reason.into())
    }

    /// Where the JSON goes wrong, without quoting it as `serde_json` would.
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let what = if error.is_data() { "JSON of another shape" } else { "not JSON" };
        Self::Protocol(format!("{what} at line {} column {}", error.line(), error.column()))
    }
}

/// An error object, as far as we understand it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FarSide {
    /// Its words for the kind of error: `type` and `code`.
    words: Vec<String>,
    /// A status inside of the object.
    status: Option<u16>,
    /// What it says to people.
    message: String,
}

impl FarSide {
    /// Reads the error objects of OpenAI, Anthropic, Ollama, Mistral and FastAPI servers; `None` where there is none.
    pub(crate) fn read(body: &Value) -> Option<Self> {
        let error = match body.get("error") {
            Some(Value::String(message)) => return Some(Self { message: message.clone(), ..Self::default() }),
            Some(object @ Value::Object(_)) => object,
            _ if body.get("object").is_some_and(|kind| kind == "error") => body,
            _ => return None,
        };
        let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Some(Self {
            words: [text("type"), text("code")].into_iter().flatten().collect(),
            status: status.filter(|status| (400..600).contains(status)),
            message: text("message").unwrap_or_default(),
        })
    }

    fn says(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The status that this error would have had, had it come before the first byte of the stream.
    fn implied_status(&self) -> u16 {
        const STATUSES: &[(&str, u16)] = &[
            ("authentication_error", 401),
            ("invalid_api_key", 401),
            ("permission_error", 403),
            ("not_found_error", 404),
            ("request_too_large", 413),
            ("rate_limit_error", 429),
            ("rate_limit_exceeded", 429),
            ("insufficient_quota", 429),
            ("overloaded_error", 529),
            ("timeout_error", 504),
            ("context_length_exceeded", 400),
            ("exceed_context_size_error", 400),
            ("invalid_request_error", 400),
        ];
        let known = STATUSES.iter().find(|(word, _)| self.says(word)).map(|(_, status)| *status);
        self.status.or(known).unwrap_or(500)
    }
}

/// An error status.
pub(crate) fn of_status(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    request: &ChatRequest,
    secrets: &[Secret],
) -> Failure {
    let text = String::from_utf8_lossy(body);
    let far_side = serde_json::from_str::<Value>(&text).ok().as_ref().and_then(FarSide::read);
    let far_side = far_side.unwrap_or_else(|| FarSide { message: text.into_owned(), ..FarSide::default() });
    judge(status.as_u16(), retry_after(headers), &far_side, request, secrets)
}

/// A body that is no reply.
pub(crate) fn of_wire(error: WireError, request: &ChatRequest, secrets: &[Secret]) -> Failure {
    match error {
        // The next answer may be a proper one: models and proxies are not deterministic.
        WireError::Protocol(reason) => (ProviderErrorKind::Protocol(reason), Retry::Backoff),
        WireError::FarSide(far_side) => judge(far_side.implied_status(), None, &far_side, request, secrets),
        WireError::Cut => (ProviderErrorKind::Cut, Retry::Backoff),
    }
}

/// A transport failure. `has_head` says whether an answer had begun.
pub(crate) fn of_egress(error: EgressError, has_head: bool) -> Failure {
    match error {
        EgressError::TimedOut { after, .. } => (ProviderErrorKind::TimedOut(after), Retry::Backoff),
        EgressError::TooLarge { .. } => (ProviderErrorKind::Protocol(error.to_string()), Retry::No),
        EgressError::Broken { .. } if has_head => (ProviderErrorKind::Cut, Retry::Backoff),
        EgressError::Broken { .. } | EgressError::Unreachable(_) => {
            (ProviderErrorKind::Unreachable(error.to_string()), Retry::Backoff)
        }
        EgressError::NotAllowed(_)
        | EgressError::PrivateAddress(_)
        | EgressError::InvalidUrl(_)
        | EgressError::InvalidRequest(_) => (ProviderErrorKind::Unreachable(error.to_string()), Retry::No),
    }
}

fn judge(
    status: u16,
    after: Option<Duration>,
    far_side: &FarSide,
    request: &ChatRequest,
    secrets: &[Secret],
) -> Failure {
    let again = after.map_or(Retry::Backoff, Retry::After);
    // Keys first: everything after this may cut a text into pieces.
    let message = || {
        let message = without_echo(&redact(&far_side.message, secrets), request);
        excerpt(&message, MAX_EXCERPT_CHARS, secrets)
    };
    match status {
        401 | 403 => (ProviderErrorKind::Unauthorized(status), Retry::No),
        // An empty account does not fill up by asking again.
        429 if far_side.says("insufficient_quota") => (ProviderErrorKind::RateLimited, Retry::No),
        429 => (ProviderErrorKind::RateLimited, again),
        _ if is_too_long(far_side) => (ProviderErrorKind::Status { status, message: message() }, Retry::No),
        408 | 409 | 500..=599 => (ProviderErrorKind::Status { status, message: message() }, again),
        _ => (ProviderErrorKind::Status { status, message: message() }, Retry::No),
    }
}

const MAX_EXCERPT_CHARS: usize = 200;

/// True when the request does not fit into the model's context; some servers say so with a 500.
fn is_too_long(far_side: &FarSide) -> bool {
    const PHRASES: &[&str] = &[
        "context length",
        "context_length",
        "context size",
        "context window",
        "maximum context",
        "prompt is too long",
    ];
    let message = far_side.message.to_lowercase();
    far_side.says("context_length_exceeded")
        || far_side.says("exceed_context_size_error")
        || PHRASES.iter().any(|phrase| message.contains(phrase))
}

/// How long the far side asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date, which is read
/// against the answer's own `date`, so that our clock does not matter. At most a day.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const MAX: Duration = Duration::from_secs(86_400);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str, unit: f64| {
        let number: f64 = text(name)?.parse().ok()?;
        Duration::try_from_secs_f64(number * unit).ok()
    };
    let date = |name: &str| OffsetDateTime::parse(text(name)?, &Rfc2822).ok();
    let until = || {
        let wait = date(header::RETRY_AFTER.as_str())? - date(header::DATE.as_str())?;
        // A moment that has passed means: now.
        Some(Duration::try_from(wait).unwrap_or_default())
    };
    let wait = number("retry-after-ms", 0.001).or_else(|| number("retry-after", 1.0)).or_else(until)?;
    Some(wait.min(MAX))
}

/// `message` without what it repeats of the conversation: three words in a row that also stand there become `[…]`, and
/// so does a long word. Some servers answer a request that they dislike by quoting it whole.
fn without_echo(message: &str, request: &ChatRequest) -> String {
    const RUN: usize = 3;
    const LONG_WORD_CHARS: usize = 12;
    let mut runs: HashSet<[&str; RUN]> = HashSet::new();
    let mut long_words: HashSet<&str> = HashSet::new();
    for text in request.messages.iter().map(text_of).chain([request.instructions.as_str()]) {
        let words: Vec<&str> = words(text).collect();
        runs.extend(words.array_windows::<RUN>().copied());
        long_words.extend(words.iter().filter(|word| word.chars().count() >= LONG_WORD_CHARS));
    }
    let said: Vec<&str> = words(message).collect();
    let mut hidden: Vec<bool> = said.iter().map(|word| long_words.contains(word)).collect();
    for (start, run) in said.array_windows::<RUN>().enumerate() {
        if runs.contains(run) {
            hidden.iter_mut().skip(start).take(RUN).for_each(|hidden| *hidden = true);
        }
    }
    if !hidden.contains(&true) {
        return message.to_owned();
    }
    let mut shown: Vec<&str> = Vec::new();
    for (word, hidden) in said.iter().zip(hidden) {
        match hidden {
            false => shown.push(word),
            true if shown.last() == Some(&"[…]") => {}
            true => shown.push("[…]"),
        }
    }
    shown.join(" ")
}

/// Words as they compare between a text and its quotation, whatever quotes and escapes are around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '#')))
        .filter(|word| !word.is_empty())
}

fn text_of(message: &Message) -> &str {
    match message {
        Message::User(text) | Message::Assistant { text, .. } | Message::Tool { content: text, .. } => text,
    }
}

#[cfg(test)]
mod tests;
