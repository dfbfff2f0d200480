//! A tool's arguments checked, and the JSON Schema that follows from them.

use std::collections::BTreeMap;

use mainstay_core::schema::Schema;
use mainstay_core::tool::BoundArgument;
use serde_json::{Map, Number, Value, json};

use super::super::file::tool::{Argument, ArgumentFrom, ArgumentKind, Specification, Tool, ToolTableKind};
use super::super::problem::{Finding, Kind, Log, clean, quoted};
use super::super::source::{Place, Written};
use super::is_identifier;

/// Longest text argument where nothing is said, in characters: nothing is unbounded.
const MAX_LENGTH: u64 = 4_000;

/// Most arguments of one tool.
const MAX_ARGUMENTS: usize = 50;

/// The arguments of one tool.
pub(super) struct Arguments {
    /// By name; those that are broken too.
    pub(super) declared: BTreeMap<String, Declared>,
    /// What the runtime sets.
    pub(super) bound: Vec<BoundArgument>,
    /// JSON Schema of what the model sets.
    pub(super) parameters: Value,
    /// The same, compiled; `None` where it is broken, and then nobody knows what the arguments are.
    pub(super) schema: Option<Schema>,
}

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) kind: ArgumentKind,
    pub(super) is_optional: bool,
    pub(super) is_bound: bool,
}

impl Arguments {
    /// Every name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.keys().map(String::as_str)
    }

    /// What the model must set.
    pub(super) fn required(&self) -> impl Iterator<Item = (&str, Declared)> {
        self.declared
            .iter()
            .filter(|(_, declared)| !declared.is_bound && !declared.is_optional)
            .map(|(name, declared)| (name.as_str(), *declared))
    }
}

pub(super) fn check(tool: &Tool, log: &Log) -> Arguments {
    match tool.kind.as_ref().map(|table| &table.kind) {
        Some(ToolTableKind::Function(table)) => of_function(tool, table.parameters.as_ref(), log),
        _ => of_table(tool, log),
    }
}

/// The arguments of a function have their schema already.
fn of_function(tool: &Tool, parameters: Option<&Value>, log: &Log) -> Arguments {
    let part = |keyword: &str| parameters.and_then(|parameters| parameters.get(keyword));
    let properties = part("properties").and_then(Value::as_object);
    let required = part("required").and_then(Value::as_array);
    let mut declared = BTreeMap::new();
    for (name, property) in properties.into_iter().flatten() {
        name_of_argument(name, &tool.name.place, log);
        let is_optional = required.is_none_or(|required| !required.iter().any(|one| one == name));
        declared.insert(name.clone(), Declared { kind: kind_of(property), is_optional, is_bound: false });
    }
    if declared.len() > MAX_ARGUMENTS {
        too_many(tool, log);
    }
    let schema = parameters.and_then(|parameters| compiled(tool, parameters.clone(), log));
    Arguments { declared, bound: Vec::new(), parameters: parameters.cloned().unwrap_or_default(), schema }
}

/// What a value of this schema is, where that is one thing; it may be null besides.
fn kind_of(property: &Value) -> ArgumentKind {
    let kinds: Vec<&str> = match property.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    };
    let all = [ArgumentKind::Text, ArgumentKind::Number, ArgumentKind::Integer, ArgumentKind::Boolean];
    match kinds.as_slice() {
        [kind] => all.into_iter().find(|one| one.as_str() == *kind).unwrap_or(ArgumentKind::Other),
        _ => ArgumentKind::Other,
    }
}

fn of_table(tool: &Tool, log: &Log) -> Arguments {
    let mut declared = BTreeMap::new();
    let mut bound = Vec::new();
    let mut properties = Map::new();
    let mut required = Vec::new();
    if tool.arguments.len() > MAX_ARGUMENTS {
        too_many(tool, log);
    }
    for Argument { name, from } in tool.arguments.iter().take(MAX_ARGUMENTS) {
        name_of_argument(&name.value, &name.place, log);
        let of_text = Declared { kind: ArgumentKind::Text, is_optional: false, is_bound: true };
        let fact = match from {
            ArgumentFrom::Bound(binding) => {
                bound.push(BoundArgument { name: name.value.clone(), from: *binding });
                of_text
            }
            ArgumentFrom::Broken => of_text,
            ArgumentFrom::Model(specification) => {
                properties.insert(name.value.clone(), property(&name.value, specification, log));
                if !specification.is_optional {
                    required.push(Value::from(name.value.clone()));
                }
                Declared { kind: specification.kind, is_optional: specification.is_optional, is_bound: false }
            }
        };
        declared.insert(name.value.clone(), fact);
    }
    let parameters =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let schema = compiled(tool, parameters.clone(), log);
    Arguments { declared, bound, parameters, schema }
}

fn compiled(tool: &Tool, parameters: Value, log: &Log) -> Option<Schema> {
    let schema = Schema::compile(parameters);
    if let Err(error) = &schema {
        let message = format!("the arguments of {} make no usable schema: {error}", quoted(&tool.name.value));
        log.problem(Finding::at(&tool.name.place, Kind::Expression, clean(&message, 300)));
    }
    schema.ok()
}

