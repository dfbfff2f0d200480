//! Playbooks: what an operator declares so that routine requests are served without a model.
//!
//! A playbook is an intent with examples, the slots to fill, the tools to call in order and the answers to choose from.
//! Everything that can be wrong in one is found by [`check`], before the first request.

use std::collections::BTreeSet;

use mainstay_core::expression::Expression;
use regex::Regex;
use serde_json::{Map, Value};

use super::slots;
use super::template::{Template, ValueTemplate};

/// One routine request and how it is served.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// A name for it, unique among an agent's playbooks.
    pub intent: String,
    /// What people say when they mean it, in any language; twenty serve better than ten. Placeholders such as `{order_id}`
    /// may stand for slots. A request with a `not` in it only fits where an example has one too.
    pub examples: Vec<String>,
    /// What must be known before anything is called.
    pub slots: Vec<Slot>,
    /// What is called, in order, one call per turn.
    pub calls: Vec<PlaybookCall>,
    /// What is said; the first whose condition holds.
    pub answers: Vec<PlaybookAnswer>,
}

/// A value that is looked for in the request.
///
/// Found neither there nor in `default`: with `ask` that question is the answer, without it the playbook does not fit. Nor
/// does it where the request has several values with different numbers: a playbook serves one order, not two. Of different
/// words the first counts.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Letters, digits and `_`; the name in templates and expressions.
    pub name: String,
    /// What it looks like; where the pattern has a group, its first group is the value.
    pub pattern: Regex,
    /// What to ask when it is missing.
    pub ask: Option<String>,
    /// Put in front where the value does not begin with it.
    pub prefix: Option<String>,
    /// The value when it is missing.
    pub default: Option<String>,
    /// The value is made upper case.
    pub upper: bool,
    /// The value is a JSON number; a match that is none counts as missing.
    pub number: bool,
}

/// One tool call of a playbook.
#[derive(Clone, Debug)]
pub struct PlaybookCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments. A text that is exactly `{slot}` or `{tool.field}` keeps the value's JSON type.
    pub arguments: Map<String, Value>,
    /// Only made where this holds; one that cannot be judged does not hold.
    pub when: Option<Expression>,
}

/// One answer of a playbook.
#[derive(Clone, Debug)]
pub struct PlaybookAnswer {
    /// Only given where this holds; one that cannot be judged does not hold.
    pub when: Option<Expression>,
    /// What is said; `{slot}` and `{tool.field}` are filled in, `{{` is a brace.
    pub text: String,
    /// How sure the operator is of it, 0 to 1.
    pub confidence: f64,
    /// Whether a person must see it first.
    pub review: bool,
}

impl Playbook {
    /// What the expressions of this playbook may name: its slots, and the tools that it calls. A slot without a value and
    /// a tool that was not called are null. Needs no `when` yet: build the playbook without, compile, then put them in.
    pub fn variables(&self) -> Vec<&str> {
        let slots = self.slots.iter().map(|slot| slot.name.as_str());
        let tools = self.calls.iter().map(|call| call.tool.as_str());
        slots.chain(tools).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// A playbook that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("playbook `{intent}`: {fault}")]
pub struct PlaybookError {
    /// Which playbook.
    pub intent: String,
    /// What is wrong with it.
    pub fault: PlaybookFault,
}

/// What is wrong with a playbook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlaybookFault {
    /// It has no name.
    #[error("the intent is empty")]
    NoIntent,
    /// Another one has the same name.
    #[error("there are two with this intent")]
    Twice,
    /// Nothing says when it applies.
    #[error("it has no example with words in it")]
    NoExamples,
    /// Nothing says what to answer.
    #[error("it has no answers")]
    NoAnswers,
    /// More than we serve.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A slot's name cannot be used in an expression.
    #[error("slot `{0}` is not a name of letters, digits and `_`")]
    BadSlotName(String),
    /// Two slots, or a slot and a tool, share a name.
    #[error("`{0}` names two things")]
    NameTwice(String),
    /// A default that is not a number in a slot of numbers.
    #[error("the default of slot `{0}` is not a number")]
    BadDefault(String),
    /// A template does not parse.
    #[error("in `{text}`: {reason}")]
    BadTemplate {
        /// The template.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A template names something that will never be there.
    #[error("`{text}` names `{name}`, which is neither a slot nor a tool called before it")]
    UnknownName {
        /// The template.
        text: String,
        /// The name.
        name: String,
    },
    /// A confidence outside 0 to 1.
    #[error("a confidence is not between 0 and 1")]
    BadConfidence,
}

/// A playbook with its templates parsed.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) slots: Vec<Slot>,
    pub(super) calls: Vec<CheckedCall>,
    pub(super) answers: Vec<CheckedAnswer>,
}

/// A call with its templates parsed.
#[derive(Debug)]
pub(super) struct CheckedCall {
    pub(super) tool: String,
    pub(super) arguments: ValueTemplate,
    pub(super) when: Option<Expression>,
}

/// An answer with its template parsed.
#[derive(Debug)]
pub(super) struct CheckedAnswer {
    pub(super) when: Option<Expression>,
    pub(super) text: Template,
    pub(super) confidence: f64,
    pub(super) review: bool,
}

/// Most playbooks of one agent.
pub(super) const MOST_PLAYBOOKS: usize = 100;
/// Most examples of one agent.
pub(super) const MOST_EXAMPLES: usize = 4000;
const MOST_PARTS: usize = 32;

/// Finds the first thing that is wrong with `playbook` on its own.
pub(super) fn check(playbook: Playbook) -> Result<Checked, PlaybookFault> {
    let Playbook { intent, examples: _, slots, calls, answers } = playbook;
    if intent.trim().is_empty() {
        return Err(PlaybookFault::NoIntent);
    }
    for (what, count) in [("slots", slots.len()), ("calls", calls.len()), ("answers", answers.len())] {
        if count > MOST_PARTS {
            return Err(PlaybookFault::TooMany { what, limit: MOST_PARTS });
        }
    }
    if answers.is_empty() {
        return Err(PlaybookFault::NoAnswers);
    }
    let mut known = BTreeSet::new();
    for slot in &slots {
        if !is_name(&slot.name) {
            return Err(PlaybookFault::BadSlotName(slot.name.clone()));
        }
        if !known.insert(slot.name.clone()) {
            return Err(PlaybookFault::NameTwice(slot.name.clone()));
        }
        if slot.default.as_deref().is_some_and(|default| slots::shape(slot, default).is_none()) {
            return Err(PlaybookFault::BadDefault(slot.name.clone()));
        }
    }
    let slot_names = known.clone();
    let calls = calls
        .into_iter()
        .map(|call| {
            let arguments = ValueTemplate::parse(Value::Object(call.arguments), &known)?;
            if slot_names.contains(&call.tool) {
                return Err(PlaybookFault::NameTwice(call.tool));
            }
            known.insert(call.tool.clone());
            Ok(CheckedCall { tool: call.tool, arguments, when: call.when })
        })
        .collect::<Result<_, _>>()?;
    let answers = answers
        .into_iter()
        .map(|answer| {
            if !(0.0..=1.0).contains(&answer.confidence) {
                return Err(PlaybookFault::BadConfidence);
            }
            let text = Template::parse(&answer.text, &known)?;
            Ok(CheckedAnswer { when: answer.when, text, confidence: answer.confidence, review: answer.review })
        })
        .collect::<Result<_, _>>()?;
    Ok(Checked { slots, calls, answers })
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
