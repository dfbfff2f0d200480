//! The agent loop as a pure state machine: it says what to do next and is told how that went. No async, no I/O.
//!
//! A draft of the wrong shape gets one repair turn. The same call for the third time ends the attempt.

use std::collections::HashMap;

use serde_json::Value;

use crate::answer;
use crate::canonical::call_hash;
use crate::input::Input;
use crate::journal::entry::Speaker;
use crate::message::{Message, ToolCall};
use crate::schema::Schema;

/// How often a model may ask for the very same call.
pub const SAME_CALL_LIMIT: u32 = 2;
/// A model that asks for more calls in one reply is not given a second chance.
pub const CALLS_PER_REPLY_LIMIT: usize = 16;

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Next<'t> {
    /// Send [`Turn::messages`] to the model; `news` are those that it has not seen.
    CallModel {
        /// The tail of the messages.
        news: &'t [Message],
    },
    /// Make these calls, in order.
    CallTools(&'t [ToolCall]),
    /// The model has drafted this.
    Done(&'t str),
    /// The model will not get anywhere; the text says why.
    GaveUp(&'t str),
}

/// What a model said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Its text.
    pub text: String,
    /// The calls that it asks for.
    pub calls: Vec<ToolCall>,
    /// True when it ran into its output limit.
    pub was_cut: bool,
}

/// The state of one attempt of one model.
#[derive(Debug)]
pub struct Turn {
    messages: Vec<Message>,
    seen: usize,
    phase: Phase,
    schema: Schema,
    repaired: bool,
    asked: HashMap<String, u32>,
}

#[derive(Debug)]
enum Phase {
    Model,
    Tools(Vec<ToolCall>),
    Done(String),
    GaveUp(String),
}

impl Turn {
    /// A fresh attempt at `request`, whose answer must satisfy `schema`.
    pub fn new(request: &Input, schema: Schema) -> Self {
        let earlier = request.history().iter().map(|said| match said.by {
            Speaker::Principal => Message::User(said.text.clone()),
            Speaker::Agent => Message::Assistant { text: said.text.clone(), calls: Vec::new() },
        });
        Self {
            messages: earlier.chain([Message::User(request.text().to_owned())]).collect(),
            seen: 0,
            phase: Phase::Model,
            schema,
            repaired: false,
            asked: HashMap::new(),
        }
    }

    /// The whole conversation.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// True once the model only has to answer again in the right shape.
    pub const fn is_repairing(&self) -> bool {
        self.repaired
    }

    /// What to do next. Asking twice says the same.
    pub fn next(&self) -> Next<'_> {
        match &self.phase {
            Phase::Model => Next::CallModel { news: self.messages.get(self.seen..).unwrap_or_default() },
            Phase::Tools(calls) => Next::CallTools(calls),
            Phase::Done(draft) => Next::Done(draft),
            Phase::GaveUp(why) => Next::GaveUp(why),
        }
    }

    /// The model replied.
    pub fn model_said(&mut self, said: Said) {
        self.messages.push(Message::Assistant { text: said.text.clone(), calls: said.calls.clone() });
        self.seen = self.messages.len();
        self.phase = if said.calls.is_empty() { self.drafted(said) } else { self.wants(said.calls) };
    }

    /// The calls were made; `results` are in their order.
    pub fn tools_said(&mut self, results: Vec<String>) {
        let Phase::Tools(calls) = std::mem::replace(&mut self.phase, Phase::Model) else { return };
        for (call, content) in calls.into_iter().zip(results) {
            self.messages.push(Message::Tool { call_id: call.id, name: call.name, content });
        }
    }

    fn wants(&mut self, calls: Vec<ToolCall>) -> Phase {
        if calls.len() > CALLS_PER_REPLY_LIMIT {
            return Phase::GaveUp(format!("the model asked for {} calls at once", calls.len()));
        }
        for call in &calls {
            let times = self.asked.entry(fingerprint(call)).or_default();
            *times += 1;
            if *times > SAME_CALL_LIMIT {
                return Phase::GaveUp(format!(
                    "the model asked for the same call of `{}` {times} times",
                    short(&call.name)
                ));
            }
        }
        Phase::Tools(calls)
    }

    fn drafted(&mut self, said: Said) -> Phase {
        let Err(faults) = answer::parse(&said.text, &self.schema) else {
            return Phase::Done(said.text);
        };
        if let (Some(call), false) = (written_call(&said.text, self.messages.len()), self.repaired) {
            // The conversation must show the call that its result answers.
            if let Some(Message::Assistant { calls, .. }) = self.messages.last_mut() {
                calls.push(call.clone());
            }
            return self.wants(vec![call]);
        }
        if std::mem::replace(&mut self.repaired, true) {
            return Phase::Done(said.text);
        }
        let cut = if said.was_cut { "Your answer was cut off because it was too long. " } else { "" };
        let faults = faults.join("; ");
        self.messages.push(Message::User(format!(
            "{cut}Your answer does not have the required shape: {faults}. Answer again with only one JSON value that follows \
             the schema, and nothing around it."
        )));
        Phase::Model
    }
}

/// A call that a model wrote into its text, as small models do: `{"name": …, "arguments": {…}}`, fenced or not. It is judged
/// like any other.
fn written_call(text: &str, number: usize) -> Option<ToolCall> {
    let json: Value = serde_json::from_str(answer::unfenced(text)).ok()?;
    let (name, arguments) = (json.get("name")?.as_str()?, json.get("arguments")?);
    let is_call = arguments.is_object() && json.as_object().is_some_and(|fields| fields.len() == 2);
    is_call.then(|| ToolCall { id: format!("written_{number}"), name: name.to_owned(), arguments: arguments.clone() })
}

fn fingerprint(call: &ToolCall) -> String {
    match &call.arguments {
        Value::Object(arguments) => call_hash(&call.name, arguments),
        other => format!("{} {other}", call.name),
    }
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
