//! Chat completions on the wire: two pure functions, [`to_wire`] and [`from_wire`], and only the fields that we use.

use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish, OutputSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Dialect;
use crate::arguments::{self, MAX_CALLS};
use crate::call_ids::{self, CallIds};
use crate::failure::{FarSide, WireError};
use crate::{structured, usage};

/// The request's body.
pub(crate) fn to_wire(request: &ChatRequest, dialect: Dialect, stream: bool) -> WireRequest<'_> {
    let is_compatible = dialect == Dialect::Compatible;
    let limit = Some(request.max_output_tokens);
    let native = request.output.as_ref().filter(|_| !is_compatible || request.tools.is_empty());
    WireRequest {
        model: &request.model,
        messages: messages(request, dialect),
        tools: request
            .tools
            .iter()
            .map(|tool| WireTool {
                r#type: "function",
                function: WireToolSpec {
                    name: &tool.name,
                    description: &tool.description,
                    parameters: &tool.parameters,
                },
            })
            .collect(),
        response_format: native.map(response_format),
        max_completion_tokens: limit.filter(|_| !is_compatible),
        max_tokens: limit.filter(|_| is_compatible),
        stream,
        stream_options: stream.then_some(StreamOptions { include_usage: true }),
    }
}

/// The reply in a body. `asked` fills what servers leave out: the model's name and the usage.
pub(crate) fn from_wire(response: WireResponse, asked: &ChatRequest) -> Result<ChatReply, WireError> {
    if let Some(far_side) = response.error.and_then(|error| FarSide::read(&serde_json::json!({ "error": error }))) {
        return Err(WireError::FarSide(far_side));
    }
    let Some(choice) = response.choices.unwrap_or_default().into_iter().next() else {
        return Err(WireError::protocol("a reply without choices"));
    };
    let Some(message) = choice.message else { return Err(WireError::protocol("a choice without a message")) };
    let calls = calls(message.tool_calls.unwrap_or_default())?;
    let content = message.content.map(text).transpose()?.unwrap_or_default();
    let refusal = message.refusal.filter(|refusal| !refusal.is_empty());
    let finish = match &refusal {
        Some(_) => Finish::ContentFilter,
        None => finish(choice.finish_reason, !calls.is_empty()),
    };
    let text = refusal.unwrap_or(content);
    let text = if asked.output.is_some() { structured::unfenced(&text).to_owned() } else { text };
    let mut reply = ChatReply {
        text,
        calls,
        usage: Usage::default(),
        finish,
        model: response.model.filter(|model| !model.is_empty()).unwrap_or_else(|| asked.model.clone()),
        response_id: response.id.filter(|id| !id.is_empty()),
    };
    reply.usage = usage::complete(response.usage.map(Usage::from), asked, &reply);
    Ok(reply)
}

fn messages(request: &ChatRequest, dialect: Dialect) -> Vec<WireMessage> {
    let in_words = request.output.as_ref().filter(|_| dialect == Dialect::Compatible);
    let system = structured::system_text(&request.instructions, in_words);
    let mut messages = Vec::with_capacity(request.messages.len() + 1);
    if !system.is_empty() {
        messages.push(WireMessage::System { content: system });
    }
    let mut ids = CallIds::default();
    for message in &request.messages {
        messages.push(match message {
            Message::User(text) => WireMessage::User { content: text.clone() },
            Message::Assistant { text, calls } => WireMessage::Assistant {
                content: (!text.is_empty() || calls.is_empty()).then(|| text.clone()),
                tool_calls: calls
                    .iter()
                    .map(|call| WirePastCall {
                        id: ids.of_call(call),
                        r#type: "function",
                        function: WirePastFunction {
                            name: call.name.clone(),
                            arguments: arguments::object(&call.arguments).to_string(),
                        },
                    })
                    .collect(),
            },
            Message::Tool { call_id, name, content } => match ids.of_result(call_id) {
                Some(tool_call_id) => WireMessage::Tool { tool_call_id, content: content.clone() },
                // A result of no call would be refused; the model may still read it.
                None => WireMessage::User { content: format!("Result of `{name}`: {content}") },
            },
        });
    }
    messages
}

