//! Execution: drives the agent loop ([`turn`]), with every model and tool call a journaled step.

pub mod dispatch;
pub mod policy;
pub mod turn;

use serde_json::json;

use crate::agent::Served;
use crate::answer;
use crate::approval::{self, Answered};
use crate::ask::ask;
use crate::code;
use crate::error::Halt;
use crate::input::{Input, Rejection};
use crate::journal::entry::{AnswerRecord, ModelResult};
use crate::message::ToolCall;
use crate::provider::{ChatRequest, OutputSchema};
use crate::run::{Reason, Run};
use crate::tool::{AgentTool, Binding};

use dispatch::{Dispatched, dispatch};
use policy::Judged;
use turn::{Next, Said, Turn};

/// How execution ended.
#[derive(Debug)]
pub enum Executed {
    /// The model drafted an answer; this is its text.
    Draft(String),
    /// There will be no draft from this model.
    GaveUp(Rejection),
    /// A person took over and gave this answer.
    TakenOver(AnswerRecord),
    /// Somebody cancelled the run.
    Cancelled(String),
}

/// Lets one model work on the request.
pub async fn execute(run: &Run, input: &Input, served: Served<'_>) -> Result<Executed, Halt> {
    let Some(model) = served.model else {
        return Ok(gave_up(Reason::new(code::MODEL_UNAVAILABLE, "the agent has no model that can serve it"), false));
    };
    run.set_route(served.tier, &model.name);
    let mut turn = Turn::new(input, run.agent.output.schema.clone());
    loop {
        // Between calls is the safe place to stop: nothing is on its way.
        if let Some(by) = run.cancelled() {
            return Ok(Executed::Cancelled(by));
        }
        match turn.next() {
            Next::CallModel { news } => {
                let news = news.to_vec();
                let called = ask(run, model, request(run, &model.model, &turn), &news).await?;
                match called.result {
                    ModelResult::Reply { text, calls, finish, .. } => {
                        let calls = calls.iter().map(ToolCall::from).collect();
                        turn.model_said(Said { text, calls, was_cut: finish == "length" });
                    }
                    ModelResult::OverBudget { limit, detail } => return Ok(over_budget(&limit, &detail)),
                    ModelResult::Unavailable { reason } => {
                        // It may only be unavailable because nobody waits for it any more.
                        return Ok(match run.cancelled() {
                            Some(by) => Executed::Cancelled(by),
                            None => gave_up(Reason::new(code::MODEL_UNAVAILABLE, reason), true),
                        });
                    }
                }
            }
            Next::CallTools(calls) => {
                let calls = calls.to_vec();
                if let Err(over) = run.meter().allow_tools(&run.agent.limits, calls.len()) {
                    return Ok(over_budget(over.limit, &over.detail));
                }
                let mut results = Vec::with_capacity(calls.len());
                for call in &calls {
                    if let Some(by) = run.cancelled() {
                        return Ok(Executed::Cancelled(by));
                    }
                    match call_tool(run, call).await? {
                        Dispatched::Said(content) => results.push(content),
                        Dispatched::InDoubt(detail) => {
                            return Ok(gave_up(Reason::new(code::EFFECT_UNKNOWN, detail), false));
                        }
                        Dispatched::TakenOver(answer) => return Ok(Executed::TakenOver(answer)),
                        Dispatched::Cancelled(by) => return Ok(Executed::Cancelled(by)),
                    }
                }
                turn.tools_said(results);
            }
            Next::Done(draft) => return Ok(Executed::Draft(draft.to_owned())),
            Next::GaveUp(detail) => return Ok(gave_up(Reason::new(code::GAVE_UP_REPEATING, detail), true)),
        }
    }
}

/// Judges a call, asks a person where that is needed, and makes it. The result is what the model reads.
async fn call_tool(run: &Run, call: &ToolCall) -> Result<Dispatched, Halt> {
    let (prepared, why) = match policy::judge(run, call).await? {
        Judged::Allow(approved) => return dispatch(run, approved).await,
        Judged::Deny(reason) => return Ok(not_done("denied", &reason)),
        Judged::Ask(prepared, why) => (prepared, why),
    };
    let answered = approval::ask(run, &prepared, &why).await?;
    // Whoever cancels a run means what was approved as well.
    if let Some(by) = run.cancelled() {
        return Ok(Dispatched::Cancelled(by));
    }
    match answered {
        // Time has passed: the facts are read and judged again.
        Answered::Granted(granted, edited) => match policy::judge_granted(run, prepared, granted, edited).await? {
            Judged::Allow(approved) => dispatch(run, approved).await,
            Judged::Deny(reason) | Judged::Ask(_, reason) => Ok(not_done("denied", &reason)),
        },
        Answered::Rejected(reason) => Ok(not_done("rejected", &reason)),
        Answered::Expired => Ok(not_done("expired", "nobody approved it in time")),
        Answered::TakenOver { answer, .. } => Ok(Dispatched::TakenOver(answer::of_person(answer))),
    }
}

/// What the model reads about a call that was not made, or not with success.
pub(crate) fn not_done(error: &str, reason: &str) -> Dispatched {
    Dispatched::Said(json!({"error": error, "reason": reason}).to_string())
}

fn request(run: &Run, model: &str, turn: &Turn) -> ChatRequest {
    // A tool that looks a call up by its key is for the runtime.
    let is_offered = |tool: &&AgentTool| tool.bound.iter().all(|bound| bound.from != Binding::CallKey);
    let tools = run.agent.tools.values().filter(is_offered).map(|tool| tool.spec.clone());
    let output = OutputSchema { name: "answer".to_owned(), schema: run.agent.output.schema.source().clone() };
    ChatRequest {
        model: model.to_owned(),
        instructions: run.agent.instructions.clone(),
        messages: turn.messages().to_vec(),
        // Who only has to mend the shape of an answer needs no tools, and some servers enforce a schema only without.
        tools: if turn.is_repairing() { Vec::new() } else { tools.collect() },
        output: Some(output),
        max_output_tokens: run.agent.limits.output_tokens_per_call,
    }
}

fn over_budget(limit: &str, detail: &str) -> Executed {
    gave_up(Reason::new(code::BUDGET_EXHAUSTED, format!("`{limit}`: {detail}")), false)
}

const fn gave_up(reason: Reason, another_model_may_help: bool) -> Executed {
    Executed::GaveUp(Rejection { reason, another_model_may_help })
}
