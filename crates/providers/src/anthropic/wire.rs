//! Messages on the wire: two pure functions, [`to_wire`] and [`from_wire`], and only the fields that we use.

use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::{self, MAX_CALLS};
use crate::call_ids::{self, CallIds};
use crate::failure::{FarSide, WireError};
use crate::{structured, usage};

/// The request's body. The cache mark on the system text covers the tools before it too; where there is no system
/// text, the last tool carries it.
pub(crate) fn to_wire(request: &ChatRequest, stream: bool) -> WireRequest<'_> {
    let system_text = structured::system_text(&request.instructions, request.output.as_ref());
    let has_system = !is_blank(&system_text);
    let last_tool = request.tools.len().saturating_sub(1);
    WireRequest {
        model: &request.model,
        max_tokens: request.max_output_tokens,
        tools: request
            .tools
            .iter()
            .enumerate()
            .map(|(position, tool)| WireTool {
                name: &tool.name,
                description: &tool.description,
                input_schema: &tool.parameters,
                cache_control: (!has_system && position == last_tool).then_some(CACHED),
            })
            .collect(),
        system: has_system
            .then_some(WireSystem { r#type: "text", text: system_text, cache_control: CACHED })
            .into_iter()
            .collect(),
        messages: messages(&request.messages),
        stream,
    }
}

/// The reply in a body. `asked` fills what is left out.
pub(crate) fn from_wire(response: WireResponse, asked: &ChatRequest) -> Result<ChatReply, WireError> {
    if let Some(far_side) = response.error.and_then(|error| FarSide::read(&serde_json::json!({ "error": error }))) {
        return Err(WireError::FarSide(far_side));
    }
    let Some(blocks) = response.content else { return Err(WireError::protocol("a message without content")) };
    let mut text = String::new();
    let mut calls = Vec::new();
    for block in blocks {
        match block {
            WireBlock::Text { text: more } => text.push_str(&more),
            WireBlock::ToolUse { id, name, input } => {
                calls.push(ToolCall { id, name, arguments: arguments::read(input) });
            }
            WireBlock::Unknown => {}
        }
    }
    if calls.len() > MAX_CALLS {
        return Err(WireError::protocol(format!("more than {MAX_CALLS} tool calls in one reply")));
    }
    call_ids::complete(&mut calls);
    let finish = finish(response.stop_reason, !calls.is_empty());
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

/// Messages with alternating roles: what belongs to one side goes into one message, results of tools first, as the API
/// demands. Blank texts are left out; the API refuses them.
fn messages(conversation: &[Message]) -> Vec<WireMessage> {
    let mut messages: Vec<WireMessage> = Vec::new();
    let mut ids = CallIds::default();
    for message in conversation {
        let (role, blocks) = match message {
            Message::User(text) => (USER, text_block(text)),
            Message::Assistant { text, calls } => {
                let calls = calls.iter().map(|call| WirePart::ToolUse {
                    id: ids.of_call(call),
                    name: call.name.clone(),
                    input: arguments::object(&call.arguments),
                });
                (ASSISTANT, text_block(text).into_iter().chain(calls).collect())
            }
            Message::Tool { call_id, name, content } => match ids.of_result(call_id) {
                Some(tool_use_id) => (USER, vec![WirePart::ToolResult { tool_use_id, content: content.clone() }]),
                // A result of no call would be refused; the model may still read it.
                None => (USER, text_block(&format!("Result of `{name}`: {content}"))),
            },
        };
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => messages.push(WireMessage { role, content: blocks }),
        }
    }
    for message in &mut messages {
        message.content.sort_by_key(|part| !matches!(part, WirePart::ToolResult { .. }));
    }
    messages
}

fn text_block(text: &str) -> Vec<WirePart> {
    if is_blank(text) { Vec::new() } else { vec![WirePart::Text { text: text.to_owned() }] }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn finish(reason: Option<String>, has_calls: bool) -> Finish {
    let done = if has_calls { Finish::ToolCalls } else { Finish::Stop };
    match reason.as_deref() {
        None | Some("end_turn" | "stop_sequence" | "tool_use") => done,
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("refusal") => Finish::ContentFilter,
        Some(other) => Finish::Other(other.chars().take(64).collect()),
    }
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const CACHED: CacheControl = CacheControl { r#type: "ephemeral" };

/// What is sent.
#[derive(Debug, Serialize)]
pub(crate) struct WireRequest<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<WireSystem>,
    messages: Vec<WireMessage>,
    stream: bool,
}

#[derive(Debug, Serialize)]
struct WireTool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Debug, Serialize)]
struct WireSystem {
    r#type: &'static str,
    text: String,
    cache_control: CacheControl,
}

#[derive(Debug, Serialize)]
struct CacheControl {
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct WireMessage {
    role: &'static str,
    content: Vec<WirePart>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart {
    Text { text: String },
    ToolUse { id: String, name: String, input: Value },
    ToolResult { tool_use_id: String, content: String },
}

/// What comes back.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireResponse {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) content: Option<Vec<WireBlock>>,
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Option<Value>,
}

impl WireResponse {
    /// True when the far side says what the call used.
    pub(crate) fn counts_tokens(&self) -> bool {
        self.usage.is_some()
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WireBlock {
    Text {
        #[serde(default)]
        text: String,
    },
    ToolUse {
        #[serde(default)]
        id: String,
        #[serde(default)]
        name: String,
        input: Option<Value>,
    },
    /// Thinking and whatever comes next.
    #[serde(other)]
    Unknown,
}

/// Counts; those of a stream come in parts, the later ones being totals.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl WireUsage {
    /// These counts, and `earlier` ones where there are none.
    pub(super) fn or(self, earlier: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.or(earlier.cache_read_input_tokens),
            cache_creation_input_tokens: self.cache_creation_input_tokens.or(earlier.cache_creation_input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
        }
    }
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        // `input_tokens` on this wire is only what no cache had anything to do with.
        let fresh = usage.input_tokens.unwrap_or_default();
        let cached = usage.cache_read_input_tokens.unwrap_or_default();
        let written = usage.cache_creation_input_tokens.unwrap_or_default();
        Self {
            input_tokens: fresh.saturating_add(cached).saturating_add(written),
            cached_tokens: cached,
            cache_write_tokens: written,
            output_tokens: usage.output_tokens.unwrap_or_default(),
        }
    }
}
