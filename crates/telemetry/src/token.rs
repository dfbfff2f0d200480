//! AgentOps' token exchange: a key for a token that lives for some time, and for the project that the traces belong to.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mainstay_core::clock::{Clock, Timestamp};
use mainstay_egress::{
    Bytes, Client, EgressError, HeaderMap, HeaderValue, Method, Request, Secret, StatusCode, header,
};
use prost::Message;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::otlp::{AnyValue, ExportTraceServiceRequest, KeyValue, Value as OtlpValue};

/// Gets tokens, and keeps one until shortly before it ends.
pub(crate) struct TokenSource {
    url: String,
    api_key: Secret,
    clock: Arc<dyn Clock>,
    held: Option<Token>,
}

/// What was given for the key.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Goes into `Authorization: Bearer …`.
    pub(crate) bearer: Secret,
    /// Goes into the resource of every span.
    pub(crate) project: String,
    renew_at: Timestamp,
}

/// No token was had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The exchange could not be reached.
    #[error("no token: {0}")]
    Unreachable(#[from] EgressError),
    /// It answered, but not with a token.
    #[error("no token: the exchange answered {0}")]
    Refused(StatusCode),
    /// Its answer makes no sense.
    #[error("no token: the exchange's answer holds none")]
    Unreadable,
}

/// A token that does not say when it ends is kept for so long.
const DEFAULT_LIFE: Duration = Duration::from_secs(600);
/// A token is renewed so long before its end.
const MARGIN: Duration = Duration::from_secs(60);
/// No token is kept for longer, whatever it says.
const MAX_LIFE: Duration = Duration::from_secs(86_400);
const MAX_TOKEN_CHARS: usize = 16 * 1024;
const MAX_PROJECT_CHARS: usize = 256;

impl TokenSource {
    pub(crate) fn new(url: String, api_key: Secret, clock: Arc<dyn Clock>) -> Self {
        Self { url, api_key, clock, held: None }
    }

    /// The token that is held, or a new one.
    pub(crate) async fn token(&mut self, client: &Client, deadline: Instant) -> Result<Token, TokenError> {
        if let Some(held) = self.held.as_ref().filter(|held| self.clock.now() < held.renew_at) {
            return Ok(held.clone());
        }
        let response = client.send(self.request(), deadline).await?;
        if response.status != StatusCode::OK {
            return Err(TokenError::Refused(response.status));
        }
        let token = read(&response.body, self.clock.now()).ok_or(TokenError::Unreadable)?;
        self.held = Some(token.clone());
        Ok(token)
    }

    /// Forgets the token that is held, because it was refused.
    pub(crate) fn forget(&mut self) {
        self.held = None;
    }

    fn request(&self) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = json!({"api_key": self.api_key.expose()}).to_string();
        Request { method: Method::POST, url: self.url.clone(), headers, body: Bytes::from(body) }
    }
}

fn read(body: &[u8], now: Timestamp) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str, max: usize| {
        let text = answer.get(name)?.as_str()?;
        (!text.is_empty() && text.len() <= max).then_some(text)
    };
    let bearer = text("token", MAX_TOKEN_CHARS)?;
    let project = text("project_id", MAX_PROJECT_CHARS)?.to_owned();
    let latest = now.plus(MAX_LIFE);
    let renew_at = match expiry(bearer) {
        Some(expiry) => Timestamp(expiry.0.saturating_sub(MARGIN.as_millis() as i64)).min(latest),
        None => now.plus(DEFAULT_LIFE),
    };
    Some(Token { bearer: Secret::new(bearer), project, renew_at })
}

/// When a JSON Web Token says that it ends. Its signature is nobody's business but the far side's.
fn expiry(token: &str) -> Option<Timestamp> {
    let payload = token.split('.').nth(1)?;
    let payload: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let seconds = payload.get("exp")?;
    let seconds = seconds.as_i64().or_else(|| seconds.as_f64().map(|seconds| seconds as i64))?;
    Some(Timestamp(seconds.saturating_mul(1000)))
}

/// `request` with its spans marked as those of `project`. The project is known only once a token was given, which may be
/// long after the request was written, even in another process.
pub(crate) fn stamp(request: &Bytes, project: &str) -> Bytes {
    const PROJECT: &str = "agentops.project.id";
    let Ok(mut decoded) = ExportTraceServiceRequest::decode(request.clone()) else { return request.clone() };
    for spans in &mut decoded.resource_spans {
        let attributes = &mut spans.resource.get_or_insert_default().attributes;
        attributes.retain(|attribute| attribute.key != PROJECT);
        let value = Some(AnyValue { value: Some(OtlpValue::String(project.to_owned())) });
        attributes.push(KeyValue { key: PROJECT.to_owned(), value });
    }
    decoded.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(payload: &Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload.to_string()))
    }

    fn answer(token: &str) -> Vec<u8> {
        json!({"token": token, "project_id": "p-1", "else": 1}).to_string().into_bytes()
    }

    #[test]
    fn a_token_is_renewed_a_minute_before_it_says_that_it_ends() {
        let now = Timestamp(1_000_000_000);
        let token = read(&answer(&jwt(&json!({"exp": 1_003_600}))), now).unwrap();
        assert_eq!((token.renew_at, token.project.as_str()), (Timestamp(1_003_540_000), "p-1"));
        let fractional = read(&answer(&jwt(&json!({"exp": 1_003_600.7}))), now).unwrap();
        assert_eq!(fractional.renew_at, Timestamp(1_003_540_000));
        let forever = read(&answer(&jwt(&json!({"exp": i64::MAX}))), now).unwrap();
        assert_eq!(forever.renew_at, now.plus(MAX_LIFE));
    }

    #[test]
    fn a_token_that_does_not_say_when_it_ends_is_kept_for_ten_minutes() {
        let now = Timestamp(5);
        for token in ["opaque", "a.b", "a.!.c", &jwt(&json!({})), &jwt(&json!({"exp": "soon"}))] {
            assert_eq!(read(&answer(token), now).unwrap().renew_at, now.plus(DEFAULT_LIFE), "{token}");
        }
    }

    #[test]
    fn an_answer_without_a_token_or_a_project_is_none() {
        for body in ["", "[]", "{}", r#"{"token":""}"#, r#"{"token":"t"}"#, r#"{"token":1,"project_id":"p"}"#] {
            assert!(read(body.as_bytes(), Timestamp(0)).is_none(), "{body}");
        }
        assert!(read(&answer(&"t".repeat(MAX_TOKEN_CHARS + 1)), Timestamp(0)).is_none());
    }

    #[test]
    fn the_project_of_the_token_replaces_any_other_one() {
        use crate::otlp::{Resource, ResourceSpans};
        let spans = ResourceSpans { resource: Some(Resource::default()), ..ResourceSpans::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![spans, ResourceSpans::default()] };
        let once = stamp(&request.encode_to_vec().into(), "p-1");
        let twice = ExportTraceServiceRequest::decode(stamp(&once, "p-2")).unwrap();
        for spans in &twice.resource_spans {
            let attributes = &spans.resource.as_ref().unwrap().attributes;
            let value = Some(AnyValue { value: Some(OtlpValue::String("p-2".to_owned())) });
            assert_eq!(attributes, &[KeyValue { key: "agentops.project.id".to_owned(), value }]);
        }
    }
}
