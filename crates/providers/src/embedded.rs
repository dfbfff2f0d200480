//! The embedded provider: deterministic, offline, free. It is what a fresh machine runs on, and the first tier after that.
//!
//! Three things it can do, in this order:
//!
//! 1. A **playbook** fits the request: fill its slots, make its calls one per turn, say its answer.
//! 2. There is a tool that searches the knowledge base: ask it once, and quote the one to three sentences that answer, with
//!    the passage as the source.
//! 3. Otherwise it does not know, says so with confidence 0, and the runtime hands the request on.
//!
//! It reads nothing but the request that it is given, like any other provider, and keeps no state: what has happened is read
//! from the messages every time. It prefers "I do not know" to a guess. Absent on purpose: generated text, memory, learning
//! from requests.

use async_trait::async_trait;
use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish, Provider, ProviderError};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

mod asked;
mod background;
mod conversation;
mod extract;
mod function_words;
mod intent;
mod playbook;
mod sentences;
mod slots;
mod template;
mod typing;
mod words;

pub use extract::{Extract, Passage, extract};
pub use playbook::{Playbook, PlaybookAnswer, PlaybookCall, PlaybookError, PlaybookFault, Slot};

use conversation::Conversation;
use intent::Classifier;
use playbook::{Checked, MOST_EXAMPLES, MOST_PLAYBOOKS};
use slots::Filled;

/// What it says when it does not know.
const UNKNOWN: &str = "I do not know.";
/// How sure it is that a question for a missing slot is the right reply.
const ASK_CONFIDENCE: f64 = 0.9;
/// Longest query to the knowledge base, in characters.
const LONGEST_QUERY: usize = 300;
/// A conversation with more calls than this is not one of ours.
const MOST_CALLS: usize = 64;

/// Serves playbooks and quotes the knowledge base.
#[derive(Debug)]
pub struct Embedded {
    playbooks: Vec<(String, Checked)>,
    classifier: Classifier,
    knowledge_tool: Option<String>,
}

/// How well a request fits a playbook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<'a> {
    /// The playbook's intent.
    pub intent: &'a str,
    /// 0 to 1; [`Embedded::ACCEPT`] and more is a fit.
    pub score: f32,
}

impl Embedded {
    /// A playbook with a lower score is not served.
    ///
    /// Chosen on public intent sets (`cargo run -p mainstay-providers --example intents`). With 15 playbooks of 20 examples,
    /// 81 % of the requests in scope are served rightly and 2.5 % wrongly; of requests out of scope 1.4 % are served, of those
    /// about another subject 2.8 %, of attacks 0.1 %. Fewer examples lower what is served, not what is declined. A near miss
    /// (another intent of the same subject) is what it tells apart worst: a quarter is served. Give it a playbook too.
    pub const ACCEPT: f32 = 0.32;
    /// The best playbook must score so many times the second, or neither is served.
    pub const MARGIN: f32 = 1.4;

    /// Checks `playbooks` and learns their intents, which takes a time that grows with the number of examples times that of
    /// playbooks (some milliseconds for twenty playbooks).
    ///
    /// `knowledge_tool` is the name of the tool that searches the knowledge base, when the agent has one: its argument is
    /// `query`, its result `{"passages": [{"id", "title", "text"}]}`.
    pub fn new(playbooks: Vec<Playbook>, knowledge_tool: Option<String>) -> Result<Self, PlaybookError> {
        let mut checked: Vec<(String, Checked)> = Vec::new();
        let mut examples = Vec::new();
        let mut example_count: usize = 0;
        for mut playbook in playbooks {
            let intent = playbook.intent.clone();
            let failed = |fault| PlaybookError { intent: intent.clone(), fault };
            if checked.iter().any(|(other, _)| *other == intent) {
                return Err(failed(PlaybookFault::Twice));
            }
            if checked.len() >= MOST_PLAYBOOKS {
                return Err(failed(PlaybookFault::TooMany { what: "playbooks", limit: MOST_PLAYBOOKS }));
            }
            let texts = std::mem::take(&mut playbook.examples);
            example_count += texts.len();
            if example_count > MOST_EXAMPLES {
                return Err(failed(PlaybookFault::TooMany { what: "examples", limit: MOST_EXAMPLES }));
            }
            if texts.iter().all(|text| words::words(text).is_empty()) {
                return Err(failed(PlaybookFault::NoExamples));
            }
            let playbook = playbook::check(playbook).map_err(failed)?;
            checked.push((intent, playbook));
            examples.push(texts);
        }
        Ok(Self { playbooks: checked, classifier: Classifier::train(&examples), knowledge_tool })
    }

