//! One narrow agent, already checked: every value here is usable, nothing has to be looked at twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::expression::Expression;
use crate::guard::{Guard, Mode, OutputGuard};
use crate::money::{MicroUsd, Price};
use crate::provider::Provider;
use crate::rollout::Rollout;
use crate::schema::Schema;
use crate::tool::AgentTool;

/// A narrow, owned, versioned definition.
pub struct Agent {
    /// Its name: lower case, digits, `-`.
    pub name: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// Who answers for it.
    pub owner: String,
    /// Who gets what it will not do.
    pub escalation: String,
    /// SHA-256 of the bundle (config, instructions, knowledge, rules), hex.
    pub version: String,
    /// What the model is told.
    pub instructions: String,
    /// Which models serve it.
    pub models: Tiers,
    /// Longest request, in characters.
    pub max_chars: usize,
    /// So much of a conversation's earlier turns is read, in tokens of four bytes.
    pub history_tokens: u64,
    /// Checks on the request, and on tool results and documents.
    pub guards: Vec<InputGuard>,
    /// What it may call, by name.
    pub tools: BTreeMap<String, AgentTool>,
    /// What an answer must be.
    pub output: Output,
    /// The business's last word, in order.
    pub rules: Vec<Rule>,
    /// What one run and one day may spend.
    pub limits: Limits,
    /// How long answers may be given again; `None` switches the cache off.
    pub cache: Option<Duration>,
    /// Who is served, and what happens without asking.
    pub rollout: Rollout,
    /// How long a person has to approve.
    pub approval_time: Duration,
}

/// Models per difficulty; within a tier in order of preference.
#[derive(Clone, Default)]
pub struct Tiers {
    /// For short, plain requests.
    pub simple: Vec<Model>,
    /// For most.
    pub medium: Vec<Model>,
    /// For the hard ones.
    pub complex: Vec<Model>,
}

impl Tiers {
    /// All models, tier by tier.
    pub fn all(&self) -> Vec<&Model> {
        self.simple.iter().chain(&self.medium).chain(&self.complex).collect()
    }
}

/// The model whose turn it is in a run.
#[derive(Clone, Copy)]
pub struct Served<'a> {
    /// The tier that was chosen for the request.
    pub tier: &'a str,
    /// `None` when the agent has no model at all.
    pub model: Option<&'a Model>,
}

/// A model that may serve an agent.
#[derive(Clone)]
pub struct Model {
    /// Its name in `mainstay.toml`.
    pub name: String,
    /// Who serves it.
    pub provider: Arc<dyn Provider>,
    /// Its name at the provider.
    pub model: String,
    /// What it costs.
    pub price: Price,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often a failed try is repeated before the next model is asked.
    pub retries: u32,
}

/// A guard on texts that come in.
#[derive(Clone)]
pub struct InputGuard {
    /// The guard.
    pub guard: Arc<dyn Guard>,
    /// What happens with its verdict.
    pub mode: Mode,
}

/// What an answer must be.
pub struct Output {
    /// Its JSON Schema; has at least `answer`, and where present `confidence`, `sources`, `requires_human_review` mean
    /// what they mean in the default schema.
    pub schema: Schema,
    /// Checks on the content.
    pub guards: Vec<(Arc<dyn OutputGuard>, Mode)>,
}

/// A business rule over an answer.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Sees `request`, `principal`, `route`, `tools`, `answer`, `usage`.
    pub when: Expression,
    /// Said to the person who gets the run.
    pub reason: String,
    /// Whether it is obeyed or only counted.
    pub mode: Mode,
}

impl Rule {
    /// What [`Rule::when`] may name.
    pub const VARIABLES: &[&str] = &["request", "principal", "route", "tools", "answer", "usage"];
}

/// What a run and a day may spend. Reserved before, settled after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Model calls per run.
    pub model_calls: u32,
    /// Tool calls per run.
    pub tool_calls: u32,
    /// Output tokens per model call.
    pub output_tokens_per_call: u32,
    /// Output tokens per run.
    pub output_tokens: u64,
    /// Dollars per run.
    pub usd_per_run: MicroUsd,
    /// Dollars per day for the whole agent; `None` is no limit.
    pub usd_per_day: Option<MicroUsd>,
    /// Dollars per day for each principal; `None` is no limit.
    pub usd_per_principal_day: Option<MicroUsd>,
    /// Working time per run; waiting for a person does not count.
    pub run_time: Duration,
}
