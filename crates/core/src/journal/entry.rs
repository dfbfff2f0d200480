//! Every shape that is journaled. What is written here is a promise: fields are added (with `#[serde(default)]`), never
//! renamed, re-used or removed, and `tests/golden/journal` holds one JSON of each that must load for ever.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::id::ApprovalId;
use crate::money::MicroUsd;

/// One journaled unit of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// 0, 1, 2 … without a gap.
    pub position: u32,
    /// When the step began.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// What happened.
    pub payload: Payload,
    /// Chains it to everything before; see [`crate::journal::chain`].
    pub hash: [u8; 32],
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident = $kind:literal),* $(,)?) => {
        /// What happened in a step. The tag is the entry's kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Payload {
            $($(#[$doc])* #[serde(rename = $kind)] $name($name),)*
        }

        impl Payload {
            /// The kind's name as it is stored.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $kind,)* }
            }
        }

        $(impl Recorded for $name {
            const KIND: &'static str = $kind;
            fn into_payload(self) -> Payload { Payload::$name(self) }
            fn from_payload(payload: &Payload) -> Option<Self> {
                match payload { Payload::$name(value) => Some(value.clone()), _ => None }
            }
        })*
    };
}

/// The result of a step that can be journaled and read back.
pub trait Recorded: Sized + Send {
    /// The kind's name as it is stored.
    const KIND: &'static str;
    /// To the journal.
    fn into_payload(self) -> Payload;
    /// From the journal; `None` when the entry is of another kind.
    fn from_payload(payload: &Payload) -> Option<Self>;
}

payloads! {
    /// The request was screened.
    Screened = "screened",
    /// The response cache was asked.
    CacheLookup = "cache_lookup",
    /// The models for the run were chosen.
    Routed = "routed",
    /// A model was called.
    ModelCalled = "model_called",
    /// The policy judged a call that a model asked for.
    ToolJudged = "tool_judged",
    /// A person was asked.
    ApprovalAsked = "approval_asked",
    /// The person answered, or time ran out.
    ApprovalDecided = "approval_decided",
    /// A changing call is about to be sent.
    EffectIntended = "effect_intended",
    /// A tool was called.
    ToolCalled = "tool_called",
    /// The draft was checked.
    Validated = "validated",
    /// The business rules judged the answer.
    Ruled = "ruled",
    /// The run ended.
    Replied = "replied",
}

/// What came with a request besides its text. Part of what the hash chain covers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunContext {
    /// The application's name of the conversation; empty for a single question. Only turns of the same tenant, agent and
    /// principal ever meet in one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub conversation: String,
    /// Earlier turns, oldest first, raw.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Said>,
    /// The application's own notes; no model reads them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The caller's W3C `traceparent`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_parent: String,
    /// The API key that brought it; empty for a request from this machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What all runs of that key may spend in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_usd_per_day: Option<MicroUsd>,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who.
    pub by: Speaker,
    /// What.
    pub text: String,
}

/// Who said something in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The principal.
    Principal,
    /// The agent.
    Agent,
}

/// What one guard said about one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardVerdict {
    /// The guard's name.
    pub guard: String,
    /// Where the text came from: `request`, `tool_result`, `document`, `answer`.
    pub channel: String,
    /// `observe` or `enforce`.
    pub mode: String,
    /// `pass`, `mask`, `flag`, `escalate`, `block` or `error`.
    pub verdict: String,
    /// Why, when it did not pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// A value that was masked, kept aside for the same principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What stands in the text, such as `[email_1]`.
    pub placeholder: String,
    /// What it stands for.
    pub value: String,
}

/// See [`Payload::Screened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screened {
    /// The request with placeholders; empty when it was refused.
    pub text: String,
    /// Earlier turns with placeholders, oldest first; those that a guard stopped are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Said>,
    /// What the placeholders stand for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// What the guards said.
    pub verdicts: Vec<GuardVerdict>,
    /// Set when the run ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// A run that ends before a model is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// True: a person gets it. False: it is refused.
    pub escalate: bool,
    /// An error code with a page, such as `input_blocked`.
    pub code: String,
    /// In the requester's words.
    pub reason: String,
}

