//! `mainstay run`: asks an agent one question, or every line of a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, stream};
use mainstay::{FinalState, Mainstay, Principal, Reply, Status};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::arguments::RunOptions;
use crate::output;

/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
const DRAINING: &str = "draining; what does not end in time is resumed by `mainstay worker`";

pub(crate) async fn run(root: &Path, options: RunOptions) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    let code = match (&options.file, &options.question) {
        (Some(file), _) => ask_file(&mainstay, &options, file).await?,
        (None, question) => ask_one(&mainstay, &options, question.as_deref().unwrap_or_default()).await?,
    };
    mainstay.close(Duration::from_secs(30)).await;
    Ok(code)
}

async fn ask_one(mainstay: &Mainstay, options: &RunOptions, question: &str) -> anyhow::Result<ExitCode> {
    let principal = principal(options, &options.principal);
    let reply = tokio::select! {
        reply = mainstay.ask(&options.agent, &principal, question) => reply?,
        () = output::until_interrupted() => {
            output::note(DRAINING);
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    if options.json {
        output::line(&reply_json(&reply).to_string());
    } else {
        output::print_reply(&reply);
    }
    if options.trace {
        output::print_trace(&mainstay.trace(reply.run).await?);
    }
    Ok(match reply.status {
        Status::Ended(FinalState::Answered) => ExitCode::SUCCESS,
        Status::Ended(FinalState::Failed) | Status::Open => ExitCode::from(2),
        Status::Ended(_) | Status::Parked(_) => ExitCode::from(1),
    })
}

/// One line of a file.
struct Case {
    number: usize,
    id: Option<String>,
    input: String,
    principal: String,
    label: String,
}

async fn ask_file(mainstay: &Mainstay, options: &RunOptions, file: &Path) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read `{}` as UTF-8 text", file.display()))?;
    let cases = read_cases(&text, &options.principal)?;
    let bar = output::progress(cases.len(), "requests");
    let asked = stream::iter(cases).map(|case| async move {
        let started = Instant::now();
        let reply = mainstay.ask(&options.agent, &principal(options, &case.principal), &case.input).await;
        (case, reply, started.elapsed())
    });
    let mut replies = asked.buffered(options.at_once.into());
    let mut summary: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    let mut failed = 0;
    let mut interrupted = std::pin::pin!(output::until_interrupted());
    let mut was_interrupted = false;
    loop {
        let next = tokio::select! {
            next = replies.next() => next,
            () = &mut interrupted => {
                was_interrupted = true;
                None
            }
        };
        let Some((case, reply, took)) = next else { break };
        let reply = reply?;
        let state = reply.status.as_str();
        failed += usize::from(matches!(reply.status, Status::Ended(FinalState::Failed) | Status::Open));
        *summary.entry(case.label.clone()).or_default().entry(state).or_default() += 1;
        if options.jsonl {
            bar.suspend(|| output::line(&case_json(&case, &reply, took).to_string()));
        } else {
            bar.suspend(|| output::print_reply_line(&reply));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    output::print_summary(&summary);
    if was_interrupted {
        output::note(DRAINING);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn read_cases(text: &str, principal: &str) -> anyhow::Result<Vec<Case>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| read_case(at + 1, line, principal)).collect()
}

fn read_case(number: usize, line: &str, principal: &str) -> anyhow::Result<Case> {
    let plain =
        |input: String| Case { number, id: None, input, principal: principal.to_owned(), label: "all".to_owned() };
    if !line.starts_with('{') {
        return Ok(plain(line.to_owned()));
    }
    let fields: Value = serde_json::from_str(line).with_context(|| format!("line {number} is not JSON"))?;
    let word = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let input = word("input").or_else(|| word("text")).with_context(|| format!("line {number} has no `input`"))?;
    let case = plain(input);
    Ok(Case {
        id: word("id"),
        principal: word("principal").unwrap_or(case.principal),
        label: word("label").unwrap_or(case.label),
        ..case
    })
}

fn principal(options: &RunOptions, id: &str) -> Principal {
    Principal { id: id.to_owned(), tenant: options.tenant.clone() }
}

fn case_json(case: &Case, reply: &Reply, took: Duration) -> Value {
    let mut line = reply_json(reply);
    if let Value::Object(fields) = &mut line {
        fields.insert("line".to_owned(), json!(case.number));
        fields.insert("id".to_owned(), json!(case.id));
        fields.insert("label".to_owned(), json!(case.label));
        fields.insert("ms".to_owned(), json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    }
    line
}

fn reply_json(reply: &Reply) -> Value {
    json!({
        "run": reply.run.to_string(),
        "state": reply.status.as_str(),
        "approval": match reply.status { Status::Parked(approval) => Some(approval.to_string()), _ => None },
        "answer": reply.answer,
        "confidence": reply.confidence,
        "sources": reply.sources,
        "origin": reply.origin,
        "code": reply.code,
        "reason": reply.reason,
        "escalated_to": reply.escalated_to,
        "done_so_far": reply.done_so_far,
        "input_tokens": reply.usage.input_tokens,
        "output_tokens": reply.usage.output_tokens,
        "cost_micro_usd": reply.cost.0,
    })
}
