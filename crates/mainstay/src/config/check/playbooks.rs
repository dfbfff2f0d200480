//! Playbooks checked: slots, patterns, calls against the agent's tools, templates against what will be there.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_core::expression::Expression;
use mainstay_providers::embedded::{Playbook, PlaybookAnswer, PlaybookCall, Slot};
use serde_json::{Map, Value};

use super::super::file::playbooks as written;
use super::super::problem::{Finding, Kind, Log, listed, quoted, suggestion};
use super::super::source::{Place, Written};
use super::tools::KnownTools;
use super::{expect_name, expression, is_identifier, pattern, place_of_word, template_names, unknown};

/// Most playbooks of one agent, most examples of all of them, most slots, calls or answers of one.
const MAX_PLAYBOOKS: usize = 100;
const MAX_EXAMPLES: usize = 4_000;
const MAX_PARTS: usize = 32;

/// Deepest argument of a call.
const MAX_DEPTH: usize = 6;

/// Longest example and longest answer, in characters.
const MAX_TEXT: usize = 8_000;

pub(super) fn check(playbooks: &[written::Playbook], tools: &KnownTools, log: &Log) -> Vec<Playbook> {
    let mut intents: BTreeMap<&str, ()> = BTreeMap::new();
    let mut examples = 0;
    for (index, playbook) in playbooks.iter().enumerate() {
        if let Some(intent) = &playbook.intent {
            expect_name("an intent", intent, "_-", log);
            if intents.insert(&intent.value, ()).is_some() {
                let message = format!("there are two playbooks with the intent {}", quoted(&intent.value));
                log.problem(Finding::at(&intent.place, Kind::Value, message));
            }
        }
        examples += playbook.examples.len();
        if index == MAX_PLAYBOOKS || (examples > MAX_EXAMPLES && examples - playbook.examples.len() <= MAX_EXAMPLES) {
            let message = format!("an agent has at most {MAX_PLAYBOOKS} playbooks and {MAX_EXAMPLES} examples");
            log.problem(Finding::at(&playbook.place, Kind::Value, message));
        }
    }
    playbooks.iter().take(MAX_PLAYBOOKS).filter_map(|playbook| check_one(playbook, tools, log)).collect()
}

fn check_one(playbook: &written::Playbook, tools: &KnownTools, log: &Log) -> Option<Playbook> {
    let parts = [("slots", playbook.slots.len()), ("calls", playbook.calls.len()), ("answers", playbook.answers.len())];
    for (what, count) in parts {
        if count > MAX_PARTS {
            let message = format!("a playbook has at most {MAX_PARTS} {what}");
            log.problem(Finding::at(&playbook.place, Kind::Value, message));
            return None;
        }
    }
    let slots: Vec<Slot> = playbook.slots.iter().filter_map(|slot| check_slot(slot, tools, log)).collect();
    let slot_names: BTreeSet<&str> = playbook.slots.iter().map(|slot| slot.name.value.as_str()).collect();
    let called = playbook.calls.iter().filter_map(|call| Some(call.tool.as_ref()?.value.as_str()));
    // Also what is called later may be named: it is null until then.
    let variables: Vec<&str> = slot_names.iter().copied().chain(called).collect::<BTreeSet<_>>().into_iter().collect();
    check_examples(playbook, &slot_names, log);

    let condition = |when: &Option<Written<String>>| -> Option<Option<Expression>> {
        match when {
            None => Some(None),
            Some(when) => expression::compile(when, &variables, log).map(Some),
        }
    };
    let mut scope = slot_names.clone();
    let mut calls = Vec::new();
    for call in &playbook.calls {
        let when = condition(&call.when);
        let arguments = check_call(call, &scope, tools, log);
        let Some(tool) = &call.tool else { continue };
        scope.insert(&tool.value);
        if let (Some(when), Some(arguments)) = (when, arguments) {
            calls.push(PlaybookCall { tool: tool.value.clone(), arguments, when });
        }
    }
    if playbook.answers.is_empty() {
        let finding = Finding::at(&playbook.place, Kind::Missing, "this playbook has no answers");
        log.problem(finding.hint("add `[[playbook.answers]]` with `text` and `confidence`"));
    }
    let answers = playbook.answers.iter().filter_map(|answer| {
        let when = condition(&answer.when);
        let text = answer.text.as_ref()?;
        check_template(&text.value, &text.place, &scope, log);
        if text.value.trim().is_empty() || text.value.chars().count() > MAX_TEXT {
            let message = format!("an answer must have 1 to {MAX_TEXT} characters");
            log.problem(Finding::at(&text.place, Kind::Value, message));
        }
        Some(PlaybookAnswer {
            when: when?,
            text: text.value.clone(),
            confidence: answer.confidence?,
            review: answer.review,
        })
    });
    let answers = answers.collect();
    Some(Playbook {
        intent: playbook.intent.as_ref()?.value.clone(),
        examples: playbook.examples.iter().map(|example| example.value.clone()).collect(),
        slots,
        calls,
        answers,
    })
}

