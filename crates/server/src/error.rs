//! Every way in which a request can go wrong, and the one place that gives each a status, a code and words.
//!
//! The words are constants or say what the caller sent; they never hold what somebody else stored. Somebody else's run and
//! a run that does not exist get the same answer, to the byte.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mainstay::{AcceptError, DecisionRefused};
use mainstay_core::code;
use mainstay_core::error::StoreError;
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

use crate::limits::{BodyError, HeadFault, without_value};
use crate::rate::TooMany;
use crate::shed::Shed;

/// Where the pages about codes are served.
pub const DOCS: &str = "/docs/errors/";

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// It makes no sense; says what is wrong, and what would be right.
    Invalid(Cow<'static, str>, &'static str),
    /// Nobody knows who asks.
    Unauthorized(&'static str),
    /// They may not do that.
    Forbidden(Cow<'static, str>, &'static str),
    /// There is no such thing here.
    Missing(Missing),
    /// The address knows other methods.
    Method,
    /// The body is larger than so many bytes.
    TooLarge(usize),
    /// The body is not declared as JSON.
    ContentType,
    /// The idempotency key was used for something else.
    OtherContent,
    /// The run has ended already.
    RunEnded,
    /// The decision does not count.
    Decision(DecisionRefused),
    /// Too many requests of one key.
    Rate(u64),
    /// Too many requests of all.
    Overloaded(u64),
    /// The server is about to stop.
    Draining,
    /// The store failed; it is in the log.
    Store,
    /// We failed; it is in the log.
    Internal,
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Path,
    Agent,
    Run,
    Approval,
    Page,
}

/// How an [`ApiError`] is told.
struct Told {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    hint: Cow<'static, str>,
    retry_after: Option<u64>,
}

impl ApiError {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.told().status
    }

    /// What the caller reads.
    pub(crate) fn body(&self) -> ErrorBody {
        self.told().into()
    }

    /// True when asking again later may go better, so that this answer should not be kept.
    pub(crate) fn is_passing(&self) -> bool {
        self.status().is_server_error() || self.status() == StatusCode::TOO_MANY_REQUESTS
    }

    fn told(&self) -> Told {
        let told = |status, code, message: &'static str, hint: &'static str| Told {
            status,
            code,
            message: message.into(),
            hint: hint.into(),
            retry_after: None,
        };
        match self {
            Self::Invalid(what, hint) => {
                Told { message: what.clone(), ..told(StatusCode::BAD_REQUEST, code::REQUEST_INVALID, "", hint) }
            }
            Self::Unauthorized(hint) => {
                told(StatusCode::UNAUTHORIZED, code::UNAUTHORIZED, "the request carries no valid API key", hint)
            }
            Self::Forbidden(what, hint) => {
                Told { message: what.clone(), ..told(StatusCode::FORBIDDEN, code::FORBIDDEN, "", hint) }
            }
            Self::Missing(what) => missing(*what),
            Self::Method => told(
                StatusCode::METHOD_NOT_ALLOWED,
                code::METHOD_NOT_ALLOWED,
                "this address does not know that method",
                "the header `allow` lists the methods that it knows",
            ),
            Self::TooLarge(limit) => Told {
                hint: format!("a body has at most {limit} bytes").into(),
                ..told(StatusCode::PAYLOAD_TOO_LARGE, code::BODY_TOO_LARGE, "the body is too large", "")
            },
            Self::ContentType => told(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code::CONTENT_TYPE_UNSUPPORTED,
                "the body is not declared as JSON",
                "send the header `content-type: application/json`",
            ),
            Self::OtherContent => told(
                StatusCode::CONFLICT,
                code::IDEMPOTENCY_CONFLICT,
                "this idempotency key was used for another request",
                "use a new key for a new request, and the same body to repeat one",
            ),
            Self::RunEnded => {
                told(StatusCode::CONFLICT, code::RUN_ENDED, "the run has ended already", "read it to see how it ended")
            }
            Self::Decision(refused) => decision(refused),
            Self::Rate(seconds) => Told {
                retry_after: Some(*seconds),
                ..told(
                    StatusCode::TOO_MANY_REQUESTS,
                    code::RATE_LIMITED,
                    "this key has made too many requests",
                    "wait as long as the header `retry-after` says",
                )
            },
            Self::Overloaded(seconds) => Told {
                retry_after: Some(*seconds),
                ..told(
                    StatusCode::SERVICE_UNAVAILABLE,
                    code::OVERLOADED,
                    "there is too much to do right now; nothing was done",
                    "try again after as long as the header `retry-after` says",
                )
            },
            Self::Draining => Told {
                retry_after: Some(5),
                ..told(
                    StatusCode::SERVICE_UNAVAILABLE,
                    code::DRAINING,
                    "the server is about to stop and takes no new runs",
                    "try again: another process takes over",
                )
            },
            Self::Store => Told {
                retry_after: Some(1),
                ..told(
                    StatusCode::SERVICE_UNAVAILABLE,
                    code::STORE_UNAVAILABLE,
                    "the run store does not answer",
                    "try again with the same idempotency key; the server's log says more",
                )
            },
            Self::Internal => told(
                StatusCode::INTERNAL_SERVER_ERROR,
                code::INTERNAL_ERROR,
                "the server failed",
                "the server's log holds more under this answer's `x-request-id`",
            ),
        }
    }
}