    /// The playbooks by how well `request` fits them, best first; slots are not looked at. For checks of the examples.
    pub fn rank(&self, request: &str) -> Vec<Ranked<'_>> {
        let scores = self.classifier.scores(request);
        let mut ranked: Vec<Ranked<'_>> =
            self.playbooks.iter().zip(scores).map(|((intent, _), score)| Ranked { intent, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked
    }

    fn next(&self, request: &ChatRequest) -> Next {
        let Some(conversation) = Conversation::read(&request.messages) else { return Next::unknown() };
        let has_tool = |name: &str| request.tools.iter().any(|tool| tool.name == name);
        if conversation.made() > MOST_CALLS {
            return Next::unknown();
        }
        match self.choose(conversation.request) {
            Some((playbook, Filled::All { scope, .. })) => follow(playbook, scope, &conversation, has_tool),
            Some((_, Filled::Ask(question))) => Next::Say(Said::new(question, ASK_CONFIDENCE)),
            Some((_, Filled::Missing)) | None => self.look_up(&conversation, has_tool),
        }
    }

    /// The playbook that the request means: its slots can be filled or asked for, and it is clearly the best of those.
    fn choose(&self, request: &str) -> Option<(&Checked, Filled)> {
        let scores = self.classifier.scores(request);
        let mut fitting: Vec<(f32, &Checked, Filled)> = Vec::new();
        for ((_, playbook), score) in self.playbooks.iter().zip(scores) {
            // Below this no boost lifts it, and as the second it is no rival.
            if score * SLOT_BOOST < Self::ACCEPT / Self::MARGIN {
                continue;
            }
            match slots::fill(&playbook.slots, request) {
                Filled::Missing => {}
                filled => {
                    let boost = if matches!(filled, Filled::All { found: 1.., .. }) { SLOT_BOOST } else { 1.0 };
                    fitting.push((score * boost, playbook, filled));
                }
            }
        }
        fitting.sort_by(|a, b| b.0.total_cmp(&a.0));
        let rival = fitting.get(1).map_or(0.0, |(score, ..)| *score);
        let (score, playbook, filled) = fitting.into_iter().next()?;
        (score >= Self::ACCEPT && score >= rival * Self::MARGIN).then_some((playbook, filled))
    }

    /// Searches the knowledge base once, then quotes it.
    fn look_up(&self, conversation: &Conversation<'_>, has_tool: impl Fn(&str) -> bool) -> Next {
        let Some(tool) = self.knowledge_tool.as_deref().filter(|tool| has_tool(tool)) else { return Next::unknown() };
        if let Some(result) = conversation.latest(tool) {
            return match extract(conversation.request, &Passage::read_all(&result)) {
                Some(found) => {
                    Next::Say(Said { sources: vec![found.source], ..Said::new(found.text, found.confidence) })
                }
                None => Next::unknown(),
            };
        }
        if !extract::is_question(conversation.request) {
            return Next::unknown();
        }
        let query: String = conversation.request.trim().chars().take(LONGEST_QUERY).collect();
        Next::Call { tool: tool.to_owned(), arguments: json!({ "query": query }) }
    }
}

/// A request that has what a playbook needs is likelier to mean it.
const SLOT_BOOST: f32 = 1.15;

#[async_trait]
impl Provider for Embedded {
    fn name(&self) -> &str {
        "embedded"
    }

    async fn chat(&self, request: &ChatRequest, _deadline: Instant) -> Result<ChatReply, ProviderError> {
        let (text, calls) = match self.next(request) {
            Next::Call { tool, arguments } => {
                let made: usize = request.messages.iter().map(calls_in).sum();
                (String::new(), vec![ToolCall { id: format!("call_{}", made + 1), name: tool, arguments }])
            }
            Next::Say(said) => (said.json(request), Vec::new()),
        };
        Ok(reply(request, text, calls))
    }
}

/// What to do about a request.
#[derive(Debug)]
enum Next {
    Call { tool: String, arguments: Value },
    Say(Said),
}

impl Next {
    fn unknown() -> Self {
        Self::Say(Said::new(UNKNOWN.to_owned(), 0.0))
    }
}

/// An answer.
#[derive(Debug)]
struct Said {
    answer: String,
    confidence: f64,
    sources: Vec<String>,
    review: bool,
}

impl Said {
    const fn new(answer: String, confidence: f64) -> Self {
        Self { answer, confidence, sources: Vec::new(), review: false }
    }

