//! OpenAI's chat completions.
//!
//! `wire` converts, purely; `stream` puts a streamed reply together again; `client` asks. Servers that only speak
//! the same protocol are [`crate::compatible`]: the same code with a dialect of its own.
//!
//! Absent: sampling parameters (newer models refuse them), the responses API, audio and images.

pub(crate) mod client;
pub(crate) mod stream;
pub(crate) mod wire;

use std::sync::Arc;

use mainstay_core::provider::Provider;

use crate::registry::{Kind, Settings, SettingsError};

/// The row of the registry.
pub const KIND: Kind =
    Kind { name: "openai", default_base_url: Some("https://api.openai.com/v1"), needs_key: true, build };

/// What differs between OpenAI and servers that imitate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The real one.
    OpenAi,
    /// llama.cpp, vLLM, Ollama, Groq, Mistral and others.
    Compatible,
}

fn build(settings: Settings) -> Result<Arc<dyn Provider>, SettingsError> {
    let base_url = KIND.base_url(&settings)?;
    Ok(Arc::new(client::ChatCompletions::new(&settings, base_url, Dialect::OpenAi, KIND.name)?))
}
