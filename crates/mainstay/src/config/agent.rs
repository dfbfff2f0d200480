//! What an agent's folder says, checked. Nothing here has to be looked at twice.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_core::agent::{Limits, Rule};
use mainstay_core::expression::Expression;
use mainstay_core::guard::Mode;
use mainstay_core::provider::ToolSpec;
use mainstay_core::rollout::Rollout;
use mainstay_core::schema::Schema;
use mainstay_core::tool::{BoundArgument, Effect, Probe};
use mainstay_egress::Method;
use mainstay_providers::embedded::Playbook;
use regex::Regex;
use serde_json::Value;
use time::Date;

pub use crate::function::FunctionBody;

/// One agent, ready to be wired.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Its name: lower case, digits, `-`; also the name of its folder.
    pub name: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// Who answers for it.
    pub owner: String,
    /// Who gets what it will not do.
    pub escalation: String,
    /// What may go wrong.
    pub risk: Risk,
    /// When its owner must look at it again.
    pub review_by: Option<Date>,
    /// What the model is told; never empty.
    pub instructions: String,
    /// Names of models per tier; at least one tier is not empty.
    pub models: ModelNames,
    /// What is checked in what comes in.
    pub input: InputConfig,
    /// What it may call, by name.
    pub tools: BTreeMap<String, ToolConfig>,
    /// What its answers must be.
    pub output: OutputConfig,
    /// The business's last word, in order.
    pub rules: Vec<Rule>,
    /// What a run and a day may spend.
    pub limits: Limits,
    /// How long a person has to approve.
    pub approval_time: Duration,
    /// How long answers may be given again; `None` switches the cache off.
    pub cache: Option<Duration>,
    /// Who is served, and what happens without asking.
    pub rollout: Rollout,
    /// What the embedded provider serves.
    pub playbooks: Vec<Playbook>,
    /// The knowledge base, by path.
    pub knowledge: Vec<Document>,
    /// SHA-256 of the bundle, hex.
    pub version: String,
}

/// How much may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Little.
    Minimal,
    /// Some; the usual.
    Limited,
    /// Much.
    High,
}

impl Risk {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Limited => "limited",
            Self::High => "high",
        }
    }
}

/// Names of models per difficulty; within a tier in order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelNames {
    /// For short, plain requests.
    pub simple: Vec<String>,
    /// For most.
    pub medium: Vec<String>,
    /// For the hard ones.
    pub complex: Vec<String>,
}

impl ModelNames {
    /// Every name once, in order.
    pub fn all(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.simple.iter().chain(&self.medium).chain(&self.complex) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

/// What is checked in requests, tool results and documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputConfig {
    /// Longest request, in characters.
    pub max_chars: usize,
    /// How much of the earlier turns of a conversation comes along, in tokens of four bytes; 0 brings nothing.
    pub history_tokens: u64,
    /// Personal data.
    pub pii: PiiConfig,
    /// Credentials.
    pub secrets: SecretsConfig,
    /// Attempts to give the model orders.
    pub injection: InjectionConfig,
}

impl Default for InputConfig {
    /// Strict: personal data is masked, payment cards, credentials and orders to the model are blocked.
    fn default() -> Self {
        let mask = Some(TextAction::Mask);
        let pii =
            PiiConfig { mode: Mode::Enforce, email: mask, phone: mask, card: Some(TextAction::Block), iban: mask };
        Self {
            max_chars: 8_000,
            history_tokens: 2_000,
            pii,
            secrets: SecretsConfig { mode: Mode::Enforce, action: TextAction::Block },
            injection: InjectionConfig { mode: Mode::Enforce, action: InjectionAction::Block },
        }
    }
}

/// What happens with personal data; `None` leaves that kind alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PiiConfig {
    /// Whether it is obeyed.
    pub mode: Mode,
    /// E-mail addresses.
    pub email: Option<TextAction>,
    /// Phone numbers.
    pub phone: Option<TextAction>,
    /// Payment cards.
    pub card: Option<TextAction>,
    /// Bank accounts.
    pub iban: Option<TextAction>,
}

