//! Everything that is printed. Data to stdout, the rest to stderr; colour never carries the meaning alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the file that prints")]

use std::collections::BTreeMap;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use mainstay::access::{AuditEvent, KeyRecord};
use mainstay::{ApprovalRecord, EffectRow, Reply, RunRecord, Span, Status, Verified};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing_subscriber::EnvFilter;

use crate::arguments::LogFormat;

/// Sends the log to stderr.
pub(crate) fn start_log(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
        note(&format!("`--log {filter}` is no filter ({error}); using `warn`"));
        EnvFilter::new("warn")
    });
    let colours = std::io::stderr().is_terminal() && format == LogFormat::Text;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// One line of data.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// One line for the person at the terminal.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// What failed, with its causes and where its page is.
pub(crate) fn print_failure(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    if let Some(hint) = hint(error) {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    eprintln!("{text}");
}

fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<mainstay::OpenError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<mainstay_server::ServeError>() {
        return error.hint();
    }
    match error.downcast_ref::<mainstay::AcceptError>() {
        Some(mainstay::AcceptError::UnknownAgent(_)) => {
            Some("`mainstay check` lists the agents; see docs/errors/agent_unknown.md")
        }
        Some(mainstay::AcceptError::Store(_)) => Some("see docs/errors/store_unavailable.md"),
        Some(mainstay::AcceptError::Exists(_)) | None => None,
    }
}

/// A request that we will not carry out.
pub(crate) fn print_refused(code: &str, message: &str) {
    eprintln!("refused: {message} (docs/errors/{code}.md)");
}

