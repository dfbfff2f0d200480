//! Golden pairs: for each case of `tests/golden`, what a request becomes on the wire and what a body becomes.
//!
//! A case is a folder with `request.json`, `wire_request.json`, a body (`wire_response.json`, or `stream.txt`: a
//! transcript of server-sent events) and `reply.json`. With `MAINSTAY_BLESS=1` what is derived is written anew; read
//! the difference before it goes anywhere.

use std::fs;
use std::path::{Path, PathBuf};

use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish, OutputSchema, ToolSpec};
use serde_json::{Value, json};

use crate::failure::WireError;
use crate::openai::Dialect;
use crate::sse::{Event, Parser};
use crate::{anthropic, openai};

#[test]
fn openai_and_its_imitators_are_spoken_as_recorded() {
    check_all(
        "openai",
        10,
        |case, request| {
            let dialect = if case["kind"] == "compatible" { Dialect::Compatible } else { Dialect::OpenAi };
            let stream = case["stream"] == true;
            serde_json::to_value(openai::wire::to_wire(request, dialect, stream)).unwrap()
        },
        |case, request, body| {
            let dialect = if case["kind"] == "compatible" { Dialect::Compatible } else { Dialect::OpenAi };
            let response = match body {
                Body::Whole(text) => serde_json::from_str(&text).map_err(|error| WireError::json(&error))?,
                Body::Stream(events) => {
                    let mut assembler = openai::stream::Assembler::default();
                    for event in &events {
                        if assembler.take(event)? {
                            break;
                        }
                    }
                    assembler.finish(dialect)?
                }
            };
            openai::wire::from_wire(response, request)
        },
    );
}

#[test]
fn anthropic_is_spoken_as_recorded() {
    check_all(
        "anthropic",
        10,
        |case, request| serde_json::to_value(anthropic::wire::to_wire(request, case["stream"] == true)).unwrap(),
        |_, request, body| {
            let response = match body {
                Body::Whole(text) => serde_json::from_str(&text).map_err(|error| WireError::json(&error))?,
                Body::Stream(events) => {
                    let mut assembler = anthropic::stream::Assembler::default();
                    for event in &events {
                        if assembler.take(event)? {
                            break;
                        }
                    }
                    assembler.finish()?
                }
            };
            anthropic::wire::from_wire(response, request)
        },
    );
}

enum Body {
    Whole(String),
    Stream(Vec<Event>),
}

fn check_all(
    family: &str,
    at_least: usize,
    send: impl Fn(&Value, &ChatRequest) -> Value,
    receive: impl Fn(&Value, &ChatRequest, Body) -> Result<ChatReply, WireError>,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(family);
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= at_least, "{family} has only {} cases", cases.len());
    let mut differences = String::new();
    for case in cases {
        let written: Value = serde_json::from_str(&fs::read_to_string(case.join("request.json")).unwrap()).unwrap();
        let request = request(&written);
        let transcript = fs::read_to_string(case.join("stream.txt"));
        let body = match &transcript {
            Ok(transcript) => Body::Stream(events(transcript)),
            Err(_) => Body::Whole(fs::read_to_string(case.join("wire_response.json")).unwrap()),
        };
        let reply = match receive(&written, &request, body) {
            Ok(reply) => reply_value(&reply),
            Err(error) => json!({"error": format!("{error:?}")}),
        };
        compare(&case.join("wire_request.json"), &send(&written, &request), &mut differences);
        compare(&case.join("reply.json"), &reply, &mut differences);
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[expect(clippy::disallowed_methods, reason = "only this test reads the variable that rewrites its own files")]
fn is_blessing() -> bool {
    std::env::var("MAINSTAY_BLESS").is_ok_and(|value| value == "1")
}

fn compare(file: &Path, actual: &Value, differences: &mut String) {
    let actual = format!("{actual:#}\n");
    if is_blessing() {
        fs::write(file, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if expected == actual {
        return;
    }
    differences.push_str(&format!("{} differs (- recorded, + now):\n", file.display()));
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same_start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[same_start..], &new[same_start..]);
    let same_end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    differences.push_str(&format!("  … {same_start} equal lines\n"));
    for (sign, lines) in [('-', &old[..old.len() - same_end]), ('+', &new[..new.len() - same_end])] {
        for line in lines {
            differences.push_str(&format!("{sign} {line}\n"));
        }
    }
}

fn events(transcript: &str) -> Vec<Event> {
    let mut events = Vec::new();
    Parser::default().push(transcript.as_bytes(), &mut events).unwrap();
    events
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn request(written: &Value) -> ChatRequest {
    let call = |call: &Value| ToolCall {
        id: text(&call["id"]),
        name: text(&call["name"]),
        arguments: call["arguments"].clone(),
    };
    ChatRequest {
        model: text(&written["model"]),
        instructions: text(&written["instructions"]),
        messages: list(&written["messages"])
            .map(|message| match message["from"].as_str() {
                Some("user") => Message::User(text(&message["text"])),
                Some("assistant") => Message::Assistant {
                    text: text(&message["text"]),
                    calls: list(&message["calls"]).map(call).collect(),
                },
                Some("tool") => Message::Tool {
                    call_id: text(&message["call_id"]),
                    name: text(&message["name"]),
                    content: text(&message["content"]),
                },
                other => panic!("a message from {other:?}"),
            })
            .collect(),
        tools: list(&written["tools"])
            .map(|tool| ToolSpec {
                name: text(&tool["name"]),
                description: text(&tool["description"]),
                parameters: tool["parameters"].clone(),
            })
            .collect(),
        output: written
            .get("output")
            .map(|output| OutputSchema { name: text(&output["name"]), schema: output["schema"].clone() }),
        max_output_tokens: written["max_output_tokens"].as_u64().unwrap().try_into().unwrap(),
    }
}

fn reply_value(reply: &ChatReply) -> Value {
    let Usage { input_tokens, cached_tokens, cache_write_tokens, output_tokens } = reply.usage;
    let finish = match &reply.finish {
        Finish::Stop => "stop".to_owned(),
        Finish::ToolCalls => "tool_calls".to_owned(),
        Finish::Length => "length".to_owned(),
        Finish::ContentFilter => "content_filter".to_owned(),
        Finish::Other(other) => format!("other: {other}"),
    };
    let calls = reply.calls.iter().map(|call| json!({"id": call.id, "name": call.name, "arguments": call.arguments}));
    json!({
        "text": reply.text,
        "calls": calls.collect::<Value>(),
        "usage": {
            "input_tokens": input_tokens,
            "cached_tokens": cached_tokens,
            "cache_write_tokens": cache_write_tokens,
            "output_tokens": output_tokens,
        },
        "finish": finish,
        "model": reply.model,
        "response_id": reply.response_id,
    })
}
