//! The contract of a model API.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::Retry;
use crate::message::{Message, ToolCall, Usage};

/// Serves models. One instance serves many runs at once.
///
/// `chat` makes **one** attempt and returns by `deadline`; retries, fallbacks and circuit breaking belong to the caller.
/// It never changes the request's meaning, reports usage exactly as the far side did (or its best count where the far
/// side gave none), and never puts prompts, answers or keys into an error.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The OpenTelemetry `gen_ai.provider.name`, such as `openai` or `anthropic`.
    fn name(&self) -> &str;

    /// Asks the model once.
    async fn chat(&self, request: &ChatRequest, deadline: Instant) -> Result<ChatReply, ProviderError>;
}

/// One request to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    /// The model's name at the provider.
    pub model: String,
    /// The system text: instructions of the agent. A stable prefix, good for prompt caches.
    pub instructions: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools that it may ask for.
    pub tools: Vec<ToolSpec>,
    /// The shape that the final answer must have.
    pub output: Option<OutputSchema>,
    /// At most so many output tokens.
    pub max_output_tokens: u32,
}

/// What a model is told about a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// The name that it calls.
    pub name: String,
    /// What the tool does, for the model.
    pub description: String,
    /// JSON Schema of the arguments that the model may set.
    pub parameters: Value,
}

/// JSON Schema of the final answer.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSchema {
    /// A name for it, as some APIs demand.
    pub name: String,
    /// The schema.
    pub schema: Value,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatReply {
    /// Its text; empty when it only asks for tools.
    pub text: String,
    /// The calls that it asks for.
    pub calls: Vec<ToolCall>,
    /// What the call used.
    pub usage: Usage,
    /// Why it stopped.
    pub finish: Finish,
    /// The model that answered, as the provider names it.
    pub model: String,
    /// The provider's id for the reply.
    pub response_id: Option<String>,
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// It wants tools called.
    ToolCalls,
    /// It ran into `max_output_tokens`; the text is cut.
    Length,
    /// The provider's own filter cut it.
    ContentFilter,
    /// Something that we do not know by name.
    Other(String),
}

/// A model call that gave no reply.
#[derive(Debug, thiserror::Error)]
#[error("provider `{provider}`: {kind}")]
pub struct ProviderError {
    /// [`Provider::name`], or the configured name of the provider.
    pub provider: String,
    /// What went wrong.
    pub kind: ProviderErrorKind,
    /// Whether the same request may succeed later.
    pub retry: Retry,
}

/// What went wrong with a model call.
#[derive(Debug, thiserror::Error)]
pub enum ProviderErrorKind {
    /// No connection.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No reply before the deadline, or the stream went quiet.
    #[error("gave no answer in time ({0:?})")]
    TimedOut(Duration),
    /// 401 or 403.
    #[error("refused the credentials (status {0})")]
    Unauthorized(u16),
    /// 429 or an equivalent.
    #[error("is limiting requests")]
    RateLimited,
    /// Another error status; the text is a short excerpt of the far side's message, secrets removed.
    #[error("answered with status {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Excerpt, at most 200 characters.
        message: String,
    },
    /// A success status whose body is not what the protocol says.
    #[error("sent something that is not its protocol: {0}")]
    Protocol(String),
    /// A stream that ended before its end marker.
    #[error("cut its stream before the end")]
    Cut,
}
