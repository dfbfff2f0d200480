//! Fields that expressions name. A field that will never be there makes the expression fail at every run, and then the
//! runtime takes the safe side every time; so it is a problem here.

use std::collections::BTreeSet;

use mainstay_core::agent::Rule;

use super::super::problem::{Finding, Kind, Log, quoted, suggestion};
use super::super::source::{Place, Written};
use super::arguments::Arguments;

/// What the runtime puts into the variables of a rule, but for `answer`.
const OF_RULES: &[(&str, &[&str])] = &[
    ("request", &["text", "chars"]),
    ("principal", PRINCIPAL),
    ("route", &["tier", "model"]),
    ("tools", &["called", "effects"]),
    ("usage", &["model_calls", "tool_calls", "micro_usd", "output_tokens"]),
];

const PRINCIPAL: &[&str] = &["id", "tenant"];

/// Checks a tool's `when`, `approve` or `happened`.
pub(super) fn of_condition(written: &Written<String>, arguments: &Arguments, log: &Log) {
    check(written, "principal", PRINCIPAL, log);
    if arguments.schema.is_none() {
        return;
    }
    let names: Vec<&str> = arguments.names().collect();
    check(written, "args", &names, log);
    for (name, place) in fields(written, "args") {
        let is_optional = arguments.declared.get(name).is_some_and(|declared| declared.is_optional);
        if is_optional && !is_guarded(&written.value, "args", name) {
            let message = format!("the argument {} is optional, and without it this cannot be judged", quoted(name));
            let hint = format!("say what holds then: `!has(args.{name}) || …`");
            log.warning(Finding::at(&place, Kind::Expression, message).hint(hint));
        }
    }
}

/// Checks a rule's `when`; `answer` are the fields of the agent's answers.
pub(super) fn of_rule(written: &Written<String>, answer: &BTreeSet<String>, log: &Log) {
    debug_assert!(OF_RULES.iter().all(|(root, _)| Rule::VARIABLES.contains(root)));
    for (root, known) in OF_RULES {
        check(written, root, known, log);
    }
    let answer: Vec<&str> = answer.iter().map(String::as_str).collect();
    check(written, "answer", &answer, log);
}

fn check(written: &Written<String>, root: &str, known: &[&str], log: &Log) {
    for (name, place) in fields(written, root) {
        if !known.contains(&name) && !is_guarded(&written.value, root, name) {
            let message = format!("`{root}` has no field {}, so this could never be judged", quoted(name));
            log.problem(
                Finding::at(&place, Kind::Expression, message).maybe_hint(suggestion(name, known.iter().copied())),
            );
        }
    }
}

fn is_guarded(source: &str, root: &str, name: &str) -> bool {
    source.contains(&format!("has({root}.{name})"))
}

/// What follows `root.` outside of quoted text, each name once, with its place in the file.
fn fields<'w>(written: &'w Written<String>, root: &str) -> Vec<(&'w str, Place)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let source = written.value.as_str();
    let mut found: Vec<(&str, Place)> = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut escaped = false;
    for (at, character) in source.char_indices() {
        let previous = std::mem::replace(&mut before, character);
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None => {
                let name = source
                    .get(at..)
                    .filter(|_| !is_part(previous) && previous != '.')
                    .and_then(|rest| rest.strip_prefix(root)?.strip_prefix('.'))
                    .map(|rest| rest.split(|c| !is_part(c)).next().unwrap_or_default());
                if let Some(name) = name.filter(|name| !name.is_empty())
                    && found.iter().all(|(other, _)| *other != name)
                {
                    found.push((name, place_of_field(&written.place, root, name)));
                }
            }
        }
    }
    found
}

fn place_of_field(place: &Place, root: &str, name: &str) -> Place {
    let text = place.source.text().get(place.span.clone()).unwrap_or_default();
    match text.find(&format!("{root}.{name}")) {
        Some(at) => {
            let start = place.span.start + at + root.len() + 1;
            Place { source: place.source.clone(), span: start..start + name.len() }
        }
        None => place.clone(),
    }
}
