//! Puts the chunks of a streamed chat completion together into the same response that would have come whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Dialect;
use super::wire::{self, WireCall, WireChoice, WireFunction, WireReply, WireResponse, WireUsage};
use crate::arguments::MAX_CALLS;
use crate::failure::WireError;
use crate::sse::Event;

/// The data of the last event.
pub(crate) const END_MARKER: &str = "[DONE]";

/// Takes events, gives a response.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    whole: WireResponse,
    text: String,
    refusal: String,
    calls: BTreeMap<u32, PartialCall>,
    finish_reason: Option<String>,
    has_begun: bool,
    has_ended: bool,
}

#[derive(Debug, Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct WireChunk {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<ChunkChoice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ChunkChoice {
    index: Option<u32>,
    delta: Option<WireReply>,
    finish_reason: Option<String>,
}

impl Assembler {
    /// Takes the next event; true when it was the end marker.
    pub(crate) fn take(&mut self, event: &Event) -> Result<bool, WireError> {
        let data = event.data.trim();
        if data == END_MARKER {
            self.has_ended = true;
            return Ok(true);
        }
        if data.is_empty() {
            return Ok(false);
        }
        let chunk: WireChunk = serde_json::from_str(data).map_err(|error| WireError::json(&error))?;
        if chunk.error.is_some() {
            // An error ends the stream, marker or not.
            self.whole.error = chunk.error;
            self.has_ended = true;
            return Ok(true);
        }
        self.whole.id = self.whole.id.take().or(chunk.id);
        self.whole.model = self.whole.model.take().or(chunk.model);
        self.whole.usage = chunk.usage.or_else(|| self.whole.usage.take());
        for choice in chunk.choices.unwrap_or_default() {
            if choice.index.unwrap_or_default() == 0 {
                self.add(choice)?;
            }
        }
        Ok(false)
    }

    /// The response; [`WireError::Cut`] where the end is missing.
    pub(crate) fn finish(mut self, dialect: Dialect) -> Result<WireResponse, WireError> {
        // A clean end after the finish reason is all that some servers give: nothing of the message can follow it.
        let is_whole = self.has_ended || (dialect == Dialect::Compatible && self.finish_reason.is_some());
        if !is_whole {
            return Err(WireError::Cut);
        }
        if self.has_begun {
            let calls = self.calls.into_values().map(|call| WireCall {
                index: None,
                id: Some(call.id),
                function: Some(WireFunction { name: Some(call.name), arguments: Some(Value::String(call.arguments)) }),
            });
            let message = WireReply {
                content: Some(Value::String(self.text)),
                refusal: Some(self.refusal),
                tool_calls: Some(calls.collect()),
            };
            self.whole.choices = Some(vec![WireChoice { message: Some(message), finish_reason: self.finish_reason }]);
        }
        Ok(self.whole)
    }

    fn add(&mut self, choice: ChunkChoice) -> Result<(), WireError> {
        self.has_begun = true;
        self.finish_reason = choice.finish_reason.or_else(|| self.finish_reason.take());
        let Some(delta) = choice.delta else { return Ok(()) };
        if let Some(content) = delta.content {
            self.text.push_str(&wire::text(content)?);
        }
        self.refusal.push_str(&delta.refusal.unwrap_or_default());
        for call in delta.tool_calls.unwrap_or_default() {
            self.add_call(call)?;
        }
        Ok(())
    }

    fn add_call(&mut self, part: WireCall) -> Result<(), WireError> {
        let function = part.function.unwrap_or_default();
        let id = part.id.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let last = self.calls.last_key_value().map(|(position, _)| *position);
        let fresh = last.map_or(0, |last| last.saturating_add(1));
        // Some servers give no position, and some give every call the same one: a new id with a name begins a new call.
        let begins = |known: &PartialCall| !name.is_empty() && !id.is_empty() && !known.id.is_empty() && known.id != id;
        let position = match part.index {
            Some(position) if self.calls.get(&position).is_some_and(begins) => fresh,
            Some(position) => position,
            None if !name.is_empty() => fresh,
            None => last.unwrap_or_default(),
        };
        let call = self.calls.entry(position).or_default();
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        match function.arguments {
            None | Some(Value::Null) => {}
            Some(Value::String(piece)) => call.arguments.push_str(&piece),
            Some(whole) => call.arguments = whole.to_string(),
        }
        if self.calls.len() > MAX_CALLS {
            return Err(WireError::protocol(format!("more than {MAX_CALLS} tool calls in one reply")));
        }
        Ok(())
    }
}
