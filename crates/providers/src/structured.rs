//! Asking for an answer of a given shape, across APIs that differ in how far they can promise one.

use mainstay_core::provider::OutputSchema;
use serde_json::Value;

/// What the model is told where its API cannot be told.
pub(crate) fn instruction(output: &OutputSchema) -> String {
    format!(
        "When you give your final answer, give exactly one JSON value that matches the JSON Schema below, and nothing \
         else: no other text, no code fence.\n{}",
        output.schema
    )
}

/// The system text: the instructions, and the shape of the answer where it has to be said in words.
pub(crate) fn system_text(instructions: &str, in_words: Option<&OutputSchema>) -> String {
    match in_words {
        Some(output) if instructions.is_empty() => instruction(output),
        Some(output) => format!("{instructions}\n\n{}", instruction(output)),
        None => instructions.to_owned(),
    }
}

/// `text` without the code fence that models like to put around JSON; any other text as it is.
pub(crate) fn unfenced(text: &str) -> &str {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some((language, body)) = inner.and_then(|inner| inner.split_once('\n')) else { return text };
    let is_label = matches!(language.trim(), "" | "json" | "JSON");
    if is_label && !body.contains("```") { body.trim() } else { text }
}

/// True when OpenAI's strict mode takes the schema: only keywords that it knows, every object closed and with all its
/// properties required, not too deep and not too wide. Where it does not, asking for strict would be an error.
pub(crate) fn permits_strict(schema: &Value) -> bool {
    let mut properties_left = MAX_PROPERTIES;
    schema.get("type").is_some_and(|kind| kind == "object") && is_strict(schema, MAX_DEPTH, &mut properties_left)
}

const MAX_DEPTH: usize = 5;
const MAX_PROPERTIES: usize = 100;

/// Keywords whose values are no schemas.
const PLAIN_KEYWORDS: &[&str] = &[
    "$schema",
    "title",
    "description",
    "type",
    "enum",
    "const",
    "required",
    "additionalProperties",
    "pattern",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];

fn is_strict(schema: &Value, depth: usize, properties_left: &mut usize) -> bool {
    let (Some(schema), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else { return false };
    // The dialect is named at the root only.
    let keywords_fit = schema.iter().all(|(keyword, value)| match keyword.as_str() {
        "properties" => value
            .as_object()
            .is_some_and(|properties| properties.values().all(|inner| is_strict(inner, depth, properties_left))),
        "items" => is_strict(value, depth, properties_left),
        "anyOf" => {
            value.as_array().is_some_and(|choices| choices.iter().all(|inner| is_strict(inner, depth, properties_left)))
        }
        "$schema" => depth + 1 == MAX_DEPTH,
        other => PLAIN_KEYWORDS.contains(&other),
    });
    let says_object = schema.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    });
    if !keywords_fit || !(says_object || schema.contains_key("properties")) {
        return keywords_fit && ["type", "enum", "const", "anyOf"].iter().any(|keyword| schema.contains_key(*keyword));
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return false };
    let Some(left) = properties_left.checked_sub(properties.len()) else { return false };
    *properties_left = left;
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    schema.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.keys().all(|name| required.iter().any(|required| required == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strict_is_asked_for_only_where_the_far_side_takes_it() {
        let closed = json!({
            "type": "object", "additionalProperties": false, "required": ["answer", "sources"],
            "properties": {
                "answer": {"type": ["string", "null"], "description": "x"},
                "sources": {"type": "array", "items": {"type": "string"}}
            }
        });
        assert!(permits_strict(&closed));
        for (path, value, why) in [
            ("/additionalProperties", json!(true), "open object"),
            ("/required", json!(["answer"]), "optional property"),
            ("/properties/answer", json!({"type": "string", "maxLength": 7}), "unknown keyword"),
            ("/properties/answer", json!({}), "anything goes"),
            ("/properties/answer", json!({"type": "object"}), "inner object left open"),
            ("/properties/answer", json!({"oneOf": [{"type": "string"}]}), "unknown combinator"),
            ("/type", json!("array"), "no object at the root"),
        ] {
            let mut schema = closed.clone();
            *schema.pointer_mut(path).unwrap() = value;
            assert!(!permits_strict(&schema), "{why}");
        }
        let mut deep = json!({"type": "string"});
        for _ in 0..10 {
            deep =
                json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": deep}});
        }
        assert!(!permits_strict(&deep));
        assert!(!permits_strict(&json!(true)));
    }

    #[test]
    fn a_fence_around_the_whole_answer_goes_and_any_other_stays() {
        assert_eq!(unfenced("```json\n{\"a\": 1}\n```\n"), "{\"a\": 1}");
        assert_eq!(unfenced("```\n{}\n```"), "{}");
        for kept in [
            "{\"a\": \"```\"}",
            "see:\n```json\n{}\n```",
            "```python\nx\n```",
            "```json\n{}\n``` and ```\n{}\n```",
            "```",
        ] {
            assert_eq!(unfenced(kept), kept);
        }
    }
}
