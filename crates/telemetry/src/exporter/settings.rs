//! Where traces go, and how much of everything that may take.

use std::path::PathBuf;
use std::time::Duration;

use mainstay_egress::Secret;

use crate::content::Content;
use crate::dialect::Dialect;
use crate::encode::Resource;

/// All destinations, and what they share.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The destinations; none means that nothing is exported.
    pub exporters: Vec<ExporterSettings>,
    /// So many runs may wait to be read; what is offered beyond is dropped and counted.
    pub queue: usize,
    /// The folder that holds a folder per destination for what could not be delivered yet. It is made when it is missing.
    pub spool_dir: PathBuf,
    /// So many bytes of each destination are kept there; beyond, the oldest are dropped and counted.
    pub spool_bytes: u64,
    /// Who we are. Its `project` is not read: each destination has its own.
    pub resource: Resource,
}

impl TelemetrySettings {
    /// Settings without a destination: 65,536 runs may wait, and 256 MiB of each destination may lie in `spool_dir`.
    pub fn new(spool_dir: PathBuf) -> Self {
        Self {
            exporters: Vec::new(),
            queue: 65_536,
            spool_dir,
            spool_bytes: 256 * 1024 * 1024,
            resource: Resource { service_name: "mainstay".to_owned(), ..Resource::default() },
        }
    }
}

/// One destination.
#[derive(Clone, Debug)]
pub struct ExporterSettings {
    /// Its name in counters and logs, and of its folder in the spool: up to 64 of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// Which names it reads.
    pub dialect: Dialect,
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address. Over HTTP, the path up to `/v1/traces`, which may be there or not; for Langfuse and LangSmith the host
    /// alone will do. Over gRPC, scheme, host and port.
    pub endpoint: String,
    /// More headers of every request, in the order given.
    pub headers: Vec<(String, Secret)>,
    /// How we say who we are.
    pub credentials: Credentials,
    /// The project there: Phoenix and LangSmith know it by name; AgentOps finds it by itself.
    pub project: Option<String>,
    /// What it may see.
    pub content: Content,
    /// Which part of all runs it gets, from 0 to 1.
    pub sample: f64,
    /// True lets it be at an address that is not public.
    pub allow_private: bool,
    /// Limit of one request, and of one token exchange.
    pub timeout: Duration,
}

impl ExporterSettings {
    /// A destination that gets every run, redacted, over HTTP, without credentials, at a public address.
    pub fn new(name: impl Into<String>, dialect: Dialect, endpoint: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dialect,
            transport: Transport::Http,
            endpoint: endpoint.into(),
            headers: Vec::new(),
            credentials: Credentials::None,
            project: None,
            content: Content::default(),
            sample: 1.0,
            allow_private: false,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How a destination is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/HTTP with protobuf bodies.
    #[default]
    Http,
    /// OTLP/gRPC: a collector or Phoenix.
    Grpc,
}

/// How we say who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer …`: Phoenix, most collectors.
    Bearer(Secret),
    /// `x-api-key: …`: LangSmith.
    ApiKey(Secret),
    /// `Authorization: Basic …`: Langfuse, with the public and the secret key.
    Basic {
        /// The public half.
        user: String,
        /// The secret half.
        password: Secret,
    },
    /// A token that lives for some time, given in exchange for a key: AgentOps. Over HTTP only.
    TokenExchange {
        /// Where it is exchanged, such as `https://api.agentops.ai/v3/auth/token`.
        url: String,
        /// The key.
        api_key: Secret,
    },
}
