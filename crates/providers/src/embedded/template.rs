//! Templates of playbooks: `Order {order_id} is {get_order.status}.`
//!
//! A name is a slot or a tool, followed by fields or list positions. What cannot be filled in is `None`, and the playbook
//! gives up: a sentence with a hole in it is never said. Absent on purpose: conditions, loops, formatting.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::playbook::PlaybookFault;

/// What a template may name, by name: slots and results of tools.
pub(super) type Scope = BTreeMap<String, Value>;

/// Longest text that a template may become, in bytes.
const LONGEST_TEXT: usize = 8_000;
const DEEPEST: usize = 8;

/// A text with names to fill in.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Path { root: String, fields: Vec<String> },
}

impl Template {
    /// Parses `text`; every name must begin with one of the `known`.
    pub(super) fn parse(text: &str, known: &BTreeSet<String>) -> Result<Self, PlaybookFault> {
        let bad = |reason| PlaybookFault::BadTemplate { text: excerpt(text), reason };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '{' | '}' if chars.peek() == Some(&char) => {
                    chars.next();
                    literal.push(char);
                }
                '}' => return Err(bad("a `}` that closes nothing; write `}}` for a brace")),
                '{' => {
                    let mut path = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some('{') | None => return Err(bad("a `{` that is not closed; write `{{` for a brace")),
                            Some(char) => path.push(char),
                        }
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    let mut names = path.split('.').map(|name| name.trim().to_owned());
                    let root = names.next().unwrap_or_default();
                    let fields: Vec<String> = names.collect();
                    if root.is_empty() || fields.iter().any(String::is_empty) {
                        return Err(bad("a name is missing between the braces"));
                    }
                    if !known.contains(&root) {
                        return Err(PlaybookFault::UnknownName { text: excerpt(text), name: root });
                    }
                    parts.push(Part::Path { root, fields });
                }
                char => literal.push(char),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The text with every name filled in; `None` where one has no value.
    pub(super) fn text(&self, scope: &Scope) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Path { root, fields } => text.push_str(&say(find(scope, root, fields)?)?),
            }
            if text.len() > LONGEST_TEXT {
                return None;
            }
        }
        Some(text)
    }

    /// The value: a template that is nothing but one name keeps that value's type.
    fn value(&self, scope: &Scope) -> Option<Value> {
        match self.parts.as_slice() {
            [Part::Path { root, fields }] => find(scope, root, fields).cloned(),
            _ => self.text(scope).map(Value::String),
        }
    }
}

/// JSON with templates for its texts.
#[derive(Debug)]
pub(super) enum ValueTemplate {
    Fixed(Value),
    Text(Template),
    List(Vec<ValueTemplate>),
    Fields(Vec<(String, ValueTemplate)>),
}

impl ValueTemplate {
    /// Parses every text in `value`.
    pub(super) fn parse(value: Value, known: &BTreeSet<String>) -> Result<Self, PlaybookFault> {
        Self::parse_at(value, known, 0)
    }

    fn parse_at(value: Value, known: &BTreeSet<String>, depth: usize) -> Result<Self, PlaybookFault> {
        if depth > DEEPEST {
            return Err(PlaybookFault::TooMany { what: "levels in the arguments", limit: DEEPEST });
        }
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text, known)?),
            Value::Array(items) => Self::List(
                items.into_iter().map(|item| Self::parse_at(item, known, depth + 1)).collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Self::Fields(
                fields
                    .into_iter()
                    .map(|(name, field)| Ok((name, Self::parse_at(field, known, depth + 1)?)))
                    .collect::<Result<_, PlaybookFault>>()?,
            ),
            fixed => Self::Fixed(fixed),
        })
    }

    /// The JSON with every name filled in; `None` where one has no value.
    pub(super) fn value(&self, scope: &Scope) -> Option<Value> {
        match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Text(template) => template.value(scope),
            Self::List(items) => items.iter().map(|item| item.value(scope)).collect::<Option<_>>().map(Value::Array),
            Self::Fields(fields) => fields
                .iter()
                .map(|(name, field)| Some((name.clone(), field.value(scope)?)))
                .collect::<Option<Map<_, _>>>()
                .map(Value::Object),
        }
    }
}

fn find<'a>(scope: &'a Scope, root: &str, fields: &[String]) -> Option<&'a Value> {
    fields.iter().try_fold(scope.get(root)?, |value, field| match value {
        Value::Object(object) => object.get(field),
        Value::Array(items) => items.get(field.parse::<usize>().ok()?),
        _ => None,
    })
}

/// How a value reads in a sentence; an object and a null have no reading.
fn say(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().filter(|item| !item.is_array()).map(say).collect();
            items.filter(|said| said.len() == value.as_array().map_or(0, Vec::len)).map(|items| items.join(", "))
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}
