//! `playbooks.toml` as written.

use std::sync::Arc;

use serde_json::Value;

use super::super::problem::Log;
use super::super::reader::{Document, Holds, Table};
use super::super::source::{Place, Written};

pub(crate) struct Playbook {
    pub(crate) place: Place,
    pub(crate) intent: Option<Written<String>>,
    pub(crate) examples: Vec<Written<String>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) calls: Vec<Call>,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) struct Slot {
    pub(crate) name: Written<String>,
    pub(crate) pattern: Option<Written<String>>,
    pub(crate) ask: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) default: Option<Written<String>>,
    pub(crate) upper: bool,
    pub(crate) number: bool,
}

pub(crate) struct Call {
    pub(crate) place: Place,
    pub(crate) tool: Option<Written<String>>,
    pub(crate) arguments: Vec<(Written<String>, Written<Value>)>,
    pub(crate) when: Option<Written<String>>,
}

pub(crate) struct Answer {
    pub(crate) when: Option<Written<String>>,
    pub(crate) text: Option<Written<String>>,
    pub(crate) confidence: Option<f64>,
    pub(crate) review: bool,
}

/// Reads the file; `None` when it is no TOML.
pub(crate) fn read(name: &str, text: &Arc<str>, log: &Log) -> Option<Vec<Playbook>> {
    let document = Document::parse(name, text, Holds::NoCredentials, log)?;
    let top = document.root(log);
    let playbooks = top.list_of_tables("playbook").into_iter().map(playbook).collect();
    top.finish();
    Some(playbooks)
}

fn playbook(table: Table<'_>) -> Playbook {
    table.require("intent", "a name for what people want, such as `intent = \"order_status\"`");
    let playbook = Playbook {
        place: table.place().clone(),
        intent: table.line("intent"),
        examples: table.texts("examples").map(|list| list.value).unwrap_or_default(),
        slots: table.tables("slots").into_iter().map(|(name, table)| slot(name, table)).collect(),
        calls: table.list_of_tables("calls").into_iter().map(call).collect(),
        answers: table.list_of_tables("answers").into_iter().map(answer).collect(),
    };
    table.finish();
    playbook
}

fn slot(name: Written<String>, table: Table<'_>) -> Slot {
    table.require("pattern", "a regular expression, such as `pattern = \"#?W[0-9]{7}\"`");
    let line = |key| table.line(key).map(|written| written.value);
    let slot = Slot {
        name,
        pattern: table.text("pattern"),
        ask: line("ask"),
        prefix: line("prefix"),
        default: table.line("default"),
        upper: table.boolean("upper").is_some_and(|written| written.value),
        number: table.boolean("number").is_some_and(|written| written.value),
    };
    table.finish();
    slot
}

fn call(table: Table<'_>) -> Call {
    table.require("tool", "the name of one of the agent's tools");
    let call = Call {
        place: table.place().clone(),
        tool: table.text("tool"),
        arguments: table.json_entries("args"),
        when: table.text("when"),
    };
    table.finish();
    call
}

fn answer(table: Table<'_>) -> Answer {
    table.require("text", "what is said; `{slot}` and `{tool.field}` are filled in");
    table.require("confidence", "how sure the answer is, from 0 to 1, such as `confidence = 0.9`");
    let answer = Answer {
        when: table.text("when"),
        text: table.text("text"),
        confidence: table.share("confidence").map(|written| written.value),
        review: table.boolean("review").is_some_and(|written| written.value),
    };
    table.finish();
    answer
}
