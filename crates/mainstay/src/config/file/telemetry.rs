//! `[telemetry]` as written.

use std::path::Path;
use std::time::Duration;

use super::super::reader::Table;
use super::super::secret::{SecretRef, Setting};
use super::super::source::Written;
use super::super::telemetry::{Content, Dialect, Protocol, TelemetryConfig};
use super::settings::{headers, secret};

pub(crate) struct Telemetry {
    /// What is said for all destinations, the rest as it is by default; without destinations.
    pub(crate) common: TelemetryConfig,
    pub(crate) exporters: Vec<Exporter>,
}

pub(crate) struct Exporter {
    pub(crate) name: Written<String>,
    /// `None` when it is missing or no known word, which is already a problem.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) protocol: Option<Written<Protocol>>,
    pub(crate) endpoint: Option<Written<String>>,
    pub(crate) auth_endpoint: Option<Written<String>>,
    pub(crate) api_key: Option<SecretRef>,
    pub(crate) public_key: Option<Written<String>>,
    pub(crate) headers: Vec<(Written<String>, Setting)>,
    pub(crate) project: Option<Written<String>>,
    pub(crate) content: Content,
    pub(crate) sample: f64,
    pub(crate) allow_private: bool,
    pub(crate) timeout: Duration,
}

pub(crate) fn read(table: Option<Table<'_>>, root: &Path) -> Telemetry {
    let mut common = TelemetryConfig::default();
    let Some(table) = table else { return Telemetry { common, exporters: Vec::new() } };
    if let Some(name) = table.line("service_name") {
        common.service_name = name.value;
    }
    if let Some(written) = table.integer("spool_mb", 0..=100_000) {
        common.spool_bytes = written.value * 1024 * 1024;
    }
    if let Some(written) = table.integer("queue", 1..=16_777_216) {
        common.queue = usize::try_from(written.value).unwrap_or(usize::MAX);
    }
    let exporters = table.tables("exporters").into_iter().map(|(name, table)| exporter(name, table, root)).collect();
    table.finish();
    Telemetry { common, exporters }
}

fn exporter(name: Written<String>, table: Table<'_>, root: &Path) -> Exporter {
    table.require("dialect", "who reads the traces, such as `dialect = \"otel\"` for a collector");
    let dialect = table.word("dialect", &Dialect::ALL.map(|one| (one.as_str(), one))).map(|written| written.value);
    match dialect {
        Some(Dialect::Otel) => {
            table.require("endpoint", "such as `endpoint = \"http://127.0.0.1:4318/v1/traces\"`");
        }
        Some(Dialect::OpenInference) => {
            table.require("endpoint", "such as `endpoint = \"http://127.0.0.1:6006/v1/traces\"`");
        }
        Some(Dialect::Langfuse) => {
            table.require("public_key", "such as `public_key = \"pk-lf-…\"`");
            table.require("api_key", "the secret key, such as `api_key = { env = \"LANGFUSE_SECRET_KEY\" }`");
        }
        Some(Dialect::LangSmith) => table.require("api_key", "such as `api_key = { env = \"LANGSMITH_API_KEY\" }`"),
        Some(Dialect::AgentOps) => table.require("api_key", "such as `api_key = { env = \"AGENTOPS_API_KEY\" }`"),
        None => {}
    }
    let protocols = [Protocol::Http, Protocol::Grpc].map(|one| (one.as_str(), one));
    let contents = [Content::None, Content::Redacted, Content::Full].map(|one| (one.as_str(), one));
    let exporter = Exporter {
        name,
        dialect,
        protocol: table.word("protocol", &protocols),
        endpoint: table.text("endpoint"),
        auth_endpoint: table.text("auth_endpoint"),
        api_key: secret(&table, "api_key", root),
        public_key: table.line("public_key"),
        headers: table.table("headers").map(|table| headers(table, root)).unwrap_or_default(),
        project: table.line("project"),
        content: table.word("content", &contents).map_or(Content::Redacted, |written| written.value),
        sample: table.share("sample").map_or(1.0, |written| written.value),
        allow_private: table.boolean("allow_private").is_some_and(|written| written.value),
        timeout: table
            .duration("timeout", Duration::from_millis(100)..=Duration::from_secs(120))
            .map_or(Duration::from_secs(10), |written| written.value),
    };
    table.finish();
    exporter
}
