//! Makes a call that may run. A change is journaled as an intent *before* it is sent; found open after a crash, a write is
//! never sent again: its outcome is read back by the tool's probe, or a person is asked.

use serde_json::{Map, Value, json};
use tokio::time::{Duration, Instant, sleep, timeout_at};

use crate::canonical::is_too_deep;
use crate::error::Halt;
use crate::execute::not_done;
use crate::execute::policy::{Approved, Prepared, bound};
use crate::guard::{Channel, Citation};
use crate::inspect::{self, Inspected};
use crate::journal::entry::{AnswerRecord, CitationRecord, EffectIntended, ToolCalled};
use crate::run::{Known, Run};
use crate::store::{Change, EffectRow, EffectState};
use crate::tool::{AgentTool, Effect, Invocation, Probe, ToolOutcome};
use crate::trace::context;

/// What became of a call.
#[derive(Debug)]
pub enum Dispatched {
    /// The model reads this.
    Said(String),
    /// Nobody knows whether it happened; the run must not go on.
    InDoubt(String),
    /// It was not made: a person took over and gave this answer.
    TakenOver(AnswerRecord),
    /// It was not made: somebody cancelled the run.
    Cancelled(String),
}

/// Between two readings of a probe.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// Makes the call.
pub async fn dispatch(run: &Run, approved: Approved<Prepared>) -> Result<Dispatched, Halt> {
    let (prepared, authority) = approved.open();
    let Some(tool) = run.agent.tools.get(&prepared.tool) else {
        return Ok(not_done("denied", "the tool is gone"));
    };
    let called = if tool.effect.changes_things() {
        change(run, tool, &prepared, authority).await?
    } else {
        run.step(async { Ok(read(run, tool, &prepared, "call").await) }).await?
    };
    Ok(match called.outcome.as_str() {
        "done" => Dispatched::Said(called.content.to_string()),
        "unknown" => Dispatched::InDoubt(format!("`{}`: {}", called.tool, words(&called.content))),
        other => not_done(other, &words(&called.content)),
    })
}

/// Reads a fact for the policy; null when it cannot be read.
pub(crate) async fn read_fact(
    run: &Run,
    name: &str,
    tool: &AgentTool,
    arguments: &Map<String, Value>,
) -> Result<Value, Halt> {
    let arguments = same_named(tool, arguments, run, "");
    let shown = arguments.clone();
    let prepared = Prepared { tool: name.to_owned(), call_id: String::new(), shown, arguments, hash: String::new() };
    let called = run.step(async { Ok(read(run, tool, &prepared, "fact").await) }).await?;
    Ok(if called.outcome == "done" { run.vault().restore_value(&called.content) } else { Value::Null })
}

async fn read(run: &Run, tool: &AgentTool, prepared: &Prepared, purpose: &str) -> ToolCalled {
    let key = format!("{}/{}", run.record.id, run.position());
    let outcome = invoke(run, tool, &prepared.arguments, &key).await;
    result(run, tool, prepared, purpose, outcome, String::new()).await
}

async fn change(run: &Run, tool: &AgentTool, prepared: &Prepared, authority: String) -> Result<ToolCalled, Halt> {
    let position = run.position();
    let key = format!("{}/{position}", run.record.id);
    let intent = async {
        Ok(EffectIntended {
            tool: prepared.tool.clone(),
            call_id: prepared.call_id.clone(),
            effect: tool.effect.as_str().to_owned(),
            arguments: prepared.arguments.clone(),
            arguments_hash: prepared.hash.clone(),
            idempotency_key: key.clone(),
            authority,
            sent_at: run.now(),
        })
    };
    let row = |intent: &EffectIntended, state, evidence: String| {
        vec![Change::Effect(EffectRow {
            run: run.record.id,
            position,
            agent: run.agent.name.clone(),
            tool: intent.tool.clone(),
            arguments: intent.arguments.clone(),
            arguments_hash: intent.arguments_hash.clone(),
            idempotency_key: intent.idempotency_key.clone(),
            authority: intent.authority.clone(),
            state,
            evidence,
            at: run.now(),
        })]
    };
    // From here on this worker, and no other, owns the call.
    let (intent, known) =
        run.durable_step(intent, |_, intent| row(intent, EffectState::Dispatched, String::new())).await?;
    let work = async {
        let outcome = if known == Known::Recorded && tool.effect == Effect::Write {
            ToolOutcome::Unknown("the process stopped while the call was on its way".to_owned())
        } else {
            invoke(run, tool, &intent.arguments, &intent.idempotency_key).await
        };
        let (outcome, settled) = match (outcome, &tool.probe) {
            (ToolOutcome::Unknown(why), Some(probe)) => settle(run, tool, probe, &intent, why).await,
            (outcome, _) => (outcome, String::new()),
        };
        Ok(result(run, tool, prepared, "call", outcome, settled).await)
    };
    let outcome = |_: u32, called: &ToolCalled| row(&intent, state(called), evidence(called));
    Ok(run.durable_step(work, outcome).await?.0)
}

