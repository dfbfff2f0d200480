//! One journaled model call: the budget is asked first, failed tries are repeated with jitter, the cost is settled.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::info;

use crate::agent::Model;
use crate::budget::{Allowance, OverLimit};
use crate::canonical::is_too_deep;
use crate::error::{Halt, Retry};
use crate::journal::entry::{CallRecord, FailedTry, MessageRecord, ModelCalled, ModelResult, UsageRecord};
use crate::message::{Message, ToolCall};
use crate::money::MicroUsd;
use crate::provider::{ChatReply, ChatRequest, Finish, ProviderError, ProviderErrorKind};
use crate::run::Run;
use crate::store::{Change, Reservation, Reserved};

/// First wait before a repetition; doubles each time, plus as much again at random.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Calls `model`; `news` are the messages of `request` that were not in the call before.
pub async fn ask(run: &Run, model: &Model, request: ChatRequest, news: &[Message]) -> Result<ModelCalled, Halt> {
    let input = news.iter().map(MessageRecord::from).collect();
    let scopes = if model.price.is_free() { Vec::new() } else { daily_scopes(run) };
    // Where nothing is reserved there is nothing to settle.
    let is_reserved = !scopes.is_empty();
    let settle = |position: u32, called: &ModelCalled| {
        is_reserved.then_some(Change::Settle { position, spent: called.cost }).into_iter().collect()
    };
    let work = async {
        let allowance = match run.meter().allow_model(&run.agent.limits, model, &request) {
            Ok(allowance) => allowance,
            Err(over) => return Ok(nothing(model, input, over_budget(over), Vec::new())),
        };
        if let Some(over) = reserve(run, allowance.worst_case, scopes).await? {
            return Ok(nothing(model, input, over_budget(over), Vec::new()));
        }
        Ok(call(run, model, request, input, allowance).await)
    };
    Ok(run.durable_step(work, settle).await?.0)
}

/// The daily budgets that a run counts in, with their limits.
fn daily_scopes(run: &Run) -> Vec<(String, MicroUsd)> {
    let limits = &run.agent.limits;
    let principal = &run.record.principal;
    let context = &run.record.context;
    let key_day = context.key_usd_per_day.map(|limit| (format!("key/{}", context.key), limit));
    let agent_day = limits.usd_per_day.map(|limit| (format!("agent/{}", run.agent.name), limit));
    let principal_day = limits
        .usd_per_principal_day
        .map(|limit| (format!("principal/{}/{}/{}", principal.tenant, run.agent.name, principal.id), limit));
    agent_day.into_iter().chain(principal_day).chain(key_day).collect()
}

/// Sets the worst case aside in the daily budgets; says which of them forbids it.
async fn reserve(run: &Run, amount: MicroUsd, scopes: Vec<(String, MicroUsd)>) -> Result<Option<OverLimit>, Halt> {
    if amount == MicroUsd::ZERO || scopes.is_empty() {
        return Ok(None);
    }
    let reservation =
        Reservation { run: run.record.id, position: run.position(), day: run.now().day(), amount, scopes };
    Ok(match run.runtime.budgets.reserve(&reservation).await? {
        Reserved::Yes => None,
        Reserved::Over { scope, limit, spent } => {
            let limit_name = match scope.split('/').next() {
                Some("agent") => "usd_per_day",
                Some("key") => "usd_per_day of the API key",
                _ => "usd_per_principal_day",
            };
            Some(OverLimit { limit: limit_name, detail: format!("{spent} of {limit} spent or reserved today") })
        }
    })
}

