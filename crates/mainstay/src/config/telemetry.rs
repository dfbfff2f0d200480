//! What `[telemetry]` of `mainstay.toml` says, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_egress::Url;

use super::secret::{SecretRef, Setting};

/// Where traces go, and what is kept for destinations that do not answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    /// What this installation is called in traces.
    pub service_name: String,
    /// Most bytes on disk of batches that could not be delivered; 0 keeps none.
    pub spool_bytes: u64,
    /// Most runs that wait to be exported; those beyond are dropped and counted.
    pub queue: usize,
    /// Destinations by name.
    pub exporters: BTreeMap<String, ExporterConfig>,
}

impl Default for TelemetryConfig {
    /// Nowhere.
    fn default() -> Self {
        Self {
            service_name: "mainstay".to_owned(),
            spool_bytes: 64 * 1024 * 1024,
            queue: 65_536,
            exporters: BTreeMap::new(),
        }
    }
}

/// A destination of traces.
#[derive(Clone, Debug, PartialEq)]
pub struct ExporterConfig {
    /// In whose words spans are described.
    pub dialect: Dialect,
    /// How they travel; [`Protocol::Grpc`] only for [`Dialect::Otel`] and [`Dialect::OpenInference`].
    pub protocol: Protocol,
    /// Where they go: the whole URL for [`Protocol::Http`], without a path for [`Protocol::Grpc`].
    pub endpoint: Url,
    /// Where the key is exchanged for a token; set for [`Dialect::AgentOps`] and nobody else.
    pub auth_endpoint: Option<Url>,
    /// The key; always set for [`Dialect::Langfuse`] (the secret one), [`Dialect::LangSmith`] and [`Dialect::AgentOps`].
    /// The others, where it is set, take it as a bearer token.
    pub api_key: Option<SecretRef>,
    /// The public key; set for [`Dialect::Langfuse`] and nobody else.
    pub public_key: Option<String>,
    /// Sent with every request: lower-case names, none that the dialect sets itself.
    pub headers: Vec<(String, Setting)>,
    /// The project at the destination; only for [`Dialect::OpenInference`] and [`Dialect::LangSmith`]. Fit for a header.
    pub project: Option<String>,
    /// How much of what was said travels along.
    pub content: Content,
    /// How many of all runs are sent, 0 to 1.
    pub sample: f64,
    /// Whether it may be at a loopback or private address.
    pub allow_private: bool,
    /// Limit of one request.
    pub timeout: Duration,
}

/// In whose words spans are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The GenAI conventions of OpenTelemetry and nothing else: for a collector.
    Otel,
    /// OpenInference: Arize Phoenix.
    OpenInference,
    /// Langfuse.
    Langfuse,
    /// LangSmith.
    LangSmith,
    /// AgentOps.
    AgentOps,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Otel, Self::OpenInference, Self::Langfuse, Self::LangSmith, Self::AgentOps];

    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Otel => "otel",
            Self::OpenInference => "openinference",
            Self::Langfuse => "langfuse",
            Self::LangSmith => "langsmith",
            Self::AgentOps => "agentops",
        }
    }

    /// Where the hosted service takes traces; `None` where there is none.
    pub const fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::Otel | Self::OpenInference => None,
            Self::Langfuse => Some("https://cloud.langfuse.com/api/public/otel/v1/traces"),
            Self::LangSmith => Some("https://api.smith.langchain.com/otel/v1/traces"),
            Self::AgentOps => Some("https://otlp.agentops.ai/v1/traces"),
        }
    }
}

/// How spans travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over HTTP, as protobuf.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

impl Protocol {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// How much of what was said travels along: requests, answers, arguments and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    None,
    /// What the models saw, with placeholders where something was masked.
    Redacted,
    /// All of it.
    Full,
}

impl Content {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Redacted => "redacted",
            Self::Full => "full",
        }
    }
}
