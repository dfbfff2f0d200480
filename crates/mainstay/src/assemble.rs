//! From a checked configuration to a runtime: secrets are resolved, providers, tools, guards and agents are built.

mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_core::agent::{Agent, InputGuard, Model, Output, Tiers};
use mainstay_core::cancel::Cancellations;
use mainstay_core::clock::Clock;
use mainstay_core::guard::{Mode, OutputGuard};
use mainstay_core::health::Health;
use mainstay_core::provider::Provider;
use mainstay_core::runtime::{Observer, Runtime};
use mainstay_core::store::Journal;
use mainstay_core::tool::AgentTool;
use mainstay_guards::claims::Claims;
use mainstay_guards::grounding::{Grounding, GroundingSettings};
use mainstay_guards::injection::{self, Injection, InjectionSettings};
use mainstay_guards::leaks::{LeakSettings, Leaks};
use mainstay_guards::pii::{self, Pii, PiiActions};
use mainstay_guards::secrets::{self, Secrets, SecretsSettings};
use mainstay_providers::embedded::{Embedded, PlaybookError};
use mainstay_providers::{KINDS, Settings, SettingsError};
use mainstay_store::Store;
use mainstay_tools::http::{HttpSourceError, RequestProblem};
use mainstay_tools::knowledge::KnowledgeError;
use mainstay_tools::sql::{SourceError, SqlProblem};

use crate::clock::SystemClock;
use crate::config::agent::{AgentConfig, InjectionAction, InputConfig, TextAction, ToolKind};
use crate::config::secret::SecretError;
use crate::config::settings::{Config, EMBEDDED, ModelConfig, ProviderConfig};
use tools::Sources;

