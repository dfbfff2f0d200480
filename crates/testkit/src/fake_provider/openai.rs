//! Chat completions, from the server's side.

use std::collections::HashSet;

use mainstay_core::message::Usage;
use mainstay_core::provider::Finish;
use serde_json::{Value, json};

use super::script::{Reply, split};

/// What the real API would refuse.
pub(super) fn check(request: &Value) -> Result<(), String> {
    if request["model"].as_str().is_none_or(str::is_empty) {
        return Err("you must provide a model".to_owned());
    }
    let messages = request["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or("`messages` must be an array with at least one message")?;
    let mut open: HashSet<&str> = HashSet::new();
    for (position, message) in messages.iter().enumerate() {
        let fault = |what: &str| Err(format!("messages[{position}]: {what}"));
        match message["role"].as_str() {
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                if !open.remove(id) {
                    return fault("a tool message must answer a preceding tool call");
                }
                if !message["content"].is_string() {
                    return fault("a tool message must have text");
                }
                continue;
            }
            _ if !open.is_empty() => return fault("tool calls must be answered by tool messages"),
            Some("system" | "user") if message["content"].is_string() => {}
            Some("assistant") => {
                let calls = message["tool_calls"].as_array();
                if message["content"].is_null() && calls.is_none() {
                    return fault("an assistant message must have content or tool calls");
                }
                for call in calls.into_iter().flatten() {
                    let arguments = call["function"]["arguments"].as_str();
                    let arguments: Option<Value> = arguments.and_then(|text| serde_json::from_str(text).ok());
                    if !arguments.is_some_and(|arguments| arguments.is_object()) {
                        return fault("arguments must be the text of a JSON object");
                    }
                    let (Some(id), Some(_)) = (call["id"].as_str(), call["function"]["name"].as_str()) else {
                        return fault("a call must have an id and a name");
                    };
                    open.insert(id);
                }
            }
            _ => return fault("unknown role or content"),
        }
    }
    if !open.is_empty() {
        return Err("tool calls must be answered by tool messages".to_owned());
    }
    Ok(())
}

pub(super) fn whole(reply: &Reply, request: &Value, number: usize) -> Value {
    let is_refusal = reply.finish() == Finish::ContentFilter;
    let text = if reply.text.is_empty() { Value::Null } else { Value::from(reply.text.as_str()) };
    let (content, refusal) = if is_refusal { (Value::Null, text) } else { (text, Value::Null) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": refusal});
    if !reply.calls.is_empty() {
        message["tool_calls"] =
            reply.calls.iter().enumerate().map(|(position, call)| tool_call(call, number, position)).collect();
    }
    let mut body = json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reply)}],
    });
    if let Some(reported) = &reply.usage {
        body["usage"] = usage(reported);
    }
    body
}

pub(super) fn events(reply: &Reply, request: &Value, number: usize) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let body = json!({
            "id": format!("chatcmpl-{number}"),
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": request["model"],
            "choices": choices,
            "usage": usage,
        });
        format!("data: {body}\n\n")
    };
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null);
    let text_key = if reply.finish() == Finish::ContentFilter { "refusal" } else { "content" };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    events.extend(split(&reply.text).into_iter().map(|piece| delta(json!({text_key: piece}))));
    for (position, call) in reply.calls.iter().enumerate() {
        let mut begin = tool_call(call, number, position);
        begin["index"] = position.into();
        begin["function"]["arguments"] = "".into();
        events.push(delta(json!({"tool_calls": [begin]})));
        for piece in split(&call.1.to_string()) {
            events.push(delta(json!({"tool_calls": [{"index": position, "function": {"arguments": piece}}]})));
        }
    }
    events.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(reply)}]), Value::Null));
    if let Some(reported) = reply.usage.as_ref().filter(|_| request["stream_options"]["include_usage"] == true) {
        events.push(chunk(json!([]), usage(reported)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn tool_call((name, arguments): &(String, Value), number: usize, position: usize) -> Value {
    json!({
        "id": format!("call_{number}_{position}"),
        "type": "function",
        "function": {"name": name, "arguments": arguments.to_string()},
    })
}

fn finish_reason(reply: &Reply) -> Value {
    match reply.finish() {
        // A refusal stops like any other answer on this wire.
        Finish::Stop | Finish::ContentFilter => "stop".into(),
        Finish::ToolCalls => "tool_calls".into(),
        Finish::Length => "length".into(),
        Finish::Other(other) => other.into(),
    }
}

fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
    })
}