fn missing(what: Missing) -> Told {
    let (code, message, hint) = match what {
        Missing::Path => (code::NOT_FOUND, "there is nothing at this address", "GET /openapi.json lists the addresses"),
        Missing::Page => (code::NOT_FOUND, "there is no such page", "GET /openapi.json lists the addresses"),
        Missing::Agent => {
            (code::AGENT_UNKNOWN, "there is no such agent", "GET /v1/agents lists those that this key reaches")
        }
        Missing::Run => (code::RUN_UNKNOWN, "there is no such run", "GET /v1/runs lists those that this key reaches"),
        Missing::Approval => {
            (code::APPROVAL_UNKNOWN, "there is no such approval", "GET /v1/approvals lists those that this key reaches")
        }
    };
    Told { status: StatusCode::NOT_FOUND, code, message: message.into(), hint: hint.into(), retry_after: None }
}

fn decision(refused: &DecisionRefused) -> Told {
    let (status, hint) = match refused {
        DecisionRefused::Unknown => return missing(Missing::Approval),
        DecisionRefused::Requester => (StatusCode::FORBIDDEN, "another person must decide"),
        DecisionRefused::Taken { .. } => (StatusCode::CONFLICT, "read the approval to see how it was decided"),
        DecisionRefused::Expired => (StatusCode::CONFLICT, "no answer in time counts as a no; ask again in a new run"),
        DecisionRefused::OtherArguments => {
            (StatusCode::CONFLICT, "read the approval again and decide what it says now")
        }
        DecisionRefused::Arguments(_) => (StatusCode::BAD_REQUEST, "nothing was decided; correct it and decide again"),
    };
    let message = refused.to_string().into();
    Told { status, code: refused.code(), message, hint: hint.into(), retry_after: None }
}

/// What every refusal looks like.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorWords,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorWords {
    /// Stable; one of those that have a page.
    #[schema(pattern = "^[a-z_]+$", max_length = 64)]
    code: &'static str,
    /// What happened.
    message: String,
    /// What to do.
    hint: String,
    /// The page about the code.
    #[schema(pattern = "^/docs/errors/[a-z_]+$")]
    docs: String,
}

/// Where the page about a code is.
pub(crate) fn docs(code: &str) -> String {
    format!("{DOCS}{code}")
}

impl From<Told> for ErrorBody {
    fn from(Told { code, message, hint, .. }: Told) -> Self {
        Self { error: ErrorWords { code, message: message.into_owned(), hint: hint.into_owned(), docs: docs(code) } }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = self.told();
        let (status, retry_after) = (told.status, told.retry_after);
        let mut response = (status, Json(ErrorBody::from(told))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        error!(%error, "the store failed under a request");
        match error {
            StoreError::Corrupt(_) => Self::Internal,
            _ => Self::Store,
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::UnknownAgent(_) => Self::Missing(Missing::Agent),
            AcceptError::Store(error) => error.into(),
            AcceptError::Exists(run) => {
                error!(run.id = %run, "a new run's id is taken");
                Self::Internal
            }
        }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        const JSON: &str = "the body is one JSON value; GET /openapi.json says of which shape";
        match error {
            BodyError::TooLarge { limit } => Self::TooLarge(limit),
            BodyError::WrongContentType => Self::ContentType,
            BodyError::TooSlow => Self::Invalid("the body did not come in time".into(), "send it without pauses"),
            BodyError::Broken(_) => Self::Invalid("the body ended early".into(), "send it whole"),
            BodyError::TooDeep { limit } => {
                Self::Invalid(format!("the body is nested deeper than {limit}").into(), "flatten it")
            }
            BodyError::NotJson { line, column, what } => {
                Self::Invalid(format!("the body is not JSON: {what} at line {line}, column {column}").into(), JSON)
            }
            BodyError::WrongShape { path, what } => Self::Invalid(format!("`{path}`: {what}").into(), JSON),
        }
    }
}

impl From<HeadFault> for ApiError {
    fn from(fault: HeadFault) -> Self {
        Self::Invalid(fault.to_string().into(), "send every such header once, as visible ASCII")
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        const MOST: usize = 200;
        let text = rejection.body_text();
        // The path before it is the caller's own word.
        let text = text.find("unknown field").and_then(|at| text.get(at..)).unwrap_or(&text);
        let what = without_value(text).chars().take(MOST).collect::<String>();
        Self::Invalid(what.into(), "GET /openapi.json lists the parameters of this address")
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::Missing(Missing::Path)
    }
}

impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        Self::Rate(too_many.retry_after.as_secs())
    }
}

impl From<Shed> for ApiError {
    fn from(shed: Shed) -> Self {
        Self::Overloaded(shed.retry_after.as_secs())
    }
}