/// A part of an installation cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A secret cannot be had.
    #[error("{what} needs a secret")]
    Secret {
        /// Which part.
        what: String,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// A provider cannot be made.
    #[error("provider `{name}` cannot be used")]
    Provider {
        /// Its name in config.
        name: String,
        /// Why.
        #[source]
        source: SettingsError,
    },
    /// A name in the configuration leads nowhere; the check lets none through.
    #[error("there is no {0}")]
    Missing(String),
    /// A source of SQL tools cannot be used.
    #[error("source `{name}` cannot be used")]
    Source {
        /// Its name in config.
        name: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// A source of HTTP tools cannot be used.
    #[error("source `{name}` cannot be used")]
    HttpSource {
        /// Its name in config.
        name: String,
        /// Why.
        #[source]
        source: HttpSourceError,
    },
    /// A query is refused.
    #[error("the query of tool `{tool}` is refused")]
    Sql {
        /// The tool.
        tool: String,
        /// Why.
        #[source]
        source: SqlProblem,
    },
    /// A request template is refused.
    #[error("the request of tool `{tool}` is refused")]
    Request {
        /// The tool.
        tool: String,
        /// Why.
        #[source]
        source: RequestProblem,
    },
    /// The knowledge base cannot be indexed.
    #[error("the knowledge base of agent `{agent}` cannot be used")]
    Knowledge {
        /// The agent.
        agent: String,
        /// Why.
        #[source]
        source: KnowledgeError,
    },
    /// The playbooks cannot be used.
    #[error("the playbooks of agent `{agent}` cannot be used")]
    Playbooks {
        /// The agent.
        agent: String,
        /// Why.
        #[source]
        source: PlaybookError,
    },
}

/// The store's URL, with its password.
pub(crate) async fn store_url(config: &Config) -> Result<String, AssembleError> {
    let url = config.store_url.resolve().await;
    let url = url.map_err(|source| AssembleError::Secret { what: "the store".to_owned(), source })?;
    Ok(url.expose().to_owned())
}

/// Builds the runtime of `config` over `store`; `journal` is the store itself, or something in front of it.
/// The observer is told of everything that is written.
pub async fn assemble(
    config: &Config,
    store: &Store,
    journal: Arc<dyn Journal>,
    observer: Arc<dyn Observer>,
) -> Result<Runtime, AssembleError> {
    let providers = providers(config).await?;
    let sources = Sources::open(config).await?;
    let mut agents = BTreeMap::new();
    for (name, agent) in &config.agents {
        agents.insert(name.clone(), Arc::new(build(agent, config, &providers, &sources)?));
    }
    let clock = Arc::new(SystemClock);
    Ok(Runtime {
        agents,
        journal,
        approvals: Arc::new(store.clone()),
        ledger: Arc::new(store.clone()),
        budgets: Arc::new(store.clone()),
        cache: Arc::new(store.clone()),
        requests: Arc::new(store.clone()),
        worker: format!("worker-{}", clock.new_uuid()),
        clock,
        health: Health::default(),
        lease_time: config.lease,
        observer,
        cancellations: Cancellations::default(),
    })
}

type Providers = BTreeMap<String, Arc<dyn Provider>>;

/// Every provider that some agent's model needs; a key that nobody needs need not be there.
async fn providers(config: &Config) -> Result<Providers, AssembleError> {
    let used: Vec<&str> = config.agents.values().flat_map(|agent| agent.models.all()).collect();
    let mut providers = Providers::new();
    for name in used {
        let Some(model) = config.models.get(name) else { continue };
        let Some(provider) = config.providers.get(&model.provider) else { continue };
        if !providers.contains_key(&model.provider) {
            providers.insert(model.provider.clone(), build_provider(&model.provider, provider).await?);
        }
    }
    Ok(providers)
}

async fn build_provider(name: &str, config: &ProviderConfig) -> Result<Arc<dyn Provider>, AssembleError> {
    let api_key = match &config.api_key {
        None => None,
        Some(reference) => Some(reference.resolve().await.map_err(|source| {
            let what = format!("provider `{name}`");
            AssembleError::Secret { what, source }
        })?),
    };
    let settings = Settings {
        base_url: config.base_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        api_key,
        allow_private: config.allow_private,
        stream: config.stream,
        connect_timeout: config.connect_timeout,
        idle_timeout: config.idle_timeout,
        ..Settings::new(name)
    };
    let kind = KINDS.iter().find(|kind| kind.name == config.kind.as_str());
    let kind = kind.ok_or_else(|| AssembleError::Missing(format!("provider kind `{}`", config.kind.as_str())))?;
    (kind.build)(settings).map_err(|source| AssembleError::Provider { name: name.to_owned(), source })
}

fn build(
    agent: &AgentConfig,
    config: &Config,
    providers: &Providers,
    sources: &Sources,
) -> Result<Agent, AssembleError> {
    let knowledge_tool = agent.tools.iter().find(|(_, tool)| matches!(tool.kind, ToolKind::Knowledge { .. }));
    let knowledge_tool = knowledge_tool.map(|(name, _)| name.clone());
    let embedded: Arc<dyn Provider> = Arc::new(
        Embedded::new(agent.playbooks.clone(), knowledge_tool)
            .map_err(|source| AssembleError::Playbooks { agent: agent.name.clone(), source })?,
    );
    let model = |name: &String| {
        let config = config.models.get(name).ok_or_else(|| AssembleError::Missing(format!("model `{name}`")))?;
        let provider = if config.provider == EMBEDDED { Some(&embedded) } else { providers.get(&config.provider) };
        let provider = provider.ok_or_else(|| AssembleError::Missing(format!("provider `{}`", config.provider)))?;
        Ok(build_model(name, config, provider))
    };
    let tier = |names: &[String]| names.iter().map(model).collect::<Result<Vec<_>, AssembleError>>();
    let models = &agent.models;
    let models =
        Tiers { simple: tier(&models.simple)?, medium: tier(&models.medium)?, complex: tier(&models.complex)? };
    Ok(Agent {
        name: agent.name.clone(),
        purpose: agent.purpose.clone(),
        owner: agent.owner.clone(),
        escalation: agent.escalation.clone(),
        version: agent.version.clone(),
        instructions: agent.instructions.clone(),
        models,
        max_chars: agent.input.max_chars,
        history_tokens: agent.input.history_tokens,
        guards: input_guards(&agent.input),
        tools: build_tools(agent, sources)?,
        output: Output { schema: agent.output.schema.clone(), guards: output_guards(agent) },
        rules: agent.rules.clone(),
        limits: agent.limits.clone(),
        cache: agent.cache,
        rollout: agent.rollout.clone(),
        approval_time: agent.approval_time,
    })
}

fn build_model(name: &str, config: &ModelConfig, provider: &Arc<dyn Provider>) -> Model {
    Model {
        name: name.to_owned(),
        provider: Arc::clone(provider),
        model: config.model.clone(),
        price: config.price,
        timeout: config.timeout,
        retries: config.retries,
    }
}

fn build_tools(agent: &AgentConfig, sources: &Sources) -> Result<BTreeMap<String, AgentTool>, AssembleError> {
    let knowledge = tools::knowledge(agent)?;
    let mut built = BTreeMap::new();
    for (name, config) in &agent.tools {
        let tool = AgentTool {
            spec: config.spec.clone(),
            effect: config.effect,
            schema: config.schema.clone(),
            bound: config.bound.clone(),
            facts: config.facts.clone(),
            when: config.when.clone(),
            approve: config.approve.clone(),
            probe: config.probe.clone(),
            claims: config.claims.clone(),
            trusted: config.trusted,
            shared: config.shared,
            timeout: config.timeout,
            tool: tools::build(name, config, sources, knowledge.as_ref())?,
        };
        built.insert(name.clone(), tool);
    }
    Ok(built)
}

/// In this order: what is masked first, the later ones do not see.
fn input_guards(input: &InputConfig) -> Vec<InputGuard> {
    let pii_action = |action: Option<TextAction>| match action {
        None => pii::Action::Off,
        Some(TextAction::Mask) => pii::Action::Mask,
        Some(TextAction::Flag) => pii::Action::Flag,
        Some(TextAction::Block) => pii::Action::Block,
    };
    let actions = PiiActions {
        email: pii_action(input.pii.email),
        phone: pii_action(input.pii.phone),
        card: pii_action(input.pii.card),
        iban: pii_action(input.pii.iban),
    };
    let secrets = SecretsSettings {
        action: match input.secrets.action {
            TextAction::Mask => secrets::Action::Mask,
            TextAction::Flag => secrets::Action::Flag,
            TextAction::Block => secrets::Action::Block,
        },
    };
    let injection = InjectionSettings::new(match input.injection.action {
        InjectionAction::Flag => injection::Action::Flag,
        InjectionAction::Escalate => injection::Action::Escalate,
        InjectionAction::Block => injection::Action::Block,
    });
    vec![
        InputGuard { guard: Arc::new(Pii::new(actions)), mode: input.pii.mode },
        InputGuard { guard: Arc::new(Secrets::new(secrets)), mode: input.secrets.mode },
        InputGuard { guard: Arc::new(Injection::new(injection)), mode: input.injection.mode },
    ]
}

fn output_guards(agent: &AgentConfig) -> Vec<(Arc<dyn OutputGuard>, Mode)> {
    let output = &agent.output;
    vec![
        (Arc::new(Grounding::new(GroundingSettings::default())), output.grounding),
        (Arc::new(Claims), output.claims),
        (Arc::new(Leaks::new(LeakSettings::default())), output.leaks),
    ]
}
