//! What has happened so far in a run, read from the messages alone: the request, and the calls made for it with their
//! results. The provider keeps no state of its own, so a run may be resumed anywhere.

use std::collections::HashMap;

use mainstay_core::message::{Message, ToolCall};
use serde_json::Value;

/// The part of a conversation that belongs to the current request.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    /// What was asked.
    pub(super) request: &'a str,
    /// The calls made for it, in order.
    calls: Vec<Made<'a>>,
}

#[derive(Debug)]
struct Made<'a> {
    call: &'a ToolCall,
    result: Option<&'a str>,
}

impl<'a> Conversation<'a> {
    /// Reads `messages`; `None` when nobody asked anything.
    ///
    /// A message of the user is the request where it comes first, or where it follows an answer in plain words (an earlier
    /// exchange). One that follows a structured answer is the runtime asking to mend that answer, not a new request.
    pub(super) fn read(messages: &'a [Message]) -> Option<Self> {
        let mut conversation: Option<Self> = None;
        let mut open: HashMap<&str, usize> = HashMap::new();
        let mut last_said: Option<&str> = None;
        for message in messages {
            match message {
                Message::User(text) => {
                    if conversation.is_none() || last_said.is_some_and(|said| !is_structured(said)) {
                        conversation = Some(Self { request: text, calls: Vec::new() });
                    }
                    last_said = None;
                }
                Message::Assistant { text, calls } => {
                    last_said = calls.is_empty().then_some(text.as_str());
                    open.clear();
                    if let Some(conversation) = &mut conversation {
                        for call in calls {
                            open.insert(&call.id, conversation.calls.len());
                            conversation.calls.push(Made { call, result: None });
                        }
                    }
                }
                Message::Tool { call_id, content, .. } => {
                    last_said = None;
                    let index = open.remove(call_id.as_str());
                    if let (Some(conversation), Some(index)) = (&mut conversation, index)
                        && let Some(made) = conversation.calls.get_mut(index)
                    {
                        made.result = Some(content);
                    }
                }
            }
        }
        conversation
    }

    /// The result of exactly this call, if it was made.
    pub(super) fn result(&self, tool: &str, arguments: &Value) -> Option<Value> {
        let made = self.calls.iter().rev().find(|made| made.call.name == tool && made.call.arguments == *arguments)?;
        Some(read_result(made))
    }

    /// The latest result of `tool`, whatever it was called with.
    pub(super) fn latest(&self, tool: &str) -> Option<Value> {
        self.calls.iter().rev().find(|made| made.call.name == tool).map(read_result)
    }

    /// How many calls were made for this request.
    pub(super) fn made(&self) -> usize {
        self.calls.len()
    }
}

fn read_result(made: &Made<'_>) -> Value {
    match made.result {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        None => Value::Null,
    }
}

/// What a run's own answers look like, even cut ones; an answer shown in an earlier exchange is plain text.
fn is_structured(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('{')
}
