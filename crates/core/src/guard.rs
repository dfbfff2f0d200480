//! The contracts of guards: checks on text that comes in, and on answers that go out.

use async_trait::async_trait;
use regex::Regex;
use serde_json::Value;

use crate::principal::Principal;

/// Looks at one text before anything else reads it. Must be fast, deterministic and linear in the text's length.
///
/// A guard reports; it does not act. Spans are byte ranges of the text as given, on character boundaries, sorted and
/// without overlap. An `Err` or a timeout is a failed guard, and a failed guard blocks.
#[async_trait]
pub trait Guard: Send + Sync {
    /// A stable name such as `pii` or `injection`; the word in config, traces and counters.
    fn name(&self) -> &'static str;

    /// Judges one text.
    async fn inspect(&self, text: &str, channel: Channel) -> Result<Verdict, GuardError>;
}

/// Looks at a draft answer, with everything that the run knows, before a person or the principal sees it.
#[async_trait]
pub trait OutputGuard: Send + Sync {
    /// A stable name such as `grounding` or `claims`.
    fn name(&self) -> &'static str;

    /// Judges one draft.
    async fn inspect(&self, draft: &Draft<'_>) -> Result<Verdict, GuardError>;
}

/// Where a text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The principal wrote it.
    Request,
    /// A tool returned it.
    ToolResult,
    /// It is a passage of the knowledge base.
    Document,
}

impl Channel {
    /// The word for it in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
        }
    }
}

/// What a guard thinks of a text. Ordered by severity: when guards disagree, the gravest wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing found.
    Pass,
    /// These spans must not go on; each is replaced by a placeholder that only the runtime can undo.
    Mask(Vec<Masked>),
    /// Worth noting; goes on.
    Flag(String),
    /// A person should look.
    Escalate(String),
    /// Must not go on.
    Block(String),
}

impl Verdict {
    /// The word for it in traces.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Mask(_) => "mask",
            Self::Flag(_) => "flag",
            Self::Escalate(_) => "escalate",
            Self::Block(_) => "block",
        }
    }
}

/// One span to mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is, such as `email`; becomes the placeholder `[email_1]`.
    pub kind: &'static str,
}

/// A guard could not do its work; the run fails closed.
#[derive(Debug, thiserror::Error)]
#[error("guard `{guard}` failed: {reason}")]
pub struct GuardError {
    /// [`Guard::name`].
    pub guard: &'static str,
    /// Why; holds none of the text.
    pub reason: String,
}

/// What a guard does with its verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Not run.
    Off,
    /// Run and counted, but nothing happens.
    Observe,
    /// Run and obeyed.
    #[default]
    Enforce,
}

impl Mode {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// A passage of the pinned knowledge snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// `document#start-end`, what an answer puts into `sources`.
    pub id: String,
    /// The document's path inside `knowledge/`.
    pub document: String,
    /// First byte in the document's file.
    pub start: usize,
    /// One past the last byte in the document's file.
    pub end: usize,
    /// The text that a model reads (markup removed).
    pub text: String,
}

/// A draft answer and everything that may support it.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The instructions of the agent that drafted it; none of them may leak.
    pub instructions: &'a str,
    /// Words that may only be used of a confirmed effect: the tool and its patterns.
    pub claims: &'a [(&'a str, &'a [Regex])],
    /// Who asked.
    pub principal: &'a Principal,
    /// What was asked, masked.
    pub request: &'a str,
    /// The answer's text, still with placeholders.
    pub text: &'a str,
    /// The citations that the draft names.
    pub sources: &'a [String],
    /// What the run has read: every tool result that the model saw.
    pub evidence: &'a [Evidence],
    /// What the run has done to the world.
    pub effects: &'a [EffectFact],
}

/// One thing that the run has read.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The tool that returned it.
    pub tool: String,
    /// The result as the model saw it.
    pub content: Value,
    /// Passages of the knowledge base in it.
    pub citations: Vec<Citation>,
}

/// One side effect of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectFact {
    /// The tool.
    pub tool: String,
    /// True when the ledger says `confirmed`.
    pub confirmed: bool,
}
