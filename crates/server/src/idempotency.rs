//! `Idempotency-Key`: the same request sent twice is done once.
//!
//! A key belongs to whoever sent it. What the first request will make gets its id before anything is done, so a process that
//! dies in between leaves nothing that a repetition would make a second time. Answers that a repetition may better (too busy,
//! the store down) are not kept.

use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use mainstay::access;
use mainstay_core::canonical::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tracing::warn;
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::ApiError;
use crate::shared::Api;

/// The header that names a request.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const LONGEST_KEY: usize = 200;

/// What a request asks for, as far as its repetition must ask for the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r Bytes,
}

/// Whether a request must be done.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Do it, and [`Ticket::finish`].
    Do(Ticket),
    /// It was done; this is the answer. `subject` is what it made.
    Replay { response: access::Response, subject: Uuid },
}

/// A request that is being done.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Scope and key; without a header there are none.
    key: Option<(String, String)>,
    /// The id of what it makes.
    pub(crate) subject: Uuid,
    /// True when somebody began it before, and may still be at it.
    pub(crate) is_repetition: bool,
}

/// An answer that may be kept: a status, JSON, and where to look next.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: String,
    follow: Option<Follow>,
}

/// What an answer says when the work goes on.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// Where to look.
    pub(crate) location: String,
    /// When, in seconds.
    pub(crate) retry_after: u64,
}

impl Answer {
    /// An answer in JSON.
    pub(crate) fn new(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            ApiError::Internal
        })?;
        Ok(Self { status, body, follow: None })
    }

    /// The same, and where to look next if the work goes on.
    pub(crate) fn following(self, follow: Follow) -> Self {
        Self { follow: Some(follow).filter(|_| self.status == StatusCode::ACCEPTED), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        respond(self.status, self.body, self.follow.as_ref())
    }
}

/// Notes the request under its key, if it has one.
pub(crate) async fn begin(api: &Api, caller: &Caller, asked: Asked<'_>) -> Result<Turn, ApiError> {
    let subject = api.mainstay.new_uuid();
    let Some(key) = asked.headers.get(KEY) else {
        return Ok(Turn::Do(Ticket { key: None, subject, is_repetition: false }));
    };
    let key = key.as_bytes();
    let is_fine = (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    let key = String::from_utf8_lossy(key).into_owned();
    if !is_fine {
        let what = "the header `idempotency-key` is not 1 to 200 characters of visible ASCII".into();
        return Err(ApiError::Invalid(what, "a UUID is a good key"));
    }
    let request =
        access::NewRequest { scope: caller.scope.clone(), key, hash: hash(asked), subject, at: api.mainstay.now() };
    let begun = api.mainstay.begin(&request).await?;
    let key = Some((request.scope, request.key));
    match begun {
        access::Begun::Fresh => Ok(Turn::Do(Ticket { key, subject, is_repetition: false })),
        access::Begun::Again { subject, response: None } => Ok(Turn::Do(Ticket { key, subject, is_repetition: true })),
        access::Begun::Again { subject, response: Some(response) } => Ok(Turn::Replay { response, subject }),
        access::Begun::OtherContent => Err(ApiError::OtherContent),
    }
}

/// Method, path and body, each with its length in front, so that no two requests read alike.
fn hash(asked: Asked<'_>) -> String {
    let mut hasher = Sha256::new();
    for part in [asked.method.as_str().as_bytes(), asked.uri.path().as_bytes(), asked.body.as_ref()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

impl Ticket {
    /// Keeps the answer for repetitions and gives it.
    pub(crate) async fn finish(self, api: &Api, outcome: Result<Answer, ApiError>) -> Response {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) if error.is_passing() => return error.into_response(),
            Err(error) => match Answer::new(error.status(), &error.body()) {
                Ok(answer) => answer,
                Err(error) => return error.into_response(),
            },
        };
        if let Some((scope, key)) = &self.key {
            let response = access::Response { status: answer.status.as_u16(), body: answer.body.clone() };
            // The work is done and the answer is true; a repetition will find the work done.
            if let Err(error) = api.mainstay.finish(scope, key, &response).await {
                warn!(%error, "an answer could not be kept for repetitions");
            }
        }
        let is_repetition = self.is_repetition;
        let mut response = answer.into_response();
        if is_repetition {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// The answer that was given before.
pub(crate) fn replay(response: access::Response, follow: Option<&Follow>) -> Response {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::OK);
    let follow = follow.filter(|_| status == StatusCode::ACCEPTED);
    let mut response = respond(status, response.body, follow);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn respond(status: StatusCode, body: String, follow: Option<&Follow>) -> Response {
    let json = [(axum::http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, json, body).into_response();
    if let Some(Follow { location, retry_after }) = follow {
        if let Ok(location) = HeaderValue::from_str(location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response.headers_mut().insert(RETRY_AFTER, (*retry_after).into());
    }
    response
}
