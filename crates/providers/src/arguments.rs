//! Arguments of tool calls, from and to the wire.

use serde_json::{Map, Value, json};

/// Most calls that one reply may ask for.
pub(crate) const MAX_CALLS: usize = 128;

/// Reads arguments that came as JSON text, as an object already (some servers), or not at all (a tool without any).
/// Text that is no JSON stays a JSON string, which no schema of a tool takes.
pub(crate) fn read(arguments: Option<Value>) -> Value {
    match arguments {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::String(text)) if text.trim().is_empty() => Value::Object(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Some(value) => value,
    }
}

/// Arguments as an object, which every API demands of a past call. What a model wrote instead of one is shown to it
/// under a name of its own.
pub(crate) fn object(arguments: &Value) -> Value {
    if arguments.is_object() { arguments.clone() } else { json!({ "unreadable_arguments": arguments }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_in_every_form_that_servers_send() {
        for (wire, expected) in [
            (None, json!({})),
            (Some(json!(null)), json!({})),
            (Some(json!(" ")), json!({})),
            (Some(json!("{\"a\": 1}")), json!({"a": 1})),
            (Some(json!({"a": 1})), json!({"a": 1})),
            (Some(json!("{\"a\": ")), json!("{\"a\": ")),
            (Some(json!("[".repeat(5000))), json!("[".repeat(5000))),
        ] {
            assert_eq!(read(wire), expected);
        }
        assert_eq!(object(&json!("{\"a\": ")), json!({"unreadable_arguments": "{\"a\": "}));
    }
}