fn name_of_argument(name: &str, place: &Place, log: &Log) {
    if !is_identifier(name) {
        let message = format!("{} cannot be the name of an argument", quoted(name));
        log.problem(
            Finding::at(place, Kind::Value, message)
                .hint("lower-case letters, digits and `_`, a letter first; no word of CEL"),
        );
    }
}

fn too_many(tool: &Tool, log: &Log) {
    let message = format!("a tool has at most {MAX_ARGUMENTS} arguments");
    log.problem(Finding::at(&tool.name.place, Kind::Value, message));
}

fn property(name: &str, written: &Specification, log: &Log) -> Value {
    let mut property = Map::new();
    property.insert("type".to_owned(), written.kind.as_str().into());
    if let Some(description) = &written.description {
        property.insert("description".to_owned(), description.clone().into());
    }
    fits(name, written, log);
    if let Some(choices) = &written.choices {
        property.insert("enum".to_owned(), choices.value.clone().into());
    }
    if written.kind.is_number() {
        if let Some(min) = &written.min {
            property.insert("minimum".to_owned(), Value::Number(min.value.clone()));
        }
        if let Some(max) = &written.max {
            property.insert("maximum".to_owned(), Value::Number(max.value.clone()));
        }
    }
    if written.kind == ArgumentKind::Text {
        if let Some(pattern) = &written.pattern
            && is_usable_pattern(pattern, log)
        {
            property.insert("pattern".to_owned(), pattern.value.clone().into());
        }
        if let Some(min) = &written.min_length {
            property.insert("minLength".to_owned(), min.value.into());
        }
        let longest = written.max_length.as_ref().map_or(MAX_LENGTH, |max| max.value);
        property.insert("maxLength".to_owned(), longest.into());
    }
    Value::Object(property)
}

/// Limits must be of a kind that the argument's type has, and leave something possible.
fn fits(name: &str, written: &Specification, log: &Log) {
    let kind = written.kind;
    let only = |place: Option<&Place>, key: &str, wanted: &str, is_right: bool| {
        if let Some(place) = place
            && !is_right
        {
            let message = format!("`{key}` is for {wanted}, but {} is a {}", quoted(name), kind.as_str());
            log.problem(Finding::at(place, Kind::Value, message));
        }
    };
    let is_text = kind == ArgumentKind::Text;
    only(written.min.as_ref().map(|min| &min.place), "min", "numbers", kind.is_number());
    only(written.max.as_ref().map(|max| &max.place), "max", "numbers", kind.is_number());
    only(written.pattern.as_ref().map(|pattern| &pattern.place), "pattern", "strings", is_text);
    only(written.min_length.as_ref().map(|min| &min.place), "min_length", "strings", is_text);
    only(written.max_length.as_ref().map(|max| &max.place), "max_length", "strings", is_text);
    let nothing_fits = |place: &Place, low: &str, high: &str| {
        log.problem(Finding::at(place, Kind::Value, format!("`{low}` is more than `{high}`, so nothing fits")));
    };
    if let (Some(min), Some(max)) = (&written.min, &written.max)
        && as_float(&min.value) > as_float(&max.value)
    {
        nothing_fits(&min.place, "min", "max");
    }
    let longest = written.max_length.as_ref().map_or(MAX_LENGTH, |max| max.value);
    if let Some(min) = &written.min_length
        && min.value > longest
    {
        nothing_fits(&min.place, "min_length", "max_length");
    }
    if let Some(choices) = &written.choices {
        if choices.value.is_empty() || choices.value.len() > 200 {
            log.problem(Finding::at(&choices.place, Kind::Value, "`enum` must have 1 to 200 values"));
        }
        let is_of_kind = |value: &Value| match kind {
            ArgumentKind::Text => value.is_string(),
            ArgumentKind::Number => value.is_number(),
            ArgumentKind::Integer => value.is_i64() || value.is_u64(),
            ArgumentKind::Boolean => value.is_boolean(),
            ArgumentKind::Other => true,
        };
        if !choices.value.iter().all(is_of_kind) {
            let message = format!("`enum` holds something that is no {}", kind.as_str());
            log.problem(Finding::at(&choices.place, Kind::Value, message));
        }
    }
}

fn as_float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// An argument's pattern minds case. One without anchors lets anything through before and after what it matches.
fn is_usable_pattern(written: &Written<String>, log: &Log) -> bool {
    let is_anchored = written.value.starts_with('^') && written.value.ends_with('$');
    if !is_anchored {
        let finding = Finding::at(&written.place, Kind::Policy, "the pattern may match a part of the argument only");
        log.warning(finding.hint("put it between `^` and `$`"));
    }
    // A pattern that matches the empty text may be meant here; anything else that is wrong is recorded.
    regex::Regex::new(&written.value).is_ok_and(|regex| regex.is_match("")) || super::pattern(written, log).is_some()
}
