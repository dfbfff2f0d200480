//! Messages, from the server's side.

use std::collections::HashSet;

use axum::http::HeaderMap;
use mainstay_core::message::Usage;
use mainstay_core::provider::Finish;
use serde_json::{Value, json};

use super::script::{Reply, split};

/// What the real API would refuse.
pub(super) fn check(request: &Value, headers: &HeaderMap) -> Result<(), String> {
    if !headers.contains_key("anthropic-version") {
        return Err("anthropic-version: header is required".to_owned());
    }
    if request["model"].as_str().is_none_or(str::is_empty) {
        return Err("model: field required".to_owned());
    }
    if request["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        return Err("max_tokens: must be greater than 0".to_owned());
    }
    for block in request["system"].as_array().into_iter().flatten() {
        has_text(block, "system")?;
    }
    let messages = request["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or("messages: at least one message is required")?;
    let mut open: HashSet<&str> = HashSet::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for (position, message) in messages.iter().enumerate() {
        let at = format!("messages.{position}");
        let expected = if position % 2 == 0 { "user" } else { "assistant" };
        if message["role"] != expected {
            return Err(format!("{at}: roles must alternate, beginning with user"));
        }
        let blocks = message["content"].as_array().filter(|blocks| !blocks.is_empty());
        for block in blocks.ok_or_else(|| format!("{at}: content must not be empty"))? {
            match block["type"].as_str() {
                Some("text") if open.is_empty() || expected == "assistant" => has_text(block, &at)?,
                Some("tool_use") if expected == "assistant" => {
                    let id = block["id"].as_str().unwrap_or_default();
                    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                    if id.is_empty() || !id.bytes().all(is_plain) || !seen.insert(id) {
                        return Err(format!("{at}: tool_use ids must be unique and match ^[a-zA-Z0-9_-]+$"));
                    }
                    if !block["input"].is_object() {
                        return Err(format!("{at}: input should be an object"));
                    }
                    open.insert(id);
                }
                Some("tool_result") if expected == "user" => {
                    if !open.remove(block["tool_use_id"].as_str().unwrap_or_default()) {
                        return Err(format!("{at}: each tool_result must answer a tool_use in the previous message"));
                    }
                }
                _ => return Err(format!("{at}: tool_results must come first, and only known blocks")),
            }
        }
        if expected == "user" && !open.is_empty() {
            return Err(format!("{at}: each tool_use must have a tool_result"));
        }
    }
    if open.is_empty() { Ok(()) } else { Err("each tool_use must have a tool_result".to_owned()) }
}

pub(super) fn whole(reply: &Reply, request: &Value, number: usize) -> Value {
    let text = (!reply.text.is_empty()).then(|| json!({"type": "text", "text": reply.text}));
    let calls = reply.calls.iter().enumerate().map(|(position, call)| tool_use(call, number, position, call.1.clone()));
    let mut body = json!({
        "id": format!("msg_{number}"),
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": text.into_iter().chain(calls).collect::<Value>(),
        "stop_reason": stop_reason(reply),
        "stop_sequence": null,
    });
    if let Some(reported) = &reply.usage {
        body["usage"] = usage(reported, reported.output_tokens);
    }
    body
}

pub(super) fn events(reply: &Reply, request: &Value, number: usize) -> Vec<String> {
    let event =
        |body: Value| format!("event: {}\ndata: {body}\n\n", body["type"].as_str().expect("an event has a type"));
    let mut start = whole(&Reply { text: String::new(), calls: Vec::new(), ..reply.clone() }, request, number);
    start["stop_reason"] = Value::Null;
    if let Some(reported) = &reply.usage {
        start["usage"] = usage(reported, 1);
    }
    let mut events = vec![event(json!({"type": "message_start", "message": start})), event(json!({"type": "ping"}))];
    let mut index = 0;
    let mut block = |begin: Value, deltas: Vec<Value>| {
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": begin})));
        for delta in deltas {
            events.push(event(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        events.push(event(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    };
    if !reply.text.is_empty() {
        let deltas = split(&reply.text).into_iter().map(|piece| json!({"type": "text_delta", "text": piece}));
        block(json!({"type": "text", "text": ""}), deltas.collect());
    }
    for (position, call) in reply.calls.iter().enumerate() {
        let pieces = split(&call.1.to_string()).into_iter();
        let deltas = pieces.map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
        block(tool_use(call, number, position, json!({})), deltas.collect());
    }
    let mut end = json!({"type": "message_delta", "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null}});
    if let Some(reported) = &reply.usage {
        end["usage"] = json!({"output_tokens": reported.output_tokens});
    }
    events.push(event(end));
    events.push(event(json!({"type": "message_stop"})));
    events
}

fn has_text(block: &Value, at: &str) -> Result<(), String> {
    let is_blank = block["text"].as_str().is_none_or(|text| text.trim().is_empty());
    if is_blank { Err(format!("{at}: text content blocks must contain non-whitespace text")) } else { Ok(()) }
}

fn tool_use((name, _): &(String, Value), number: usize, position: usize, input: Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{number}_{position}"), "name": name, "input": input})
}

fn stop_reason(reply: &Reply) -> Value {
    match reply.finish() {
        Finish::Stop => "end_turn".into(),
        Finish::ToolCalls => "tool_use".into(),
        Finish::Length => "max_tokens".into(),
        Finish::ContentFilter => "refusal".into(),
        Finish::Other(other) => other.into(),
    }
}

fn usage(usage: &Usage, output_tokens: u64) -> Value {
    json!({
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "output_tokens": output_tokens,
    })
}