fn check_slot(slot: &written::Slot, tools: &KnownTools, log: &Log) -> Option<Slot> {
    let name = &slot.name;
    if !is_identifier(&name.value) {
        let message = format!("{} cannot be the name of a slot", quoted(&name.value));
        log.problem(
            Finding::at(&name.place, Kind::Value, message)
                .hint("lower-case letters, digits and `_`, a letter first; no word of CEL"),
        );
    }
    if tools.contains_key(&name.value) {
        let message = format!("{} is the name of a slot and of a tool", quoted(&name.value));
        log.problem(
            Finding::at(&name.place, Kind::Value, message).hint("templates could not tell them apart; rename the slot"),
        );
    }
    if let Some(default) = &slot.default
        && slot.number
        && !is_plain_number(&default.value)
    {
        log.problem(Finding::at(&default.place, Kind::Value, "`default` is no number, but the slot is"));
    }
    let pattern = pattern(slot.pattern.as_ref()?, log)?;
    Some(Slot {
        name: name.value.clone(),
        pattern,
        ask: slot.ask.clone(),
        prefix: slot.prefix.clone(),
        default: slot.default.as_ref().map(|default| default.value.clone()),
        upper: slot.upper,
        number: slot.number,
    })
}

/// Digits, perhaps with a sign and a decimal point; people write numbers in more ways, operators need not.
fn is_plain_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_examples(playbook: &written::Playbook, slots: &BTreeSet<&str>, log: &Log) {
    if playbook.examples.is_empty() {
        let finding = Finding::at(
            &playbook.place,
            Kind::Missing,
            "this playbook has no examples, so no request will ever fit it",
        );
        log.problem(finding.hint("ten or more ways to say it, in the languages of the people who ask"));
    }
    for example in &playbook.examples {
        if !example.value.chars().any(char::is_alphabetic) || example.value.chars().count() > MAX_TEXT {
            let message = format!("an example must have words, and at most {MAX_TEXT} characters");
            log.problem(Finding::at(&example.place, Kind::Value, message));
        }
        check_template(&example.value, &example.place, slots, log);
    }
}

fn check_call(
    call: &written::Call,
    scope: &BTreeSet<&str>,
    tools: &KnownTools,
    log: &Log,
) -> Option<Map<String, Value>> {
    for (_, value) in &call.arguments {
        if depth(&value.value) > MAX_DEPTH {
            log.problem(Finding::at(&value.place, Kind::Value, "this argument is nested too deeply"));
        }
        check_templates(&value.value, &value.place, scope, log);
    }
    let tool = call.tool.as_ref()?;
    let Some(known) = tools.get(&tool.value) else {
        unknown("tool", tool, tools.keys().map(String::as_str), log);
        return None;
    };
    // Of a tool whose arguments are broken nobody knows what it takes.
    known.arguments.schema.as_ref()?;
    for (name, _) in &call.arguments {
        match known.arguments.declared.get(&name.value) {
            Some(declared) if declared.is_bound => {
                let message = format!("{} is set by the runtime, not by a call", quoted(&name.value));
                log.problem(Finding::at(&name.place, Kind::Reference, message).hint("take it out"));
            }
            Some(_) => {}
            None => {
                let message = format!("{} has no argument {}", quoted(&tool.value), quoted(&name.value));
                let finding = Finding::at(&name.place, Kind::Reference, message);
                log.problem(finding.maybe_hint(suggestion(&name.value, known.arguments.names())));
            }
        }
    }
    let given: BTreeSet<&str> = call.arguments.iter().map(|(name, _)| name.value.as_str()).collect();
    let missing: Vec<&str> =
        known.arguments.required().map(|(name, _)| name).filter(|name| !given.contains(name)).collect();
    if !missing.is_empty() {
        let message = format!("this call of {} does not give {}", quoted(&tool.value), listed(&missing, "and"));
        log.problem(Finding::at(call.tool.as_ref().map_or(&call.place, |tool| &tool.place), Kind::Missing, message));
    }
    Some(call.arguments.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect())
}

/// Levels of lists and objects.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Every text in a JSON value; the parser of TOML bounds how deep this goes.
fn check_templates(value: &Value, place: &Place, scope: &BTreeSet<&str>, log: &Log) {
    match value {
        Value::String(text) => check_template(text, place, scope, log),
        Value::Array(items) => items.iter().for_each(|item| check_templates(item, place, scope, log)),
        Value::Object(fields) => fields.values().for_each(|field| check_templates(field, place, scope, log)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_template(text: &str, place: &Place, scope: &BTreeSet<&str>, log: &Log) {
    let paths = match template_names(text) {
        Ok(paths) => paths,
        Err(fault) => {
            log.problem(Finding::at(place, Kind::Expression, fault));
            return;
        }
    };
    for path in paths {
        let mut parts = path.split('.').map(str::trim);
        let root = parts.next().unwrap_or_default();
        if root.is_empty() || parts.any(str::is_empty) {
            log.problem(Finding::at(place, Kind::Expression, "a name is missing between the braces"));
        } else if !scope.contains(root) {
            let message = format!("{} is neither a slot nor a tool called before", quoted(root));
            let finding = Finding::at(&place_of_word(place, root), Kind::Reference, message);
            log.problem(finding.maybe_hint(suggestion(root, scope.iter().copied())));
        }
    }
}
