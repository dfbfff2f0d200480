//! Reads messages of the convention's shape back, for dialects that number them.

use serde_json::Value;

use crate::dialect::attributes::as_text;

/// One message.
pub(super) struct Message<'m> {
    pub(super) role: &'m str,
    /// Its text; of a tool's message the result.
    pub(super) text: String,
    pub(super) calls: Vec<Call<'m>>,
    /// The call that a tool's message answers.
    pub(super) answers: Option<&'m str>,
    pub(super) finish: Option<&'m str>,
}

/// A call that a model asks for.
pub(super) struct Call<'m> {
    pub(super) id: &'m str,
    pub(super) name: &'m str,
    pub(super) arguments: String,
}

/// The messages of `value`, numbered from 0.
pub(super) fn numbered(value: Option<&Value>) -> impl Iterator<Item = (usize, Message<'_>)> {
    value.and_then(Value::as_array).into_iter().flatten().map(read).enumerate()
}

fn read(message: &Value) -> Message<'_> {
    let text_of = |value: &'_ Value, name: &str| value.get(name).map(as_text).unwrap_or_default();
    let mut read = Message {
        role: str_of(message, "role"),
        text: String::new(),
        calls: Vec::new(),
        answers: None,
        finish: message.get("finish_reason").and_then(Value::as_str),
    };
    for part in message.get("parts").and_then(Value::as_array).into_iter().flatten() {
        match str_of(part, "type") {
            "text" => read.text.push_str(str_of(part, "content")),
            "tool_call" => read.calls.push(Call {
                id: str_of(part, "id"),
                name: str_of(part, "name"),
                arguments: text_of(part, "arguments"),
            }),
            "tool_call_response" => {
                read.text.push_str(&text_of(part, "response"));
                read.answers = Some(str_of(part, "id"));
            }
            _ => {}
        }
    }
    read
}

fn str_of<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
