//! What a request may be: its head and its JSON body, bounded before anything believes them.
//!
//! Everything here says what is wrong as a value; which status and which words a caller gets is not decided here.
//! The time limits hold wherever the router is mounted; the listener of this crate has its own besides.

mod body;
mod depth;
mod head;
mod json;

use std::time::Duration;

pub use self::body::read_body;
pub use self::depth::is_deeper_than;
pub use self::head::{HeadFault, check_head, is_local_host};
pub(crate) use self::json::without_value;
pub use self::json::{JsonBody, parse_json, read_json};

/// The largest body of a request, in bytes, unless a route says otherwise.
pub const BODY_BYTES: usize = 256 * 1024;

/// How deep a JSON body may be nested: `[[1]]` is 2 deep.
pub const JSON_DEPTH: usize = 32;

/// How large a body may be, and how slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes of the body.
    pub bytes: usize,
    /// Nesting of its JSON.
    pub depth: usize,
    /// From the first read to the end.
    pub whole: Duration,
    /// Without a byte.
    pub idle: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: BODY_BYTES, depth: JSON_DEPTH, whole: Duration::from_secs(30), idle: Duration::from_secs(10) }
    }
}

/// Why a body was not taken.
///
/// `Display` says nothing of what the body holds, so that it may be logged; the fields are for the caller who sent it.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// It did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// The connection ended in the middle of it.
    #[error("the body ended early")]
    Broken(#[source] axum::Error),
    /// Its JSON is nested deeper than allowed.
    #[error("the body is nested deeper than {limit}")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// It is not JSON.
    #[error("the body is not JSON: line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 is before the line's first character.
        column: usize,
        /// What the parser expected or found; at most 200 bytes.
        what: String,
    },
    /// It is JSON of another shape.
    #[error("the body has another shape than this call takes")]
    WrongShape {
        /// Where, such as `messages[2].content`, or `.` for the whole; at most 200 bytes.
        path: String,
        /// What is wrong there; may quote the value; at most 200 bytes.
        what: String,
    },
    /// The request does not say that its body is JSON.
    #[error("the body is not declared as `application/json`")]
    WrongContentType,
}
