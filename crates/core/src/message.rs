//! What travels between an agent and a model: messages, tool calls, usage.

use std::ops::AddAssign;

use serde_json::Value;

/// One message of the conversation with a model. The instructions travel apart, in
/// [`crate::provider::ChatRequest::instructions`].
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// What the principal asked, already screened, or what the runtime tells the model to mend.
    User(String),
    /// What the model said before, with the calls it asked for.
    Assistant {
        /// Its text; may be empty when it only called tools.
        text: String,
        /// The calls, in its order.
        calls: Vec<ToolCall>,
    },
    /// The result of one call, already screened.
    Tool {
        /// The id of the call that this answers.
        call_id: String,
        /// The tool's name.
        name: String,
        /// What the model reads: JSON text, or a sentence that says why there is no result.
        content: String,
    },
}

/// A call that a model asks for. Nothing about it is trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The provider's id for the call; unique within one reply.
    pub id: String,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// The arguments. Text that was no JSON arrives as a JSON string and fails the schema.
    pub arguments: Value,
}

/// Tokens of one or more model calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones and cache writes included.
    pub input_tokens: u64,
    /// Of these, served from the provider's prompt cache.
    pub cached_tokens: u64,
    /// Of these, written to the provider's prompt cache.
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}
