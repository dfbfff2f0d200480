//! Any server that speaks OpenAI's chat completions at its own base URL: llama.cpp, vLLM, Ollama, Groq, Mistral …
//!
//! The code is [`crate::openai`]'s. What differs is in `Dialect::Compatible`: the output limit is called
//! `max_tokens`; the shape of the answer is said in words too, and `response_format` is left out while there are tools
//! (servers that constrain decoding to it could then never call one, and others refuse the pair); a stream may end
//! after its `finish_reason` without `[DONE]`. Missing ids, missing usage, arguments that are objects and odd finish
//! reasons are read leniently from everybody.

use std::sync::Arc;

use mainstay_core::provider::Provider;

use crate::openai::Dialect;
use crate::openai::client::ChatCompletions;
use crate::registry::{Kind, Settings, SettingsError};

/// The row of the registry.
pub const KIND: Kind = Kind { name: "compatible", default_base_url: None, needs_key: false, build };

fn build(settings: Settings) -> Result<Arc<dyn Provider>, SettingsError> {
    let base_url = KIND.base_url(&settings)?;
    Ok(Arc::new(ChatCompletions::new(&settings, base_url, Dialect::Compatible, &settings.name)?))
}
