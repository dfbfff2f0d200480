//! Texts with `{argument}` in them. `{{` and `}}` stand for the brackets themselves.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with places for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Argument(String),
}

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a `{{` or `}}` that does not belong to an argument; write `{{{{` and `}}}}` for the characters")]
pub struct StrayBracket;

/// An argument that does not fit into its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the argument `{0}` is missing")]
    Missing(String),
    #[error("the argument `{0}` is a list or an object and cannot be part of a text")]
    NotPlain(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, StrayBracket> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let inside = from.strip_prefix('{').ok_or(StrayBracket)?;
                let (name, after) = inside.split_once('}').ok_or(StrayBracket)?;
                if !is_name(name) {
                    return Err(StrayBracket);
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Argument(name.to_owned()));
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Argument(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Argument(_) => None,
        })
    }

    /// The one argument that the whole text consists of.
    pub(super) fn sole_argument(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Argument(name)] => Some(name),
            _ => None,
        }
    }

    /// The text with the arguments in their places.
    pub(super) fn fill(&self, arguments: &Map<String, Value>) -> Result<String, Misfit> {
        self.write(arguments, |text, value| text.push_str(value), |text, literal| text.push_str(literal))
    }

    /// The same for a URL: arguments are encoded, literals are taken as they are.
    pub(super) fn fill_encoded(&self, arguments: &Map<String, Value>) -> Result<String, Misfit> {
        self.write(arguments, |text, value| text.push_str(&encode(value)), |text, literal| text.push_str(literal))
    }

    fn write(
        &self,
        arguments: &Map<String, Value>,
        argument: impl Fn(&mut String, &str),
        literal: impl Fn(&mut String, &str),
    ) -> Result<String, Misfit> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(written) => literal(&mut text, written),
                Part::Argument(name) => match arguments.get(name) {
                    None | Some(Value::Null) => return Err(Misfit::Missing(name.clone())),
                    Some(Value::String(value)) => argument(&mut text, value),
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => argument(&mut text, &value.to_string()),
                    Some(Value::Array(_) | Value::Object(_)) => return Err(Misfit::NotPlain(name.clone())),
                },
            }
        }
        Ok(text)
    }
}

/// `text` as it may stand anywhere in a path or a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(text: &str) -> Result<String, Misfit> {
        let Value::Object(arguments) = json!({"a": "x/y", "n": 1.5, "t": true, "z": null, "l": [1]}) else {
            panic!("an object")
        };
        Template::parse(text).unwrap().fill(&arguments)
    }

    #[test]
    fn arguments_stand_where_their_names_are_and_are_never_read_again() {
        assert_eq!(fill("{a}-{n}{t}"), Ok("x/y-1.5true".to_owned()));
        assert_eq!(fill("{{a}} {{{n}}}"), Ok("{a} {1.5}".to_owned()));
        assert_eq!(fill(""), Ok(String::new()));
        assert_eq!(fill("{z}"), Err(Misfit::Missing("z".to_owned())));
        assert_eq!(fill("{nobody}"), Err(Misfit::Missing("nobody".to_owned())));
        assert_eq!(fill("{l}"), Err(Misfit::NotPlain("l".to_owned())));
        let braces = [("a".to_owned(), json!("{b}")), ("b".to_owned(), json!("secret"))].into_iter().collect();
        assert_eq!(Template::parse("{a}").unwrap().fill(&braces), Ok("{b}".to_owned()));
    }

    #[test]
    fn stray_brackets_are_mistakes() {
        for wrong in ["{", "}", "{a", "a}", "{}", "{a b}", "{a.b}", "{1}", "{{a}", "{a}}", "{ä}"] {
            assert_eq!(Template::parse(wrong), Err(StrayBracket), "{wrong}");
        }
    }
}
