//! A provider that follows a strict script: an unexpected call or a reply that nobody asked for fails the test.

use std::collections::VecDeque;
use std::future;
use std::sync::Mutex;

use async_trait::async_trait;
use mainstay_core::error::Retry;
use mainstay_core::message::{ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish, Provider, ProviderError, ProviderErrorKind};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

/// See the module.
#[derive(Default)]
pub struct Script {
    lines: Mutex<VecDeque<Line>>,
    asked: Mutex<Vec<ChatRequest>>,
    news: Notify,
}

/// One reply of a script.
pub enum Line {
    /// Says this text.
    Says(String),
    /// Asks for these calls.
    Calls(Vec<(&'static str, Value)>),
    /// Fails.
    Fails(ProviderErrorKind, Retry),
    /// Thinks for ever; see [`Script::until_asked`].
    Hangs,
}

/// The default schema's JSON around `text`.
pub fn answers(text: &str) -> Line {
    answers_with(text, 0.9, &[])
}

/// The same with a confidence and sources.
pub fn answers_with(text: &str, confidence: f64, sources: &[&str]) -> Line {
    let answer = json!({"answer": text, "confidence": confidence, "sources": sources, "requires_human_review": false});
    Line::Says(answer.to_string())
}

/// Asks for one call.
pub fn calls(tool: &'static str, arguments: Value) -> Line {
    Line::Calls(vec![(tool, arguments)])
}

impl Script {
    /// A script of these lines.
    pub fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        Self { lines: Mutex::new(lines.into_iter().collect()), asked: Mutex::default(), news: Notify::new() }
    }

    /// Waits until it was asked so often.
    pub async fn until_asked(&self, times: usize) {
        loop {
            let news = self.news.notified();
            if self.asked.lock().unwrap().len() >= times {
                return;
            }
            news.await;
        }
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// Fails unless every line was used.
    pub fn assert_used_up(&self) {
        let left = self.lines.lock().unwrap().len();
        assert_eq!(left, 0, "{left} lines of the script were never asked for");
    }
}

#[async_trait]
impl Provider for Script {
    fn name(&self) -> &str {
        "script"
    }

    async fn chat(&self, request: &ChatRequest, _deadline: Instant) -> Result<ChatReply, ProviderError> {
        self.asked.lock().unwrap().push(request.clone());
        self.news.notify_waiters();
        let line = self.lines.lock().unwrap().pop_front().expect("the model was asked once more than the script says");
        let reply = |text: String, calls: Vec<ToolCall>, finish| ChatReply {
            text,
            calls,
            usage: Usage { input_tokens: 100, output_tokens: 20, ..Usage::default() },
            finish,
            model: "script-1".to_owned(),
            response_id: None,
        };
        match line {
            Line::Says(text) => Ok(reply(text, Vec::new(), Finish::Stop)),
            Line::Calls(calls) => {
                let call = |(n, (name, arguments)): (usize, (&str, Value))| ToolCall {
                    id: format!("call_{n}"),
                    name: name.to_owned(),
                    arguments,
                };
                Ok(reply(String::new(), calls.into_iter().enumerate().map(call).collect(), Finish::ToolCalls))
            }
            Line::Hangs => future::pending().await,
            Line::Fails(kind, retry) => Err(ProviderError { provider: "script".to_owned(), kind, retry }),
        }
    }
}
