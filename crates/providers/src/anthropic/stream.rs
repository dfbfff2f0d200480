//! Puts the events of a streamed message together into the same response that would have come whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::wire::{WireBlock, WireResponse, WireUsage};
use crate::failure::WireError;
use crate::sse::Event;

/// Most blocks in one message.
const MAX_BLOCKS: usize = 512;

/// Takes events, gives a response.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    whole: WireResponse,
    blocks: BTreeMap<u32, PartialBlock>,
    has_ended: bool,
}

#[derive(Debug)]
struct PartialBlock {
    block: WireBlock,
    /// Pieces of a tool's input, which is JSON text while it streams.
    input: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireEvent {
    MessageStart {
        message: WireResponse,
    },
    ContentBlockStart {
        index: u32,
        content_block: WireBlock,
    },
    ContentBlockDelta {
        index: u32,
        delta: WireDelta,
    },
    MessageDelta {
        delta: WireMessageDelta,
        usage: Option<WireUsage>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// `ping`, `content_block_stop` and whatever comes next.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireDelta {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
struct WireMessageDelta {
    stop_reason: Option<String>,
}

impl Assembler {
    /// Takes the next event; true when it was the end marker.
    pub(crate) fn take(&mut self, event: &Event) -> Result<bool, WireError> {
        let event = serde_json::from_str(&event.data).map_err(|error| WireError::json(&error))?;
        match event {
            WireEvent::MessageStart { message } => self.whole = message,
            WireEvent::ContentBlockStart { index, content_block } => {
                self.blocks.insert(index, PartialBlock { block: content_block, input: String::new() });
                if self.blocks.len() > MAX_BLOCKS {
                    return Err(WireError::protocol(format!("more than {MAX_BLOCKS} blocks in one message")));
                }
            }
            WireEvent::ContentBlockDelta { index, delta } => {
                let Some(partial) = self.blocks.get_mut(&index) else {
                    return Err(WireError::protocol("a part of a block that never began"));
                };
                match (delta, &mut partial.block) {
                    (WireDelta::TextDelta { text: more }, WireBlock::Text { text }) => text.push_str(&more),
                    (WireDelta::InputJsonDelta { partial_json }, _) => partial.input.push_str(&partial_json),
                    _ => {}
                }
            }
            WireEvent::MessageDelta { delta, usage } => {
                self.whole.stop_reason = delta.stop_reason.or_else(|| self.whole.stop_reason.take());
                let earlier = self.whole.usage.unwrap_or_default();
                self.whole.usage = usage.map(|usage| usage.or(earlier)).or(self.whole.usage);
            }
            WireEvent::MessageStop => self.has_ended = true,
            WireEvent::Error { error } => {
                self.whole.error = Some(error);
                self.has_ended = true;
            }
            WireEvent::Unknown => {}
        }
        Ok(self.has_ended)
    }

    /// The response; [`WireError::Cut`] where the end is missing.
    pub(crate) fn finish(mut self) -> Result<WireResponse, WireError> {
        if !self.has_ended {
            return Err(WireError::Cut);
        }
        if self.whole.content.is_some() {
            let blocks = self.blocks.into_values().map(|partial| match partial.block {
                WireBlock::ToolUse { id, name, input } => {
                    // The block begins with an empty object; the pieces are the real input, where there are any.
                    let input = if partial.input.is_empty() { input } else { Some(Value::String(partial.input)) };
                    WireBlock::ToolUse { id, name, input }
                }
                other => other,
            });
            self.whole.content = Some(blocks.collect());
        }
        Ok(self.whole)
    }
}
