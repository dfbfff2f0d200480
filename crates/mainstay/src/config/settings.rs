//! What `mainstay.toml` says, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mainstay_core::money::Price;
use mainstay_egress::Url;

use super::agent::AgentConfig;
use super::secret::{SecretRef, Setting};
use super::server::ServerConfig;
use super::telemetry::TelemetryConfig;

/// The name of the provider, and of the model, that need no entry.
pub const EMBEDDED: &str = "embedded";

/// A whole installation: everything that its folder says, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder, absolute.
    pub root: PathBuf,
    /// URL of the store: `sqlite:` with an absolute path, or `postgres:`.
    pub store_url: Setting,
    /// How long a process holds a run without a sign of life; after that another one may take it over.
    pub lease: Duration,
    /// Who serves models, by name. The embedded provider is not among them.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Models by the name that agents use. Always holds [`EMBEDDED`].
    pub models: BTreeMap<String, ModelConfig>,
    /// Databases and APIs that tools use, by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// How the HTTP API is served.
    pub server: ServerConfig,
    /// Where traces go.
    pub telemetry: TelemetryConfig,
    /// Agents by name.
    pub agents: BTreeMap<String, AgentConfig>,
}

/// Somebody who serves models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Which protocol it speaks.
    pub kind: ProviderKind,
    /// Where; `None` is the kind's own address. Always set for [`ProviderKind::Compatible`].
    pub base_url: Option<Url>,
    /// Its key. Always set but for [`ProviderKind::Compatible`].
    pub api_key: Option<SecretRef>,
    /// Whether it may be at a loopback or private address.
    pub allow_private: bool,
    /// Whether replies are streamed.
    pub stream: bool,
    /// Limit for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence within a stream.
    pub idle_timeout: Duration,
}

/// Which protocol a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Any server that speaks as OpenAI's chat completions do.
    Compatible,
}

impl ProviderKind {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Compatible => "compatible",
        }
    }
}

/// A model that agents may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// A name of [`Config::providers`], or [`EMBEDDED`].
    pub provider: String,
    /// Its name at the provider.
    pub model: String,
    /// What it costs; free where no price is given.
    pub price: Price,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often a failed try is repeated before the next model is asked.
    pub retries: u32,
}

/// A database or an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// A database file, absolute.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// Its URL.
        url: Setting,
    },
    /// An HTTP API.
    Http {
        /// What every tool's path is appended to; without query, fragment and user information.
        base_url: Url,
        /// Whether it may be at a loopback or private address.
        allow_private: bool,
        /// Sent with every request: lower-case names.
        headers: Vec<(String, Setting)>,
    },
}

impl SourceConfig {
    /// The word for its kind in config.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
            Self::Http { .. } => "http",
        }
    }
}