fn response_format(output: &OutputSchema) -> ResponseFormat<'_> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = output.name.chars().take(64).map(|c| if is_plain(c) { c } else { '_' }).collect();
    ResponseFormat {
        r#type: "json_schema",
        json_schema: JsonSchema {
            name: if name.is_empty() { "answer".to_owned() } else { name },
            schema: &output.schema,
            strict: structured::permits_strict(&output.schema),
        },
    }
}

fn calls(wire: Vec<WireCall>) -> Result<Vec<ToolCall>, WireError> {
    if wire.len() > MAX_CALLS {
        return Err(WireError::protocol(format!("more than {MAX_CALLS} tool calls in one reply")));
    }
    let mut calls: Vec<ToolCall> = wire
        .into_iter()
        .map(|call| {
            let function = call.function.unwrap_or_default();
            ToolCall {
                id: call.id.unwrap_or_default(),
                name: function.name.unwrap_or_default(),
                arguments: arguments::read(function.arguments),
            }
        })
        .collect();
    call_ids::complete(&mut calls);
    Ok(calls)
}

/// Text, or the text parts of a list of parts.
pub(super) fn text(content: Value) -> Result<String, WireError> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            Ok(texts.collect())
        }
        _ => Err(WireError::protocol("content that is neither text nor parts")),
    }
}

fn finish(reason: Option<String>, has_calls: bool) -> Finish {
    let done = if has_calls { Finish::ToolCalls } else { Finish::Stop };
    match reason.as_deref() {
        // Some servers say `stop` beside calls, some say `tool_calls` without any.
        None
        | Some("" | "stop" | "tool_calls" | "function_call" | "eos" | "eos_token" | "end_turn" | "stop_sequence") => {
            done
        }
        Some("length" | "max_tokens" | "model_length") => Finish::Length,
        Some("content_filter") => Finish::ContentFilter,
        Some(other) => Finish::Other(other.chars().take(64).collect()),
    }
}

/// What is sent.
#[derive(Debug, Serialize)]
pub(crate) struct WireRequest<'a> {
    model: &'a str,
    messages: Vec<WireMessage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum WireMessage {
    System {
        content: String,
    },
    User {
        content: String,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<WirePastCall>,
    },
    Tool {
        tool_call_id: String,
        content: String,
    },
}

#[derive(Debug, Serialize)]
struct WirePastCall {
    id: String,
    r#type: &'static str,
    function: WirePastFunction,
}

#[derive(Debug, Serialize)]
struct WirePastFunction {
    name: String,
    arguments: String,
}

#[derive(Debug, Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: WireToolSpec<'a>,
}

#[derive(Debug, Serialize)]
struct WireToolSpec<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Debug, Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    json_schema: JsonSchema<'a>,
}

#[derive(Debug, Serialize)]
struct JsonSchema<'a> {
    name: String,
    schema: &'a Value,
    strict: bool,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// What comes back.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireResponse {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<WireChoice>>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Option<Value>,
}

impl WireResponse {
    /// True when the far side says what the call used.
    pub(crate) fn counts_tokens(&self) -> bool {
        self.usage.is_some()
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireChoice {
    pub(super) message: Option<WireReply>,
    pub(super) finish_reason: Option<String>,
}

/// A message, or the part of one that a chunk of a stream brings.
#[derive(Debug, Default, Deserialize)]
pub(super) struct WireReply {
    pub(super) content: Option<Value>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<WireCall>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireCall {
    pub(super) index: Option<u32>,
    pub(super) id: Option<String>,
    pub(super) function: Option<WireFunction>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WireFunction {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<WirePromptDetails>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct WirePromptDetails {
    cached_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens.unwrap_or_default(),
            cached_tokens: usage.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or_default(),
            cache_write_tokens: 0,
            output_tokens: usage.completion_tokens.unwrap_or_default(),
        }
    }
}
