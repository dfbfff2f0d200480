//! What can go wrong with a call, and whether the far side may have seen it.

use std::time::Duration;

/// A call that gave no whole answer.
///
/// `sent: false` is a promise that not one byte of the request left; `sent: true` only says that some may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The policy does not name this host.
    #[error("the host `{0}` is not allowed")]
    NotAllowed(String),
    /// The host is, or resolves to, an address that is not public.
    #[error("the host `{0}` has no public address")]
    PrivateAddress(String),
    /// Not a URL that we call; the text says why and holds nothing of its path or query.
    #[error("unusable URL: {0}")]
    InvalidUrl(&'static str),
    /// The method or a header is one that this client keeps to itself.
    #[error("unusable request: {0}")]
    InvalidRequest(String),
    /// No connection: DNS, TCP or TLS failed. Nothing was sent.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The deadline passed, or a stream was quiet for too long.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// Whether the far side may have seen the request.
        sent: bool,
        /// How long was waited.
        after: Duration,
    },
    /// The connection died.
    #[error("the connection broke: {reason}")]
    Broken {
        /// Whether the far side may have seen the request.
        sent: bool,
        /// What the transport said.
        reason: String,
    },
    /// The answer is larger than the policy allows.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl EgressError {
    /// Whether the far side may have seen the request. False is a promise.
    pub const fn sent(&self) -> bool {
        match self {
            Self::NotAllowed(_)
            | Self::PrivateAddress(_)
            | Self::InvalidUrl(_)
            | Self::InvalidRequest(_)
            | Self::Unreachable(_) => false,
            Self::TimedOut { sent, .. } | Self::Broken { sent, .. } => *sent,
            Self::TooLarge { .. } => true,
        }
    }
}
