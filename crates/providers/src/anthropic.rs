//! Anthropic's messages.
//!
//! `wire` converts, purely; `stream` puts a streamed reply together again; `client` asks.
//!
//! The shape of an answer is asked for in the system text, not natively: native structured output is tied to certain
//! models and to a subset of JSON Schema without ranges and lengths, and refuses what it does not know; a forced tool
//! would forbid all the other tools. The answer is checked against its schema afterwards either way.
//!
//! Absent: sampling parameters, extended thinking (its blocks are skipped), images.

pub(crate) mod client;
pub(crate) mod stream;
pub(crate) mod wire;

use std::sync::Arc;

use mainstay_core::provider::Provider;

use crate::registry::{Kind, Settings, SettingsError};

/// The row of the registry.
pub const KIND: Kind =
    Kind { name: "anthropic", default_base_url: Some("https://api.anthropic.com"), needs_key: true, build };

fn build(settings: Settings) -> Result<Arc<dyn Provider>, SettingsError> {
    let base_url = KIND.base_url(&settings)?;
    Ok(Arc::new(client::Messages::new(&settings, base_url)?))
}
