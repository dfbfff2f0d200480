//! Messages in the convention's shape: `[{role, parts, finish_reason?}]`.

use serde_json::{Value, json};

use crate::journal::entry::{CallRecord, MessageRecord};

/// What went into a model.
pub(super) fn input(messages: &[MessageRecord]) -> Value {
    messages.iter().map(message).collect()
}

/// What came out of a model.
pub(super) fn output(text: &str, calls: &[CallRecord], finish: &str) -> Value {
    json!([{"role": "assistant", "parts": said(text, calls), "finish_reason": finish_reason(finish)}])
}

/// One message of text.
pub(super) fn text(role: &str, text: &str) -> Value {
    json!({"role": role, "parts": [text_part(text)]})
}

fn message(message: &MessageRecord) -> Value {
    match message {
        MessageRecord::User { text: said } => text("user", said),
        MessageRecord::Assistant { text, calls } => json!({"role": "assistant", "parts": said(text, calls)}),
        MessageRecord::Tool { call_id, content, .. } => {
            // Results are JSON text where the tool gave JSON; shown as what they are.
            let response = serde_json::from_str(content).unwrap_or_else(|_| Value::String(content.clone()));
            json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": response}]})
        }
    }
}

fn said(text: &str, calls: &[CallRecord]) -> Vec<Value> {
    let text = (!text.is_empty()).then(|| text_part(text));
    text.into_iter().chain(calls.iter().map(call)).collect()
}

fn text_part(text: &str) -> Value {
    json!({"type": "text", "content": text})
}

fn call(call: &CallRecord) -> Value {
    let CallRecord { id, name, arguments } = call;
    json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})
}

/// The convention says `tool_call` where providers say `tool_calls`.
fn finish_reason(finish: &str) -> &str {
    if finish == "tool_calls" { "tool_call" } else { finish }
}