/// See [`Payload::CacheLookup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheLookup {
    /// The key, a hash.
    pub key: String,
    /// The answer found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerRecord>,
}

/// See [`Payload::Routed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    /// `simple`, `medium` or `complex`.
    pub tier: String,
    /// Why that tier.
    pub reason: String,
    /// The models to try, cheapest first.
    pub models: Vec<String>,
}

/// See [`Payload::ModelCalled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCalled {
    /// The configured name of the model that answered, or the last one tried.
    pub model: String,
    /// [`crate::provider::Provider::name`].
    pub provider: String,
    /// The messages that are new since the last call of this attempt.
    pub input: Vec<MessageRecord>,
    /// How it went.
    pub result: ModelResult,
    /// Tries that failed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailedTry>,
    /// Tokens.
    pub usage: UsageRecord,
    /// Cost.
    pub cost: MicroUsd,
}

/// How a model call went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelResult {
    /// The model answered.
    Reply {
        /// Its text.
        text: String,
        /// The calls that it asks for.
        calls: Vec<CallRecord>,
        /// `stop`, `tool_calls`, `length`, `content_filter` or the provider's word.
        finish: String,
        /// The model as the provider names it.
        model: String,
        /// The provider's id of the reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_id: Option<String>,
    },
    /// A limit forbade the call.
    OverBudget {
        /// The key in `[budget]`.
        limit: String,
        /// What it allows and what was used, in words.
        detail: String,
    },
    /// No model could be reached.
    Unavailable {
        /// The last failure.
        reason: String,
    },
}

/// A try of a model that failed and was retried or passed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedTry {
    /// The configured name of the model.
    pub model: String,
    /// Why.
    pub error: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
}

/// See [`crate::message::Message`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum MessageRecord {
    /// To the model.
    User {
        /// Text.
        text: String,
    },
    /// From the model.
    Assistant {
        /// Text.
        text: String,
        /// Calls.
        calls: Vec<CallRecord>,
    },
    /// From a tool.
    Tool {
        /// The call that it answers.
        call_id: String,
        /// The tool.
        name: String,
        /// Text.
        content: String,
    },
}

/// See [`crate::message::ToolCall`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The provider's id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as the model wrote them (with placeholders).
    pub arguments: Value,
}

/// See [`crate::message::Usage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// All input tokens.
    pub input: u64,
    /// Of these, cached.
    #[serde(default)]
    pub cached: u64,
    /// Of these, written to the cache.
    #[serde(default)]
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
}

/// See [`Payload::ToolJudged`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolJudged {
    /// The tool as the model named it.
    pub tool: String,
    /// The call.
    pub call_id: String,
    /// What the policy says.
    pub ruling: ToolRuling,
    /// Why.
    pub reason: String,
}

/// What the policy says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolRuling {
    /// May run.
    Allow,
    /// A person must approve it.
    Ask,
    /// Must not run.
    Deny,
}

/// See [`Payload::ApprovalAsked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalAsked {
    /// The approval.
    pub approval: ApprovalId,
    /// The tool.
    pub tool: String,
    /// The arguments that would be sent, real values.
    pub arguments: Map<String, Value>,
    /// SHA-256 of the canonical arguments, hex.
    pub arguments_hash: String,
    /// Why a person is asked.
    pub reason: String,
    /// No answer by then means no.
    pub expires: Timestamp,
}

/// See [`Payload::ApprovalDecided`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// The approval.
    pub approval: ApprovalId,
    /// The decision.
    pub decision: Decision,
    /// Who; empty when time ran out.
    pub by: String,
    /// The person's reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The arguments as the person changed them, when they did; real values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Map<String, Value>>,
    /// The person's own answer, when they took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How an approval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Do it.
    Approved,
    /// Do not.
    Rejected,
    /// Nobody answered in time: do not.
    Expired,
    /// Do it with other arguments.
    Edited,
    /// Do not; the person answers instead.
    TakenOver,
    /// The run was cancelled before anybody decided.
    Cancelled,
}