/// A bar on stderr; silent when that is no terminal.
pub(crate) fn progress(total: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}  {elapsed}").ok();
    if let Some(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// A reply for a person.
pub(crate) fn print_reply(reply: &Reply) {
    match (&reply.answer, reply.status) {
        (Some(answer), _) => println!("{answer}\n"),
        (None, Status::Parked(approval)) => println!(
            "Waiting for a person. Decide with:\n  mainstay approvals show {approval}\n  mainstay approvals approve {approval} --by YOUR-NAME\n"
        ),
        (None, _) => println!("No answer: {}\n", reply.reason),
    }
    println!("state       {}", with_code(reply));
    if !reply.escalated_to.is_empty() {
        println!("handed to   {}", reply.escalated_to);
    }
    if let Some(confidence) = reply.confidence {
        println!("confidence  {confidence:.2}");
    }
    for source in &reply.sources {
        println!("source      {source}");
    }
    for done in &reply.done_so_far {
        println!("did         {done}");
    }
    println!("cost        {} ({} tokens in, {} out)", reply.cost, reply.usage.input_tokens, reply.usage.output_tokens);
    println!("run         {}", reply.run);
}

/// A reply on one line.
pub(crate) fn print_reply_line(reply: &Reply) {
    let text = reply.answer.as_deref().unwrap_or(&reply.reason);
    println!("{}  {:<9}  {}", reply.run, reply.status.as_str(), short(text, 90));
}

fn with_code(reply: &Reply) -> String {
    let origin = if reply.origin.is_empty() { String::new() } else { format!(" (from the {})", reply.origin) };
    let code = if reply.code.is_empty() { String::new() } else { format!(" (docs/errors/{}.md)", reply.code) };
    format!("{}{origin}{code}", reply.status.as_str())
}

/// Final states by label.
pub(crate) fn print_summary(summary: &BTreeMap<String, BTreeMap<&'static str, usize>>) {
    const STATES: [&str; 7] = ["answered", "parked", "escalated", "refused", "cancelled", "failed", "open"];
    let width = summary.keys().map(|label| label.chars().count()).max().unwrap_or(0).max(5);
    let header: String = STATES.iter().map(|state| format!("{state:>11}")).collect();
    eprintln!("{:<width$}{header}{:>8}", "label", "all");
    for (label, states) in summary {
        let counts: String =
            STATES.iter().map(|state| format!("{:>11}", states.get(state).copied().unwrap_or(0))).collect();
        eprintln!("{label:<width$}{counts}{:>8}", states.values().sum::<usize>());
    }
    let total = |state: &str| summary.values().filter_map(|states| states.get(state)).sum::<usize>();
    let totals: String = STATES.iter().map(|state| format!("{:>11}", total(state))).collect();
    eprintln!("{:<width$}{totals}{:>8}", "all", STATES.iter().map(|state| total(state)).sum::<usize>());
}

/// Runs as a table.
pub(crate) fn print_runs(runs: &[RunRecord]) {
    for run in runs {
        let input = short(&run.input, 60);
        println!("{}  {}  {:<9}  {:<12}  {}", run.id, when(run.created_at.0), run.state.as_str(), run.agent, input);
    }
    note(&format!("{} runs", runs.len()));
}

/// The head of a run.
pub(crate) fn print_run(run: &RunRecord) {
    println!("run       {}", run.id);
    println!("agent     {} (version {})", run.agent, short(&run.version, 12));
    println!("principal {} of {}", run.principal.id, run.principal.tenant);
    println!("arrived   {}", when(run.created_at.0));
    println!("state     {}", run.state.as_str());
    println!("cost      {}", run.cost);
}

/// The tree of steps with times.
pub(crate) fn print_trace(spans: &[Span]) {
    println!();
    for (at, span) in spans.iter().enumerate() {
        let depth =
            std::iter::successors(span.parent, |parent| spans.get(*parent).and_then(|span| span.parent)).count();
        let is_last = !spans.iter().skip(at + 1).any(|later| later.parent == span.parent);
        let branch = match depth {
            0 => String::new(),
            _ => format!("{}{}", "│  ".repeat(depth - 1), if is_last { "└─ " } else { "├─ " }),
        };
        let purpose = span.attributes.get("mainstay.tool.purpose").and_then(Value::as_str);
        let fact = if purpose == Some("fact") { " (for the policy)" } else { "" };
        let verdict = span.attributes.get("mainstay.guard.verdict").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{branch}{}{fact} {verdict}", span.name);
        let name = name.trim_end();
        println!("{name:<52} {:>10}  {}", took(span.took_us.into()), detail(span));
    }
}

/// The one fact of a span that a reader wants first.
fn detail(span: &Span) -> String {
    if let Some(error) = &span.error {
        return format!("✗ {}", short(error, 100));
    }
    let text = |name: &str| {
        span.attributes.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let tokens = |name: &str| span.attributes.get(name).and_then(Value::as_u64);
    if let (Some(input), Some(output)) = (tokens("gen_ai.usage.input_tokens"), tokens("gen_ai.usage.output_tokens")) {
        return format!("{input} tokens in, {output} out");
    }
    let first = ["gen_ai.tool.call.arguments", "mainstay.decision.reason", "mainstay.route.models", "mainstay.input"];
    first.into_iter().find_map(text).map(|text| short(&text, 100)).unwrap_or_default()
}

/// A duration in the unit that suits it.
pub(crate) fn took(micros: u128) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// What waits, with the command that decides it.
pub(crate) fn print_approvals(approvals: &[ApprovalRecord]) {
    for approval in approvals {
        let asked = &approval.asked;
        let arguments = Value::Object(asked.arguments.clone());
        println!("{}  {}  {} {arguments}", asked.id, decision(approval), asked.tool);
        println!("    for {}, because {}, until {}", asked.principal.id, asked.reason, when(asked.expires_at.0));
        if approval.decision.is_none() {
            println!("    mainstay approvals approve {} --by YOUR-NAME", asked.id);
        }
    }
    note(&format!("{} approvals", approvals.len()));
}

/// One approval that waits in the installation at `root`, with the commands that decide it.
pub(crate) fn print_waiting(approval: &ApprovalRecord, root: &std::path::Path) {
    let asked = &approval.asked;
    let arguments = Value::Object(asked.arguments.clone());
    println!("  {} {arguments} because {}", asked.tool, asked.reason);
    println!("    mainstay -C {} approvals approve {} --by YOUR-NAME", root.display(), asked.id);
}

/// One approval, whole.
pub(crate) fn print_approval(approval: &ApprovalRecord) {
    let asked = &approval.asked;
    println!("approval   {}", asked.id);
    println!("state      {}", decision(approval));
    println!("agent      {}", asked.agent);
    println!("requested  by {} of {}, {}", asked.principal.id, asked.principal.tenant, when(asked.created_at.0));
    println!("expires    {}", when(asked.expires_at.0));
    println!("why        {}", asked.reason);
    println!("action     {}", asked.tool);
    for (name, value) in &asked.arguments {
        println!("  {name:<12} {value}");
    }
    println!("hash       {}", asked.arguments_hash);
    println!("run        {}", asked.run);
}

fn decision(approval: &ApprovalRecord) -> String {
    match approval.decision {
        None => "waiting".to_owned(),
        Some(decision) if approval.decided_by.is_empty() => decision.as_str().to_owned(),
        Some(decision) => format!("{} by {}", decision.as_str(), approval.decided_by),
    }
}

/// Keys as a table.
pub(crate) fn print_keys(keys: &[KeyRecord]) {
    for key in keys {
        let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
        let state = key.revoked_at.map_or_else(|| "good".to_owned(), |at| format!("revoked {}", when(at.0)));
        println!("{}  {:<16}  {}  {state}", key.id, key.name, roles.join(", "));
        let tenant = key.tenant.as_ref().map(|tenant| format!("tenant {tenant}"));
        let agents = (!key.agents.is_empty()).then(|| format!("agents {}", key.agents.join(", ")));
        let rate = key.requests_per_minute.map(|rate| format!("{rate} requests a minute"));
        let dollars = key.usd_per_day.map(|dollars| format!("{dollars} a day"));
        let limits: Vec<String> = [tenant, agents, rate, dollars].into_iter().flatten().collect();
        if !limits.is_empty() {
            println!("    only {}", limits.join("; "));
        }
    }
    note(&format!("{} keys", keys.len()));
}

/// The audit trail as a table.
pub(crate) fn print_audit(events: &[AuditEvent]) {
    for event in events {
        let allowed = if event.allowed { "did" } else { "was refused" };
        let AuditEvent { actor, action, subject, detail, .. } = event;
        println!("{}  {actor} {allowed} {action} {subject}  {detail}", when(event.at.0));
    }
    note(&format!("{} events", events.len()));
}

/// Effects as a table.
pub(crate) fn print_effects(effects: &[EffectRow]) {
    for effect in effects {
        let arguments = Value::Object(effect.arguments.clone());
        println!("{}  {:<10}  {} {arguments}", when(effect.at.0), effect.state.as_str(), effect.tool);
        println!("    run {} position {}, allowed by {}", effect.run, effect.position, effect.authority);
        if !effect.evidence.is_empty() {
            println!("    {}", short(&effect.evidence, 160));
        }
    }
    note(&format!("{} effects", effects.len()));
}

/// What the chains say.
pub(crate) fn print_verified(verified: &Verified) {
    for (run, bad) in &verified.broken {
        println!("{run}  broken: {bad} (docs/errors/chain_broken.md)");
    }
    println!("{} runs, {} entries, {} broken", verified.runs, verified.entries, verified.broken.len());
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn until_interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}

/// The first `most` characters on one line.
pub(crate) fn short(text: &str, most: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= most { flat } else { flat.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

fn when(millis: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}
