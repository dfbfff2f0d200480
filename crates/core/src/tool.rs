//! The contract of a tool, and what an agent may do with one.

use std::sync::Arc;

use async_trait::async_trait;
use regex::Regex;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::expression::Expression;
use crate::guard::Citation;
use crate::principal::Principal;
use crate::provider::ToolSpec;
use crate::schema::Schema;

/// Does one thing in the outside world. One instance serves many runs at once.
///
/// `call` is only ever given arguments that passed the schema, returns by `deadline`, and caps the size of what it
/// returns. The outcome must be honest: [`ToolOutcome::Failed`] promises that *nothing happened*, and when a request
/// may have reached the far side without a clear answer, a tool that changes things says [`ToolOutcome::Unknown`].
#[async_trait]
pub trait Tool: Send + Sync {
    /// Calls it once.
    async fn call(&self, call: &Invocation<'_>, deadline: Instant) -> ToolOutcome;
}

/// What a tool is given.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The arguments: those that the model set and those bound from the principal.
    pub arguments: &'a Map<String, Value>,
    /// On whose behalf.
    pub principal: &'a Principal,
    /// `run/position`: the same for every repetition of this very call, unique otherwise.
    pub idempotency_key: &'a str,
    /// W3C `traceparent` of the step, for a far side that traces too.
    pub trace_parent: &'a str,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolOutcome {
    /// It was done; this is the result.
    Done {
        /// What the model reads.
        content: Value,
        /// Passages of the knowledge base that the content quotes.
        citations: Vec<Citation>,
    },
    /// It was not done, for certain. The text is for the model and for people; it holds no secrets.
    Failed(String),
    /// Nobody knows whether it was done.
    Unknown(String),
}

/// What calling a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Reads; may be repeated.
    Read,
    /// Writes a proposal for a person; changes nothing; may be repeated.
    Draft,
    /// Changes something; repeating it with the same key changes nothing more.
    Idempotent,
    /// Changes something; must never be sent twice.
    Write,
}

impl Effect {
    /// The word for it in config, pages and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Draft => "draft",
            Self::Idempotent => "idempotent",
            Self::Write => "write",
        }
    }

    /// True for effects that change the outside world.
    pub const fn changes_things(self) -> bool {
        matches!(self, Self::Idempotent | Self::Write)
    }
}

/// A tool as one agent may use it: already checked, cannot be wrong.
#[derive(Clone)]
pub struct AgentTool {
    /// What the model is told. Arguments bound from the principal are absent.
    pub spec: ToolSpec,
    /// What calling it does.
    pub effect: Effect,
    /// Checks what the model set.
    pub schema: Schema,
    /// Arguments that the runtime sets and the model cannot.
    pub bound: Vec<BoundArgument>,
    /// Facts that are read afresh before [`Self::when`] and [`Self::approve`] are judged: name, and the read tool that
    /// is called with this call's arguments of the same names.
    pub facts: Vec<(String, String)>,
    /// Must hold, or the call is denied. Sees `args`, `principal` and the facts by name.
    pub when: Option<Expression>,
    /// Where it holds, a person must approve. Autonomy can only add approvals.
    pub approve: Option<Expression>,
    /// Settles an unknown outcome; a write without one is irreversible in doubt.
    pub probe: Option<Probe>,
    /// Words that an answer may only use when this tool's effect is confirmed.
    pub claims: Vec<Regex>,
    /// False where third parties can write what it returns.
    pub trusted: bool,
    /// True when what it returns is the same for every principal of a tenant, so that an answer may be cached.
    pub shared: bool,
    /// Wall-clock limit of one call.
    pub timeout: std::time::Duration,
    /// The tool itself.
    pub tool: Arc<dyn Tool>,
}

/// An argument with a value that the model cannot set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundArgument {
    /// The argument's name.
    pub name: String,
    /// Where its value comes from.
    pub from: Binding,
}

/// Where a bound argument's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `principal.id`
    PrincipalId,
    /// `principal.tenant`
    PrincipalTenant,
    /// `call.key`: the idempotency key of the call that is read back. For probes that look a call up by its key; empty
    /// where nothing is read back.
    CallKey,
}

/// How an unknown outcome is read back.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The read tool that looks; called with the write's arguments of the same names.
    pub tool: String,
    /// Holds when the effect happened. Sees `args` and `result`.
    pub happened: Expression,
}
