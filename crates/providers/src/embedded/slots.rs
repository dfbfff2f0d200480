//! Slots of a playbook, filled from the request by their patterns.

use serde_json::{Number, Value};

use super::playbook::Slot;
use super::template::Scope;

/// Longest value of a slot, in characters.
const LONGEST_VALUE: usize = 500;

/// So many matches of a pattern are looked at.
const MOST_MATCHES: usize = 20;

/// What became of a playbook's slots.
#[derive(Debug)]
pub(super) enum Filled {
    /// All have a value; `found` says how many of them came from the request.
    All {
        /// Values by name.
        scope: Scope,
        /// How many were in the request.
        found: usize,
    },
    /// One is missing, and this is the question to ask.
    Ask(String),
    /// One is missing or has several values, and nothing can be done about it.
    Missing,
}

/// Fills `slots` from `request`.
pub(super) fn fill(slots: &[Slot], request: &str) -> Filled {
    let mut scope = Scope::new();
    let mut found = 0;
    let mut question = None;
    for slot in slots {
        let value = match look(slot, request) {
            Found::Many => return Filled::Missing,
            Found::One(value) => {
                found += 1;
                Some(value)
            }
            Found::Nothing => slot.default.as_deref().and_then(|default| shape(slot, default)),
        };
        match (value, &slot.ask) {
            (Some(value), _) => {
                scope.insert(slot.name.clone(), value);
            }
            (None, Some(ask)) => {
                question.get_or_insert_with(|| ask.clone());
            }
            // However many questions there are: this one would stay open.
            (None, None) => return Filled::Missing,
        }
    }
    question.map_or(Filled::All { scope, found }, Filled::Ask)
}

/// What the request says about a slot.
enum Found {
    Nothing,
    One(Value),
    /// Different values: which of them is meant is not ours to guess.
    Many,
}

fn look(slot: &Slot, request: &str) -> Found {
    let mut found = Found::Nothing;
    for captures in slot.pattern.captures_iter(request).take(MOST_MATCHES) {
        let text = captures.get(1).or_else(|| captures.get(0)).map_or("", |text| text.as_str().trim());
        match (&found, shape(slot, text)) {
            (_, None) => {}
            (Found::Nothing, Some(value)) => found = Found::One(value),
            // Different words are often the same wish said twice; different numbers are two things.
            (Found::One(first), Some(value)) if are_two_things(first, &value) => return Found::Many,
            _ => {}
        }
    }
    found
}

/// Whether both hold digits, and not the same.
fn are_two_things(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() != other.as_f64(),
        (Value::String(one), Value::String(other)) => {
            let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
            one != other && has_digit(one) && has_digit(other)
        }
        _ => false,
    }
}

/// `text` as the slot wants it; `None` where that cannot be.
pub(super) fn shape(slot: &Slot, text: &str) -> Option<Value> {
    if text.is_empty() || text.chars().nth(LONGEST_VALUE).is_some() {
        return None;
    }
    if slot.number {
        return number(text).map(Value::Number);
    }
    // A placeholder stands for a masked value; changed, it could not be put back.
    if is_placeholder(text) {
        return Some(Value::String(text.to_owned()));
    }
    let text = if slot.upper { text.to_uppercase() } else { text.to_owned() };
    Some(Value::String(match &slot.prefix {
        Some(prefix) if !text.starts_with(prefix.as_str()) => format!("{prefix}{text}"),
        _ => text,
    }))
}

/// `[email_1]`
fn is_placeholder(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.and_then(|inner| inner.rsplit_once('_')).is_some_and(|(kind, number)| {
        kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `20`, `19.90`, `19,90`, `1,200.50` and `1.200,50`; a separator followed by exactly three digits parts thousands.
fn number(text: &str) -> Option<Number> {
    let last = text.rfind(['.', ',']);
    let mut plain = String::with_capacity(text.len());
    for (at, char) in text.char_indices() {
        match char {
            '.' | ',' => {
                let digits = text.get(at + 1..)?.bytes().take_while(u8::is_ascii_digit).count();
                let thousands = digits == 3 && !plain.is_empty() && (char == ',' || last != Some(at));
                match (thousands, last == Some(at)) {
                    (true, _) => {}
                    (false, true) => plain.push('.'),
                    (false, false) => return None,
                }
            }
            '-' if at == 0 => plain.push('-'),
            char if char.is_ascii_digit() => plain.push(char),
            _ => return None,
        }
    }
    match plain.parse::<i64>() {
        Ok(integer) => Some(integer.into()),
        Err(_) => plain.parse::<f64>().ok().and_then(Number::from_f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, value) in [
            ("20", Some(20.0)),
            ("19.90", Some(19.9)),
            ("19,90", Some(19.9)),
            ("1,200", Some(1200.0)),
            ("1,200.50", Some(1200.5)),
            ("1.200,50", Some(1200.5)),
            ("-3", Some(-3.0)),
            ("1.2.3", None),
            ("twenty", None),
            ("", None),
            ("9,", Some(9.0)),
        ] {
            assert_eq!(number(text).and_then(|number| number.as_f64()), value, "{text}");
        }
        assert!(number("20").unwrap().is_i64(), "whole numbers stay whole");
    }

    #[test]
    fn placeholders_of_masked_values_are_told_from_text() {
        assert!(is_placeholder("[email_1]") && is_placeholder("[credit_card_12]"));
        assert!(!is_placeholder("[email]") && !is_placeholder("email_1") && !is_placeholder("[E_1]"));
    }
}