/// Reads back whether an effect happened. A "no" counts only when twice the tool's time has passed since it was sent:
/// before that the call may still be on its way.
async fn settle(
    run: &Run,
    tool: &AgentTool,
    probe: &Probe,
    intent: &EffectIntended,
    why: String,
) -> (ToolOutcome, String) {
    let Some(reader) = run.agent.tools.get(&probe.tool) else {
        return (ToolOutcome::Unknown(why), String::new());
    };
    let arguments = same_named(reader, &intent.arguments, run, &intent.idempotency_key);
    let believable = intent.sent_at.plus(tool.timeout * 2);
    for _ in 0..=(tool.timeout * 2).as_millis() / PROBE_PAUSE.as_millis() + 1 {
        let asked_at = run.now();
        let key = format!("{}/probe", intent.idempotency_key);
        let ToolOutcome::Done { content, .. } = invoke(run, reader, &arguments, &key).await else {
            return (ToolOutcome::Unknown(format!("{why}; `{}` cannot be read", probe.tool)), String::new());
        };
        let args = Value::Object(intent.arguments.clone());
        match probe.happened.holds(&[("args", &args), ("result", &content)]) {
            Ok(true) => {
                let settled = format!("{why}; `{}` says that it happened", probe.tool);
                return (
                    ToolOutcome::Done { content: json!({"status": "done", "now": content}), citations: Vec::new() },
                    settled,
                );
            }
            Ok(false) if asked_at >= believable => {
                let settled = format!("{why}; `{}` says that it did not happen", probe.tool);
                return (ToolOutcome::Failed("it did not happen".to_owned()), settled);
            }
            Ok(false) => sleep(PROBE_PAUSE).await,
            Err(error) => {
                return (ToolOutcome::Unknown(format!("{why}; the probe cannot be judged: {error}")), String::new());
            }
        }
    }
    (ToolOutcome::Unknown(format!("{why}; `{}` does not show it yet", probe.tool)), String::new())
}

/// Calls the tool, and does not believe that it keeps its own deadline.
async fn invoke(run: &Run, tool: &AgentTool, arguments: &Map<String, Value>, idempotency_key: &str) -> ToolOutcome {
    let trace = context::outgoing(&run.record, run.position()).to_string();
    let invocation = Invocation { arguments, principal: &run.record.principal, idempotency_key, trace_parent: &trace };
    // A change that is started gets its whole time, whatever is left for the run.
    let deadline =
        if tool.effect.changes_things() { Instant::now() + tool.timeout } else { run.deadline(tool.timeout) };
    let late = || ToolOutcome::Unknown(format!("no answer within {:?}", tool.timeout));
    let grace = Duration::from_millis(250);
    let outcome = timeout_at(deadline + grace, tool.tool.call(&invocation, deadline)).await.unwrap_or_else(|_| late());
    match outcome {
        ToolOutcome::Unknown(why) if !tool.effect.changes_things() => ToolOutcome::Failed(why),
        outcome => outcome,
    }
}

/// What the journal keeps of an outcome: the result after the guards.
async fn result(
    run: &Run,
    tool: &AgentTool,
    prepared: &Prepared,
    purpose: &str,
    outcome: ToolOutcome,
    settled: String,
) -> ToolCalled {
    let (mut word, content, citations) = match outcome {
        ToolOutcome::Done { content, .. } if is_too_deep(&content) => {
            ("done", Value::String("the result is nested too deeply to be read".to_owned()), Vec::new())
        }
        ToolOutcome::Done { content, citations } => ("done", content, citations),
        ToolOutcome::Failed(why) => ("failed", Value::String(why), Vec::new()),
        ToolOutcome::Unknown(why) => ("unknown", Value::String(why), Vec::new()),
    };
    let channel = if citations.is_empty() { Channel::ToolResult } else { Channel::Document };
    let Inspected { mut content, kept, verdicts, stop } = inspect::value(run, &content, channel).await;
    if let Some(stop) = stop {
        content = Value::String(stop.reason);
        // What a change returned may be unreadable, but that it happened stays true.
        if tool.effect.changes_things() && word == "done" {
            content = json!({"status": "done", "result": "withheld by a guard"});
        } else if word == "done" {
            word = "blocked";
        }
    }
    let citations = if word == "done" { citations } else { Vec::new() };
    ToolCalled {
        tool: prepared.tool.clone(),
        call_id: prepared.call_id.clone(),
        purpose: purpose.to_owned(),
        effect: tool.effect.as_str().to_owned(),
        arguments: prepared.shown.clone(),
        outcome: word.to_owned(),
        content,
        settled,
        kept,
        citations: citations.into_iter().map(CitationRecord::from).collect(),
        verdicts,
    }
}

/// The arguments of one call that another tool knows by the same names, and what the runtime binds for it.
fn same_named(tool: &AgentTool, arguments: &Map<String, Value>, run: &Run, key: &str) -> Map<String, Value> {
    let known = tool.spec.parameters.get("properties").and_then(Value::as_object);
    let shared = arguments.iter().filter(|(name, _)| known.is_some_and(|known| known.contains_key(*name)));
    let mut arguments: Map<String, Value> = shared.map(|(name, value)| (name.clone(), value.clone())).collect();
    arguments.extend(bound(tool, &run.record.principal, key));
    arguments
}

fn state(called: &ToolCalled) -> EffectState {
    match called.outcome.as_str() {
        "done" => EffectState::Confirmed,
        "failed" => EffectState::Failed,
        _ => EffectState::Unknown,
    }
}

fn evidence(called: &ToolCalled) -> String {
    let text = if called.settled.is_empty() { words(&called.content) } else { called.settled.clone() };
    text.chars().take(2000).collect()
}

fn words(content: &Value) -> String {
    content.as_str().map_or_else(|| content.to_string(), str::to_owned)
}

impl From<Citation> for CitationRecord {
    fn from(citation: Citation) -> Self {
        let Citation { id, document, start, end, text } = citation;
        Self { id, document, start, end, text }
    }
}

impl From<CitationRecord> for Citation {
    fn from(record: CitationRecord) -> Self {
        let CitationRecord { id, document, start, end, text } = record;
        Self { id, document, start, end, text }
    }
}