async fn call(
    run: &Run,
    model: &Model,
    mut request: ChatRequest,
    input: Vec<MessageRecord>,
    allowance: Allowance,
) -> ModelCalled {
    request.max_output_tokens = allowance.output_tokens;
    let end = Instant::now() + allowance.time;
    let mut failures = Vec::new();
    let mut wait = FIRST_WAIT;
    loop {
        let started = Instant::now();
        let deadline = end.min(started + model.timeout);
        let chat = timeout_at(deadline, model.provider.chat(&request, deadline));
        let result = tokio::select! {
            result = chat => result.unwrap_or_else(|_| {
                let kind = ProviderErrorKind::TimedOut(deadline - started);
                Err(ProviderError { provider: model.provider.name().to_owned(), kind, retry: Retry::Backoff })
            }),
            // Nothing depends on the reply any more.
            () = run.until_cancelled() => return nothing(model, input, cancelled(), failures),
        };
        let error = match result {
            Ok(reply) => {
                run.runtime.health.succeeded(&model.name);
                return replied(model, input, reply, failures);
            }
            Err(error) => error,
        };
        run.runtime.health.failed(&model.name, run.now());
        info!(run.id = %run.record.id, model = %model.name, %error, "run {}: a model call failed: {error}", run.record.id);
        let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        failures.push(FailedTry { model: model.name.clone(), error: error.to_string(), took_us });
        let pause = match error.retry {
            Retry::No => None,
            Retry::Backoff => Some(wait + Duration::from_millis(run.runtime.clock.random(as_millis(wait)))),
            Retry::After(at_least) => Some(at_least + Duration::from_millis(run.runtime.clock.random(100))),
        };
        let tries_left = failures.len() <= usize::try_from(model.retries).unwrap_or(usize::MAX);
        let again = pause.map(|pause| Instant::now() + pause).filter(|at| tries_left && *at < end);
        let Some(again) = again else {
            return nothing(model, input, ModelResult::Unavailable { reason: error.to_string() }, failures);
        };
        tokio::select! {
            () = sleep_until(again) => {}
            () = run.until_cancelled() => return nothing(model, input, cancelled(), failures),
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn cancelled() -> ModelResult {
    ModelResult::Unavailable { reason: "the run was cancelled".to_owned() }
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn over_budget(over: OverLimit) -> ModelResult {
    ModelResult::OverBudget { limit: over.limit.to_owned(), detail: over.detail }
}

fn replied(model: &Model, input: Vec<MessageRecord>, reply: ChatReply, failures: Vec<FailedTry>) -> ModelCalled {
    let usage = UsageRecord::from(reply.usage);
    let cost = model.price.of(&reply.usage);
    let result = ModelResult::Reply {
        text: reply.text,
        calls: reply.calls.iter().map(call_record).collect(),
        finish: finish_word(&reply.finish).to_owned(),
        model: reply.model,
        response_id: reply.response_id,
    };
    ModelCalled { usage, cost, ..nothing(model, input, result, failures) }
}

fn nothing(model: &Model, input: Vec<MessageRecord>, result: ModelResult, failures: Vec<FailedTry>) -> ModelCalled {
    ModelCalled {
        model: model.name.clone(),
        provider: model.provider.name().to_owned(),
        input,
        result,
        failures,
        usage: UsageRecord::default(),
        cost: MicroUsd::ZERO,
    }
}

/// Arguments that are nested too deeply become a text, which no schema of a tool takes.
fn call_record(call: &ToolCall) -> CallRecord {
    let record = CallRecord::from(call);
    if is_too_deep(&record.arguments) {
        return CallRecord { arguments: Value::String("nested too deeply".to_owned()), ..record };
    }
    record
}

fn finish_word(finish: &Finish) -> &str {
    match finish {
        Finish::Stop => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::Length => "length",
        Finish::ContentFilter => "content_filter",
        Finish::Other(word) => word,
    }
}

impl From<&ToolCall> for CallRecord {
    fn from(call: &ToolCall) -> Self {
        Self { id: call.id.clone(), name: call.name.clone(), arguments: call.arguments.clone() }
    }
}

impl From<&CallRecord> for ToolCall {
    fn from(record: &CallRecord) -> Self {
        Self { id: record.id.clone(), name: record.name.clone(), arguments: record.arguments.clone() }
    }
}

impl From<&Message> for MessageRecord {
    fn from(message: &Message) -> Self {
        match message {
            Message::User(text) => Self::User { text: text.clone() },
            Message::Assistant { text, calls } => {
                Self::Assistant { text: text.clone(), calls: calls.iter().map(CallRecord::from).collect() }
            }
            Message::Tool { call_id, name, content } => {
                Self::Tool { call_id: call_id.clone(), name: name.clone(), content: content.clone() }
            }
        }
    }
}