impl Decision {
    /// The word for it, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Edited => "edited",
            Self::TakenOver => "taken_over",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Approved, Self::Rejected, Self::Expired, Self::Edited, Self::TakenOver, Self::Cancelled]
            .into_iter()
            .find(|decision| decision.as_str() == word)
    }
}

/// See [`Payload::EffectIntended`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectIntended {
    /// The tool.
    pub tool: String,
    /// The call.
    pub call_id: String,
    /// `idempotent` or `write`.
    pub effect: String,
    /// The arguments as they will be sent.
    pub arguments: Map<String, Value>,
    /// SHA-256 of the canonical arguments, hex.
    pub arguments_hash: String,
    /// The key that travels with the call.
    pub idempotency_key: String,
    /// Who allowed it: an approval's id or `policy`.
    pub authority: String,
    /// When it was about to be sent.
    pub sent_at: Timestamp,
}

/// See [`Payload::ToolCalled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCalled {
    /// The tool.
    pub tool: String,
    /// The call that it answers; empty when the runtime itself asked (facts, probes).
    pub call_id: String,
    /// Why it was called: `call` (the model asked) or `fact` (the policy did).
    pub purpose: String,
    /// `read`, `draft`, `idempotent` or `write`.
    pub effect: String,
    /// The arguments, with placeholders.
    pub arguments: Map<String, Value>,
    /// `done`, `failed`, `unknown` or `blocked` (by a guard on the result).
    pub outcome: String,
    /// The result with placeholders, or the reason as text.
    pub content: Value,
    /// How an unknown outcome was settled; empty when it did not have to be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub settled: String,
    /// What the placeholders stand for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// Passages of the knowledge base in the content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<CitationRecord>,
    /// What the guards said of the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<GuardVerdict>,
}

/// See [`crate::guard::Citation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitationRecord {
    /// `document#start-end`
    pub id: String,
    /// Path inside `knowledge/`.
    pub document: String,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The text.
    pub text: String,
}

/// See [`Payload::Validated`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// The draft as an answer, when it has the right shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerRecord>,
    /// What the guards said.
    pub verdicts: Vec<GuardVerdict>,
    /// Why it is rejected; empty when it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// Something wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A code with a page, such as `answer_not_grounded`.
    pub code: String,
    /// What is wrong, in words.
    pub detail: String,
}

/// An answer: what the default schema demands, and the whole JSON where the agent has a schema of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// The text, with placeholders.
    pub text: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Citations, `document#start-end`.
    pub sources: Vec<String>,
    /// The model asks for a person.
    #[serde(default)]
    pub requires_human_review: bool,
    /// The whole answer as the agent's schema shapes it.
    pub body: Value,
}

/// See [`Payload::Ruled`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruled {
    /// The reason of the first enforced rule that fired; empty when none did.
    pub escalate: String,
    /// Reasons of the rules that fired, the observed ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<String>,
}

/// See [`Payload::Replied`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replied {
    /// How the run ended.
    pub state: FinalState,
    /// The answer, or the draft of an escalated run; with placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerRecord>,
    /// `model`, `cache` or `person`, for an answered run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// A code with a page, such as `budget_exhausted`; empty for an answered run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Why, in words; empty for an answered run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who gets an escalated run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub escalated_to: String,
    /// What the run did to the world, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_so_far: Vec<String>,
    /// All tokens.
    pub usage: UsageRecord,
    /// All cost.
    pub cost: MicroUsd,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalState {
    /// The principal has an answer.
    Answered,
    /// The request was not accepted.
    Refused,
    /// A person has it.
    Escalated,
    /// Somebody stopped it.
    Cancelled,
    /// We could not do our job.
    Failed,
}

impl FinalState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Escalated => "escalated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}
