//! The tools of agents, and the databases and APIs behind them: one connection pool for each source.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mainstay_core::tool::Tool;
use mainstay_tools::draft::DraftTool;
use mainstay_tools::http::{HttpSettings, HttpSource, HttpSourceSettings, HttpTool};
use mainstay_tools::knowledge::{Knowledge, KnowledgeTool};
use mainstay_tools::sql::{SqlSettings, SqlSource, SqlTool};

use super::AssembleError;
use crate::config::agent::{AgentConfig, ToolConfig, ToolKind};
use crate::config::secret::Setting;
use crate::config::settings::{Config, SourceConfig};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer of an API that a model gets to read, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// The databases and APIs of an installation.
pub(super) struct Sources {
    sql: BTreeMap<String, Arc<SqlSource>>,
    http: BTreeMap<String, Arc<HttpSource>>,
}

impl Sources {
    /// Prepares those that some tool uses; connects to none.
    pub(super) async fn open(config: &Config) -> Result<Self, AssembleError> {
        let mut sources = Self { sql: BTreeMap::new(), http: BTreeMap::new() };
        let used = |name: &str| {
            let mut tools = config.agents.values().flat_map(|agent| agent.tools.values());
            tools.any(|tool| source_of(tool) == Some(name))
        };
        for (name, source) in config.sources.iter().filter(|(name, _)| used(name)) {
            match source {
                SourceConfig::Sqlite { path } => {
                    sources.sql.insert(name.clone(), Arc::new(SqlSource::sqlite(path)));
                }
                SourceConfig::Postgres { url } => {
                    let url = resolve(name, url).await?;
                    let failed = |source| AssembleError::Source { name: name.clone(), source };
                    sources.sql.insert(name.clone(), Arc::new(SqlSource::postgres(&url).map_err(failed)?));
                }
                SourceConfig::Http { base_url, allow_private, headers } => {
                    let mut resolved = Vec::with_capacity(headers.len());
                    for (header, value) in headers {
                        resolved.push((header.clone(), resolve(name, value).await?));
                    }
                    let settings = HttpSourceSettings {
                        base_url: base_url.as_str().to_owned(),
                        allow_private: *allow_private,
                        headers: resolved,
                        connect_timeout: CONNECT_TIMEOUT,
                    };
                    let failed = |source| AssembleError::HttpSource { name: name.clone(), source };
                    sources.http.insert(name.clone(), Arc::new(HttpSource::new(settings).map_err(failed)?));
                }
            }
        }
        Ok(sources)
    }
}

/// The knowledge base of an agent, when one of its tools searches it.
pub(super) fn knowledge(agent: &AgentConfig) -> Result<Option<Arc<Knowledge>>, AssembleError> {
    if !agent.tools.values().any(|tool| matches!(tool.kind, ToolKind::Knowledge { .. })) {
        return Ok(None);
    }
    let documents = agent.knowledge.iter().map(|document| (document.path.clone(), document.bytes.clone())).collect();
    let knowledge = Knowledge::build(documents);
    let knowledge = knowledge.map_err(|source| AssembleError::Knowledge { agent: agent.name.clone(), source })?;
    Ok(Some(Arc::new(knowledge)))
}

/// One tool.
pub(super) fn build(
    name: &str,
    config: &ToolConfig,
    sources: &Sources,
    knowledge: Option<&Arc<Knowledge>>,
) -> Result<Arc<dyn Tool>, AssembleError> {
    let missing = |what: &str| AssembleError::Missing(format!("source `{what}`"));
    Ok(match &config.kind {
        ToolKind::Draft => Arc::new(DraftTool),
        ToolKind::Function(body) => body.tool(),
        ToolKind::Knowledge { top } => {
            let knowledge = knowledge.ok_or_else(|| AssembleError::Missing("knowledge base".to_owned()))?;
            Arc::new(KnowledgeTool::new(Arc::clone(knowledge), usize_of(*top)))
        }
        ToolKind::Sql { source, query, max_rows, single } => {
            let source = sources.sql.get(source).ok_or_else(|| missing(source))?;
            let settings = SqlSettings {
                max_rows: usize_of(*max_rows),
                single: *single,
                timeout: config.timeout,
                ..SqlSettings::default()
            };
            let failed = |source| AssembleError::Sql { tool: name.to_owned(), source };
            Arc::new(SqlTool::new(Arc::clone(source), query, settings).map_err(failed)?)
        }
        ToolKind::Http { source, method, path, query, body } => {
            let source = sources.http.get(source).ok_or_else(|| missing(source))?;
            let settings = HttpSettings {
                method: method.to_string(),
                path: path.clone(),
                query: query.clone(),
                body: body.clone(),
                effect: config.effect,
                arguments: arguments(config),
                timeout: config.timeout,
                max_bytes: MOST_BYTES,
            };
            let failed = |source| AssembleError::Request { tool: name.to_owned(), source };
            Arc::new(HttpTool::new(Arc::clone(source), settings).map_err(failed)?)
        }
    })
}

/// The names of all arguments: those that the model sets and those that the runtime binds.
fn arguments(config: &ToolConfig) -> Vec<String> {
    let set_by_model = config.spec.parameters.get("properties").and_then(serde_json::Value::as_object);
    let set_by_model = set_by_model.into_iter().flat_map(|properties| properties.keys().cloned());
    set_by_model.chain(config.bound.iter().map(|bound| bound.name.clone())).collect()
}

fn source_of(tool: &ToolConfig) -> Option<&str> {
    match &tool.kind {
        ToolKind::Sql { source, .. } | ToolKind::Http { source, .. } => Some(source),
        ToolKind::Knowledge { .. } | ToolKind::Draft | ToolKind::Function(_) => None,
    }
}

async fn resolve(source: &str, setting: &Setting) -> Result<mainstay_egress::Secret, AssembleError> {
    let what = format!("source `{source}`");
    setting.resolve().await.map_err(|source| AssembleError::Secret { what, source })
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
