//! The JSON Schema of a Rust type, made as strict as the arguments of any other tool: closed objects, bounded texts and
//! lists, no references.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Longest text where the type does not say, in characters; what the arguments of other tools have too.
const MAX_LENGTH: u64 = 4_000;
/// Longest list where the type does not say.
const MAX_ITEMS: u64 = 100;
/// Largest schema, in bytes of JSON.
const MAX_BYTES: usize = 32 * 1024;

/// A type cannot be the arguments of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// Not a struct with named fields, or one that flattens an enum.
    #[error("the arguments must be a struct with named fields")]
    NotAStruct,
    /// A type that contains itself.
    #[error("the arguments contain themselves")]
    Recursive,
    /// A schema that would fill a model's context.
    #[error("the schema of the arguments is larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
}

/// The JSON Schema of the arguments `A`: an object that takes no other fields. Texts are at most 4,000 characters and lists
/// at most 100 items long, where `A` does not say otherwise (`#[schemars(length(max = 80))]`). Descriptions are the doc
/// comments of the fields.
///
/// # Errors
/// `A` cannot be the arguments of a tool.
pub fn parameters<A: JsonSchema>() -> Result<Value, ParametersError> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>().to_value();
    // What cannot be put in place contains itself. In texts the quotes are escaped.
    if schema.to_string().contains("\"$ref\"") {
        return Err(ParametersError::Recursive);
    }
    let Some(root) = schema.as_object_mut() else { return Err(ParametersError::NotAStruct) };
    let is_object = root.get("type").is_some_and(|kind| kind == "object");
    if !is_object || has_choices(root) || root.get("additionalProperties").is_some_and(|more| *more != json!(false)) {
        return Err(ParametersError::NotAStruct);
    }
    // The tool has a description of its own; that of the type is for programmers.
    root.remove("description");
    root.entry("properties").or_insert_with(|| json!({}));
    root.entry("required").or_insert_with(|| json!([]));
    tighten(root, false);
    if schema.to_string().len() > MAX_BYTES {
        return Err(ParametersError::TooLarge);
    }
    Ok(schema)
}

/// Keywords that say more of the same value.
const CHOICES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

fn has_choices(schema: &Map<String, Value>) -> bool {
    CHOICES.iter().any(|keyword| schema.contains_key(*keyword))
}

/// Bounds whatever has no bound, in all parts. The fields of a value of which something around this part knows more
/// (`is_part`) are closed there.
fn tighten(schema: &mut Map<String, Value>, is_part: bool) {
    schema.remove("title");
    whole_number(schema);
    let is_a = |name: &str| match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        Some(kind) => kind == name,
        None => false,
    };
    let (is_object, is_text, is_list) = (is_a("object"), is_a("string"), is_a("array"));
    let is_listed = schema.contains_key("enum") || schema.contains_key("const");
    let has_choices = has_choices(schema);
    let is_closed = ["additionalProperties", "patternProperties", "unevaluatedProperties"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword));
    if is_object && !is_closed && !is_part {
        let closing = if has_choices { "unevaluatedProperties" } else { "additionalProperties" };
        schema.insert(closing.to_owned(), false.into());
    }
    if is_text && !is_listed {
        schema.entry("maxLength").or_insert_with(|| MAX_LENGTH.into());
    }
    if is_list {
        schema.entry("maxItems").or_insert_with(|| MAX_ITEMS.into());
    }
    for (keyword, value) in schema.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(parts)) => {
                parts.values_mut().filter_map(Value::as_object_mut).for_each(|part| tighten(part, false));
            }
            ("items" | "additionalProperties" | "contains", Value::Object(part)) => tighten(part, false),
            ("prefixItems", Value::Array(parts)) => {
                parts.iter_mut().filter_map(Value::as_object_mut).for_each(|part| tighten(part, false));
            }
            (keyword, Value::Array(parts)) if CHOICES.contains(&keyword) => {
                let is_part = is_part || is_object;
                parts.iter_mut().filter_map(Value::as_object_mut).for_each(|part| tighten(part, is_part));
            }
            _ => {}
        }
    }
}

/// Formats of numbers are no formats of JSON Schema; what they promise is said in limits.
fn whole_number(schema: &mut Map<String, Value>) {
    let Some(Value::String(format)) = schema.get("format") else { return };
    let limits: (Option<i64>, Option<i64>) = match format.as_str() {
        "int32" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        "uint32" => (Some(0), Some(u32::MAX.into())),
        "int8" | "int16" | "int64" | "int128" | "int" | "uint8" | "uint16" | "uint64" | "uint128" | "uint"
        | "float" | "double" => (None, None),
        _ => return,
    };
    schema.remove("format");
    for (keyword, limit) in [("minimum", limits.0), ("maximum", limits.1)] {
        if let Some(limit) = limit {
            schema.entry(keyword).or_insert_with(|| limit.into());
        }
    }
}
