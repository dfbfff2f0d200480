//! How deep a JSON text is nested, in one pass and without parsing it.

/// Whether the text opens more than `limit` objects and lists inside each other.
///
/// Brackets in strings do not count. What is not JSON gets some answer; the parser refuses it afterwards.
pub fn is_deeper_than(limit: usize, text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn nesting_counts_and_brackets_in_strings_do_not() {
        assert!(!is_deeper_than(0, b"1"));
        assert!(is_deeper_than(0, b"[]"));
        assert!(!is_deeper_than(2, br#"{"a": [1], "b": [2]}"#));
        assert!(is_deeper_than(2, br#"{"a": [{}]}"#));
        assert!(!is_deeper_than(1, br#"["[[[", "\"[[[", "\\", "]"]"#));
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| json!(number)),
            r#"[\[\]{}"\\a]{0,8}"#.prop_map(|text| json!(text))
        ];
        leaf.prop_recursive(6, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(r#"[\[{"\\a]{0,4}"#, inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_scan_agrees_with_the_parsed_value(value in any_json()) {
            let text = value.to_string();
            let depth = depth(&value);
            prop_assert!(!is_deeper_than(depth, text.as_bytes()));
            prop_assert!(depth == 0 || is_deeper_than(depth - 1, text.as_bytes()));
        }
    }
}
