//! The kinds of providers that config can name, one row each.

use std::sync::Arc;
use std::time::Duration;

use mainstay_core::provider::Provider;
use mainstay_egress::{EgressError, PolicyError, Secret};

use crate::{anthropic, compatible, openai};

/// A kind of provider that is reached over the network. The embedded provider is built from an agent's playbooks and
/// has no row here.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The word for it in config.
    pub name: &'static str,
    /// Where it is asked when config does not say; `None` where config must.
    pub default_base_url: Option<&'static str>,
    /// True where a key must be given.
    pub needs_key: bool,
    /// Makes one; opens no connection.
    pub build: fn(Settings) -> Result<Arc<dyn Provider>, SettingsError>,
}

/// Every kind, by the word for it in config.
pub const KINDS: &[Kind] = &[openai::KIND, anthropic::KIND, compatible::KIND];

/// What config says about one provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in config; errors and logs use it.
    pub name: String,
    /// Absolute URL that the API's paths are appended to; the kind's default where `None`.
    pub base_url: Option<String>,
    /// The key.
    pub api_key: Option<Secret>,
    /// True lets it be reached at private addresses and without TLS.
    pub allow_private: bool,
    /// True asks for streams, so that a silent server is noticed before the deadline.
    pub stream: bool,
    /// Limit for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence within a stream, once it has begun.
    pub idle_timeout: Duration,
}

impl Settings {
    /// The defaults: streaming, public addresses only, 5 s to connect, 20 s of silence.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base_url: None,
            api_key: None,
            allow_private: false,
            stream: true,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(20),
        }
    }
}

/// Settings that no provider can be made from.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The kind has no default.
    #[error("`base_url` is missing")]
    NoBaseUrl,
    /// The base URL is not one, or leads to a private address without `allow_private`.
    #[error("`base_url` cannot be used")]
    BaseUrl(#[source] EgressError),
    /// Paths are appended to it.
    #[error("`base_url` has a query or a fragment")]
    NoPlainBaseUrl,
    /// `http` without `allow_private`.
    #[error("`base_url` is not https; `allow_private = true` allows http")]
    ClearText,
    /// The kind needs one.
    #[error("`api_key` is missing")]
    NoKey,
    /// It is empty or has characters that no header takes, such as a line break.
    #[error("`api_key` is empty or has characters that cannot be sent")]
    UnusableKey,
    /// The HTTP client could not be made.
    #[error("cannot make the HTTP client")]
    Policy(#[source] PolicyError),
}

impl Kind {
    /// The base URL to use, after checking that what the kind needs is there.
    pub(crate) fn base_url<'a>(&self, settings: &'a Settings) -> Result<&'a str, SettingsError> {
        match &settings.api_key {
            None if self.needs_key => return Err(SettingsError::NoKey),
            Some(key) if key.expose().trim().is_empty() => return Err(SettingsError::UnusableKey),
            _ => {}
        }
        settings.base_url.as_deref().or(self.default_base_url).ok_or(SettingsError::NoBaseUrl)
    }
}
