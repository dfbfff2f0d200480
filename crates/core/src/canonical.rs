//! Canonical JSON (keys sorted, no spaces) and its SHA-256: what an approval binds to.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256 of the canonical form of a call: the tool's name and its arguments. Hex.
pub fn call_hash(tool: &str, arguments: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_value(&Value::String(tool.to_owned()), &mut text);
    write_object(arguments, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

/// JSON that is nested deeper is not taken in: it could not be journaled and read back.
pub const DEEPEST_JSON: usize = 32;

/// Whether `value` is nested deeper than [`DEEPEST_JSON`].
pub fn is_too_deep(value: &Value) -> bool {
    fn deeper_than(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left == 0 || items.iter().any(|item| deeper_than(item, left - 1)),
            Value::Object(fields) => left == 0 || fields.values().any(|field| deeper_than(field, left - 1)),
            _ => false,
        }
    }
    deeper_than(value, DEEPEST_JSON)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn write_object(fields: &Map<String, Value>, text: &mut String) {
    let sorted: BTreeMap<_, _> = fields.iter().collect();
    text.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        write_value(&Value::String(name.clone()), text);
        text.push(':');
        write_value(value, text);
    }
    text.push('}');
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => write_object(fields, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_value(item, text);
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_is_counted_and_bounded() {
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert!(!is_too_deep(&nested(DEEPEST_JSON)));
        assert!(is_too_deep(&nested(DEEPEST_JSON + 1)));
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        let hash = |value: Value| call_hash("refund", value.as_object().unwrap());
        let one: Value = serde_json::from_str(r#"{"b": {"y": 1, "x": [1, 2]}, "a": "é"}"#).unwrap();
        assert_eq!(hash(one), hash(json!({"a": "é", "b": {"x": [1, 2], "y": 1}})));
        assert_ne!(hash(json!({"amount": 5})), hash(json!({"amount": "5"})));
        assert_ne!(hash(json!({"amount": 5})), call_hash("other", json!({"amount": 5}).as_object().unwrap()));
    }
}