    /// The answer as JSON. A schema that allows no other fields than its own gets only those, but "I do not know" always
    /// says its confidence: an answer that cannot is then no valid one, instead of a sure one.
    fn json(self, request: &ChatRequest) -> String {
        let mut fields = Map::new();
        fields.insert("answer".to_owned(), self.answer.into());
        fields.insert("confidence".to_owned(), self.confidence.into());
        fields.insert("sources".to_owned(), self.sources.into());
        fields.insert("requires_human_review".to_owned(), self.review.into());
        let schema = request.output.as_ref().map(|output| &output.schema);
        let is_closed = schema.and_then(|schema| schema.get("additionalProperties")) == Some(&Value::Bool(false));
        let allowed = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        if let Some(allowed) = allowed.filter(|allowed| is_closed && allowed.contains_key("answer"))
            && self.confidence > 0.0
            && (!self.review || allowed.contains_key("requires_human_review"))
        {
            fields.retain(|name, _| allowed.contains_key(name));
        }
        Value::Object(fields).to_string()
    }
}

/// Makes the next call of a playbook, or says its answer.
fn follow(
    playbook: &Checked,
    mut scope: template::Scope,
    conversation: &Conversation<'_>,
    has_tool: impl Fn(&str) -> bool,
) -> Next {
    for call in &playbook.calls {
        scope.entry(call.tool.clone()).or_insert(Value::Null);
    }
    let holds = |when: &Option<mainstay_core::expression::Expression>, scope: &template::Scope| {
        let facts: Vec<(&str, &Value)> = scope.iter().map(|(name, value)| (name.as_str(), value)).collect();
        when.as_ref().is_none_or(|when| when.holds(&facts).unwrap_or(false))
    };
    for call in &playbook.calls {
        if !has_tool(&call.tool) || !holds(&call.when, &scope) {
            continue;
        }
        let Some(arguments) = call.arguments.value(&scope) else { return Next::unknown() };
        match conversation.result(&call.tool, &arguments) {
            Some(result) => scope.insert(call.tool.clone(), result),
            None => return Next::Call { tool: call.tool.clone(), arguments },
        };
    }
    let answer = playbook.answers.iter().find(|answer| holds(&answer.when, &scope));
    match answer.and_then(|answer| Some((answer, answer.text.text(&scope)?))) {
        Some((answer, text)) => Next::Say(Said { review: answer.review, ..Said::new(text, answer.confidence) }),
        None => Next::unknown(),
    }
}

fn calls_in(message: &Message) -> usize {
    match message {
        Message::Assistant { calls, .. } => calls.len(),
        Message::User(_) | Message::Tool { .. } => 0,
    }
}

fn reply(request: &ChatRequest, text: String, calls: Vec<ToolCall>) -> ChatReply {
    let called: u64 = calls.iter().map(call_size).sum();
    let output_tokens = tokens(size(&text).saturating_add(called));
    let usage = Usage { input_tokens: tokens(input_size(request)), output_tokens, ..Usage::default() };
    let reply = ChatReply {
        text,
        calls,
        usage,
        finish: Finish::Stop,
        model: if request.model.is_empty() { "embedded".to_owned() } else { request.model.clone() },
        response_id: None,
    };
    let limit = u64::from(request.max_output_tokens);
    if output_tokens > limit {
        let kept = usize::try_from(limit.saturating_mul(CHARS_PER_TOKEN)).unwrap_or(usize::MAX);
        let text = reply.text.chars().take(kept).collect();
        let usage = Usage { output_tokens: limit, ..usage };
        return ChatReply { text, calls: Vec::new(), usage, finish: Finish::Length, ..reply };
    }
    let finish = if reply.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
    ChatReply { finish, ..reply }
}

/// A rule of thumb: nothing is tokenised here, and nothing is charged.
const CHARS_PER_TOKEN: u64 = 4;

const fn tokens(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN)
}

fn input_size(request: &ChatRequest) -> u64 {
    let messages = request.messages.iter().map(|message| match message {
        Message::User(text) => size(text),
        Message::Assistant { text, calls } => size(text).saturating_add(calls.iter().map(call_size).sum()),
        Message::Tool { content, .. } => size(content),
    });
    let tools = request.tools.iter().map(|tool| size(&tool.name).saturating_add(size(&tool.description)));
    messages.chain(tools).fold(size(&request.instructions), u64::saturating_add)
}

fn call_size(call: &ToolCall) -> u64 {
    size(&call.name).saturating_add(size(&call.arguments.to_string()))
}

fn size(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}
