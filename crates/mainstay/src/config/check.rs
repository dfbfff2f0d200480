//! From what is written to what can be used: names are looked up, expressions compiled, files read, promises held against
//! each other. Every problem is recorded; nothing stops at the first.

pub(super) mod agent;
mod arguments;
mod expression;
mod fields;
pub(super) mod function;
mod http;
mod kind;
mod knowledge;
mod limits;
mod playbooks;
mod rollout;
mod server;
pub(super) mod settings;
mod telemetry;
mod tool;
mod tools;

use regex::{Regex, RegexBuilder};

use super::problem::{Finding, Kind, Log, clean, quoted, suggestion};
use super::source::{Place, Written};

/// Longest regular expression, in bytes, and what it may take when compiled.
const MAX_PATTERN: usize = 1_000;
const MAX_COMPILED_PATTERN: usize = 8 * 1024 * 1024;

/// The first occurrence of `word` on its own inside `place`, or all of it.
fn place_of_word(place: &Place, word: &str) -> Place {
    let text = place.source.text().get(place.span.clone()).unwrap_or_default();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
    };
    match text.match_indices(word).map(|(at, _)| at).find(|at| stands_alone(*at)) {
        Some(at) => {
            let start = place.span.start + at;
            Place { source: place.source.clone(), span: start..start + word.len() }
        }
        None => place.clone(),
    }
}

/// Compiles a pattern that ignores case.
fn pattern(written: &Written<String>, log: &Log) -> Option<Regex> {
    let fault = if written.value.len() > MAX_PATTERN {
        format!("the pattern is longer than {MAX_PATTERN} bytes")
    } else {
        match RegexBuilder::new(&written.value).case_insensitive(true).size_limit(MAX_COMPILED_PATTERN).build() {
            Ok(regex) if regex.is_match("") => "the pattern matches every text".to_owned(),
            Ok(regex) => return Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => "the pattern is too large when compiled".to_owned(),
            Err(error) => {
                // The last line says what is wrong; those before repeat the pattern.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("not a regular expression: {}", clean(&reason, 200))
            }
        }
    };
    log.problem(Finding::at(&written.place, Kind::Expression, fault));
    None
}

/// Records that nothing has this name.
fn unknown<'n>(what: &str, written: &Written<String>, known: impl IntoIterator<Item = &'n str>, log: &Log) {
    let message = format!("there is no {what} {}", quoted(&written.value));
    let finding = Finding::at(&written.place, Kind::Reference, message);
    log.problem(finding.maybe_hint(suggestion(&written.value, known)));
}

/// Whether `name` can stand in an expression and in a template: a lower-case letter, then letters, digits and `_`.
fn is_identifier(name: &str) -> bool {
    const RESERVED: &[&str] = &["as", "break", "const", "else", "false", "for", "if", "in", "null", "true", "while"];
    is_name(name, "_") && !RESERVED.contains(&name)
}

/// A lower-case letter, then lower-case letters, digits and `extra`; at most 64 bytes.
fn is_name(name: &str, extra: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c);
    starts_well && name.len() <= 64 && name.chars().all(is_plain)
}

/// Records a name that cannot be used.
fn expect_name(what: &str, written: &Written<String>, extra: &str, log: &Log) {
    if !is_name(&written.value, extra) {
        let message = format!("{} cannot be the name of {what}", quoted(&written.value));
        let marks: Vec<String> = extra.chars().map(|mark| format!("`{mark}`")).collect();
        let hint = format!("lower-case letters, digits and {}, a letter first, at most 64", marks.join(" "));
        log.problem(Finding::at(&written.place, Kind::Value, message).hint(hint));
    }
}

/// The names in a template: `{name}`, where `{{` and `}}` are braces.
fn template_names(template: &str) -> Result<Vec<String>, &'static str> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from) = rest.split_at(at);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            rest = after;
            continue;
        }
        let Some(open) = from.strip_prefix('{') else { return Err("a `}` closes nothing; write `}}` for a brace") };
        match open.split_once('}') {
            Some((name, after)) if !name.contains('{') => {
                names.push(name.trim().to_owned());
                rest = after;
            }
            _ => return Err("a `{` is not closed; write `{{` for a brace"),
        }
    }
    Ok(names)
}

/// Whether an agent, and its folder, can be called `name`.
pub(super) fn is_agent_name(name: &str) -> bool {
    is_name(name, "-")
}
