//! What many requests may carry, and be answered instead; for the document.

use utoipa::{IntoParams, IntoResponses};

use crate::error::ErrorBody;

/// Of anything that needs a key.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers for the document; nothing makes one")]
pub(crate) enum Refused {
    /// The request makes no sense; the message says what is wrong.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// There is no valid key.
    #[response(status = 401, headers(("www-authenticate" = String, description = "`Bearer`")))]
    Unauthorized(ErrorBody),
    /// The key may not do that.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// Too many requests of this key.
    #[response(status = 429, headers(("retry-after" = u64, description = "Seconds to wait")))]
    Rate(ErrorBody),
    /// The server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// There is too much to do, the store does not answer, or the server is about to stop.
    #[response(status = 503, headers(("retry-after" = u64, description = "Seconds to wait")))]
    Busy(ErrorBody),
}

/// Of anything that names something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers for the document; nothing makes one")]
pub(crate) enum NotThere {
    /// There is no such thing, or it is out of this key's reach.
    #[response(status = 404)]
    Missing(ErrorBody),
}

/// Of anything that changes something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers for the document; nothing makes one")]
pub(crate) enum NotDone {
    /// The idempotency key was used for another request, or what is asked is too late.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The body is not declared as JSON.
    #[response(status = 415)]
    ContentType(ErrorBody),
}

/// The header that makes a request safe to repeat.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the document; see `idempotency` for its reading")]
pub(crate) struct Repeatable {
    /// Repeats with the same key are done once.
    #[param(rename = "Idempotency-Key", value_type = String, required = false, min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
    key: Option<String>,
}

/// The header of a caller who traces.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the document; see `api::runs::start` for its reading")]
pub(crate) struct Traced {
    /// The W3C trace that the run joins. What is not well formed counts as absent.
    #[param(rename = "traceparent", value_type = String, required = false, pattern = "^[\\t -~]*$")]
    parent: Option<String>,
}

/// Where a stream begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header for the document; see `api::events` for its reading")]
pub(crate) struct Resumed {
    /// The last position that is known already.
    #[param(rename = "Last-Event-ID", value_type = u32, required = false, minimum = 0, maximum = 2147483647)]
    last: Option<u32>,
}