/// What happens with credentials in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsConfig {
    /// Whether it is obeyed.
    pub mode: Mode,
    /// What happens.
    pub action: TextAction,
}

/// What happens with what was found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextAction {
    /// A placeholder takes its place.
    Mask,
    /// It is noted.
    Flag,
    /// The text goes no further.
    Block,
}

impl TextAction {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Flag => "flag",
            Self::Block => "block",
        }
    }
}

/// What happens with an attempt to give the model orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectionConfig {
    /// Whether it is obeyed.
    pub mode: Mode,
    /// What happens.
    pub action: InjectionAction,
}

/// What happens with an attempt to give the model orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectionAction {
    /// It is noted.
    Flag,
    /// A person gets the run.
    Escalate,
    /// The text goes no further.
    Block,
}

impl InjectionAction {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Escalate => "escalate",
            Self::Block => "block",
        }
    }
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub struct OutputConfig {
    /// Its JSON Schema: an object with at least `answer`, a string.
    pub schema: Schema,
    /// Numbers, dates, ids and quotations must be in the evidence.
    pub grounding: Mode,
    /// Nothing is said to be done that is not.
    pub claims: Mode,
    /// Neither instructions nor other people's data get out.
    pub leaks: Mode,
}

/// A tool as one agent may use it: all of [`mainstay_core::tool::AgentTool`] but the tool itself.
#[derive(Clone, Debug)]
pub struct ToolConfig {
    /// What the model is told. Arguments bound from the principal are absent.
    pub spec: ToolSpec,
    /// What calling it does.
    pub effect: Effect,
    /// Checks what the model set.
    pub schema: Schema,
    /// Arguments that the runtime sets and the model cannot.
    pub bound: Vec<BoundArgument>,
    /// Facts by name, and the read tool that each comes from.
    pub facts: Vec<(String, String)>,
    /// Must hold, or the call is denied.
    pub when: Option<Expression>,
    /// Where it holds, a person must approve.
    pub approve: Option<Expression>,
    /// Settles an unknown outcome.
    pub probe: Option<Probe>,
    /// Words that an answer may only use when this tool's effect is confirmed.
    pub claims: Vec<Regex>,
    /// False where third parties can write what it returns.
    pub trusted: bool,
    /// True when what it returns is the same for every principal of a tenant.
    pub shared: bool,
    /// Limit of one call.
    pub timeout: Duration,
    /// What it does.
    pub kind: ToolKind,
}

/// What a tool does.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolKind {
    /// Asks a database.
    Sql {
        /// A name of [`super::settings::Config::sources`]; a database.
        source: String,
        /// A single reading statement with `:name` parameters.
        query: String,
        /// At most so many rows.
        max_rows: u32,
        /// True gives the one row itself, or null.
        single: bool,
    },
    /// Calls an HTTP API.
    Http {
        /// A name of [`super::settings::Config::sources`]; an HTTP API.
        source: String,
        /// The method.
        method: Method,
        /// Appended to the source's address; `{argument}` stands for an argument.
        path: String,
        /// Query parameters, as templates.
        query: Vec<(String, String)>,
        /// The body; a string in it that is exactly `{argument}` keeps the argument's JSON type.
        body: Option<Value>,
    },
    /// Searches the agent's knowledge.
    Knowledge {
        /// At most so many passages.
        top: u32,
    },
    /// Writes a proposal for a person.
    Draft,
    /// Calls a function of this program.
    Function(FunctionBody),
}

impl ToolKind {
    /// The word for it in config.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "sql",
            Self::Http { .. } => "http",
            Self::Knowledge { .. } => "knowledge",
            Self::Draft => "draft",
            Self::Function(_) => "function",
        }
    }
}

/// A file of the knowledge base.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Its path inside `knowledge/`, with `/`.
    pub path: String,
    /// Its bytes; UTF-8.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({}, {} bytes)", self.path, self.bytes.len())
    }
}
