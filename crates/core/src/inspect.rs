//! Runs an agent's guards over one text that came in, in order, and obeys them. Guards that fail, fail closed.

use serde_json::Value;
use tokio::time::{Duration, Instant, timeout};

use crate::agent::InputGuard;
use crate::code;
use crate::guard::{Channel, GuardError, Masked, Mode, Verdict};
use crate::journal::entry::{GuardVerdict, Kept};
use crate::run::Run;

/// A guard that takes longer than this has failed.
pub const GUARD_TIMEOUT: Duration = Duration::from_secs(5);

/// A text after the guards.
#[derive(Clone, Debug, Default)]
pub struct Inspected<T> {
    /// What may go on, with placeholders.
    pub content: T,
    /// What the new placeholders stand for.
    pub kept: Vec<Kept>,
    /// What the guards said.
    pub verdicts: Vec<GuardVerdict>,
    /// Set when it must not go on.
    pub stop: Option<Stop>,
}

/// A guard stopped a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// A person should look, instead of a plain refusal.
    pub escalate: bool,
    /// One of [`crate::code`].
    pub code: &'static str,
    /// Which guard, and why.
    pub reason: String,
}

/// Runs the agent's guards over `text`.
pub async fn text(run: &Run, text: &str, channel: Channel) -> Inspected<String> {
    let before = run.with_vault(|vault| vault.len());
    let mut inspected = Inspected { content: text.to_owned(), ..Inspected::default() };
    for InputGuard { guard, mode } in run.agent.guards.iter().filter(|guard| guard.mode != Mode::Off) {
        let started = Instant::now();
        let result = timeout(GUARD_TIMEOUT, guard.inspect(&inspected.content, channel))
            .await
            .unwrap_or_else(|_| Err(GuardError { guard: guard.name(), reason: "it took too long".to_owned() }));
        let (verdict, stop) = judge(guard.name(), &result);
        inspected.verdicts.push(record(guard.name(), channel.as_str(), *mode, &result, started));
        if *mode != Mode::Enforce {
            continue;
        }
        if let Some(Verdict::Mask(spans)) = verdict {
            inspected.content = run.with_vault(|vault| vault.mask(&inspected.content, spans));
        }
        if stop.is_some() {
            inspected.stop = stop;
            break;
        }
    }
    inspected.kept = run.with_vault(|vault| vault.since(before));
    inspected
}

/// Runs the agent's guards over all strings of a JSON value at once.
pub async fn value(run: &Run, value: &Value, channel: Channel) -> Inspected<Value> {
    let mut strings = Vec::new();
    leaves(value, &mut strings);
    let joined = strings.join(SEPARATOR);
    let Inspected { content, kept, verdicts, mut stop } = text(run, &joined, channel).await;
    // Masking replaces text inside leaves; a mask over a separator would mix up values, so it stops the whole.
    if stop.is_none() && content.split(SEPARATOR).count() != strings.len().max(1) {
        let reason = "a masked span covers more than one value".to_owned();
        stop = Some(Stop { escalate: true, code: code::GUARD_FAILED, reason });
    }
    let mut parts = content.split(SEPARATOR);
    let content = if stop.is_some() { Value::Null } else { with_leaves(value, &mut parts) };
    Inspected { content, kept, verdicts, stop }
}

/// Stands between leaves; no guard takes it for part of a value, and it is removed from the leaves themselves.
const SEPARATOR: &str = "\n\u{1e}\n";

fn leaves(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.replace('\u{1e}', " ")),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, strings)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, strings)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn with_leaves<'t>(value: &Value, parts: &mut impl Iterator<Item = &'t str>) -> Value {
    match value {
        Value::String(_) => Value::String(parts.next().unwrap_or_default().to_owned()),
        Value::Array(items) => items.iter().map(|item| with_leaves(item, parts)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), with_leaves(field, parts))).collect())
        }
        other => other.clone(),
    }
}

/// The verdict, and how it stops the text when it is obeyed.
fn judge<'r>(guard: &str, result: &'r Result<Verdict, GuardError>) -> (Option<&'r Verdict>, Option<Stop>) {
    let stop = |escalate, code, reason: &str| Some(Stop { escalate, code, reason: format!("{guard}: {reason}") });
    match result {
        Ok(verdict @ Verdict::Block(reason)) => (Some(verdict), stop(false, code::INPUT_BLOCKED, reason)),
        Ok(verdict @ Verdict::Escalate(reason)) => (Some(verdict), stop(true, code::INPUT_NEEDS_PERSON, reason)),
        Ok(verdict @ (Verdict::Pass | Verdict::Mask(_) | Verdict::Flag(_))) => (Some(verdict), None),
        Err(error) => (None, stop(true, code::GUARD_FAILED, &error.reason)),
    }
}

/// What the journal keeps of a verdict.
pub fn record(
    guard: &str,
    channel: &str,
    mode: Mode,
    result: &Result<Verdict, GuardError>,
    started: Instant,
) -> GuardVerdict {
    let (verdict, reason) = match result {
        Ok(verdict) => (verdict.as_str(), reason(verdict)),
        Err(error) => ("error", error.reason.clone()),
    };
    GuardVerdict {
        guard: guard.to_owned(),
        channel: channel.to_owned(),
        mode: mode.as_str().to_owned(),
        verdict: verdict.to_owned(),
        reason,
        took_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    }
}

fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => String::new(),
        Verdict::Mask(spans) => kinds(spans),
        Verdict::Flag(reason) | Verdict::Escalate(reason) | Verdict::Block(reason) => reason.clone(),
    }
}

fn kinds(spans: &[Masked]) -> String {
    let mut kinds: Vec<&str> = spans.iter().map(|span| span.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ")
}
