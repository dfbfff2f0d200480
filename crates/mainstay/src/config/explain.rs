//! What an agent can and can never do, in plain words. Everything here follows from the checked configuration; nothing is
//! said that the runtime does not hold.

use std::collections::BTreeMap;
use std::fmt::Write;

use mainstay_core::guard::Mode;
use mainstay_core::money::MicroUsd;
use mainstay_core::rollout::{Audience, Autonomy};
use mainstay_core::tool::Effect;

use super::agent::{AgentConfig, InjectionAction, PiiConfig, TextAction, ToolConfig, ToolKind};
use super::reader::write_duration;

/// The agent in plain words: who answers for it, what it can do, what it can never do, and what it may spend.
pub fn explain(agent: &AgentConfig) -> String {
    let mut text = Lines::default();
    text.line(&format!("{}: {}", agent.name, agent.purpose));
    let short: String = agent.version.chars().take(12).collect();
    text.line(&format!("  version {short}, risk {}", agent.risk.as_str()));
    text.line(&format!("  {} answers for it, {} gets what it will not do", agent.owner, agent.escalation));
    if let Some(date) = agent.review_by {
        text.line(&format!("  due for review by {date}"));
    }
    text.line(&format!("  phase {}: serves {}", agent.rollout.phase.as_str(), audience(&agent.rollout.audience)));
    text.line(&format!("  models: {}", agent.models.all().join(", ")));

    text.line("It can");
    for (name, tool) in &agent.tools {
        text.item(&ability(name, tool, agent));
    }
    if !agent.playbooks.is_empty() {
        let intents: Vec<&str> = agent.playbooks.iter().map(|playbook| playbook.intent.as_str()).collect();
        text.item(&format!("serve {} without a model", intents.join(", ")));
    }
    if let Some(time) = agent.cache {
        text.item(&format!("give the same answer to the same question again for {}", write_duration(time)));
    }
    text.item(&format!("hand any request to {} instead of answering it", agent.escalation));

    text.line("It can never");
    for line in limits_of_power(agent) {
        text.item(&line);
    }

    text.line("A person gets the run");
    for rule in &agent.rules {
        let note = if rule.mode == Mode::Enforce { "" } else { " (only counted)" };
        text.item(&format!("{}: when {}{note}", rule.reason, rule.when.source()));
    }
    text.item("when a limit is met, a check fails or nobody knows whether something was done");
    let approvals = write_duration(agent.approval_time);
    text.item(&format!("for an approval, which expires after {approvals} and then counts as no"));

    text.line("It may spend");
    for line in spending(agent) {
        text.item(&line);
    }
    text.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn item(&mut self, text: &str) {
        let _ = writeln!(self.0, "  - {text}");
    }
}

fn audience(audience: &Audience) -> String {
    match audience {
        Audience::All => "everybody".to_owned(),
        Audience::Only(names) if names.len() == 1 => "1 named person".to_owned(),
        Audience::Only(names) => format!("{} named people", names.len()),
        Audience::Percent(percent) => format!("{percent} of a hundred people, always the same"),
    }
}

fn ability(name: &str, tool: &ToolConfig, agent: &AgentConfig) -> String {
    let purpose = tool.spec.description.trim_end_matches('.');
    let own = if is_own(tool) { ", on behalf of the person who asks" } else { "" };
    match (&tool.kind, tool.effect) {
        (ToolKind::Knowledge { .. }, _) => {
            format!("search its {} documents with `{name}`: {purpose}", agent.knowledge.len())
        }
        (ToolKind::Draft, _) => format!("write a proposal with `{name}`, which changes nothing: {purpose}"),
        (ToolKind::Function(_), Effect::Draft) => {
            format!("write a proposal with the program's function `{name}`, which changes nothing: {purpose}")
        }
        (kind, Effect::Read | Effect::Draft) => {
            let trust = if tool.trusted { "" } else { "; what it returns is not trusted" };
            format!("read from {} with `{name}`{own}: {purpose}{trust}", far_side(kind))
        }
        (kind, Effect::Idempotent | Effect::Write) => {
            let condition = tool.when.as_ref().map(|when| format!("\n      only where {}", when.source()));
            let doubt = match (&tool.probe, tool.effect) {
                (Some(probe), _) => format!("\n      in doubt, `{}` looks whether it happened", probe.tool),
                (None, Effect::Write) => "\n      in doubt, a person finds out whether it happened".to_owned(),
                (None, _) => String::new(),
            };
            format!(
                "change something in {} with `{name}`{own}: {purpose}\n      {}{}{doubt}",
                far_side(kind),
                consent(tool, agent.rollout.autonomy),
                condition.unwrap_or_default()
            )
        }
    }
}

/// What a tool reads from or changes.
fn far_side(kind: &ToolKind) -> String {
    match kind {
        ToolKind::Sql { source, .. } | ToolKind::Http { source, .. } => format!("`{source}`"),
        ToolKind::Function(_) => "the program".to_owned(),
        ToolKind::Knowledge { .. } | ToolKind::Draft => "the agent's own folder".to_owned(),
    }
}

fn is_own(tool: &ToolConfig) -> bool {
    tool.bound.iter().any(|bound| bound.from == mainstay_core::tool::Binding::PrincipalId)
}

/// Mirrors the policy of the runtime: autonomy can only take approvals away where an expression or a probe allows it.
fn consent(tool: &ToolConfig, autonomy: Autonomy) -> String {
    let approve = tool.approve.as_ref().map(|approve| approve.source());
    match (autonomy, approve) {
        (Autonomy::Propose, _) | (Autonomy::Supervised, None) => "a person approves it first".to_owned(),
        (Autonomy::Autonomous, _) if tool.effect == Effect::Write && tool.probe.is_none() => {
            "a person approves it first, for it cannot be read back".to_owned()
        }
        (Autonomy::Supervised | Autonomy::Autonomous, Some(approve)) => format!("a person approves it where {approve}"),
        (Autonomy::Autonomous, None) => "nobody is asked".to_owned(),
    }
}

fn limits_of_power(agent: &AgentConfig) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(match agent.tools.len() {
        0 => "call any tool".to_owned(),
        1 => "call anything but this one tool".to_owned(),
        count => format!("call anything but these {count} tools"),
    });
    if agent.tools.values().all(|tool| !tool.effect.changes_things()) {
        lines.push("change anything anywhere".to_owned());
    } else {
        let without = agent.tools.values().filter(|tool| tool.effect.changes_things());
        let asks = without.clone().all(|tool| consent(tool, agent.rollout.autonomy) == "a person approves it first");
        if asks {
            lines.push("change anything before a person approved exactly that".to_owned());
        }
        let writes = agent.tools.iter().filter(|(_, tool)| tool.effect == Effect::Write);
        let writes: Vec<String> = writes.map(|(name, _)| format!("`{name}`")).collect();
        if !writes.is_empty() {
            lines.push(format!("send {} twice to find out whether it worked", writes.join(", ")));
        }
    }
    let mut bound: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, tool) in &agent.tools {
        for argument in &tool.bound {
            bound.entry(&argument.name).or_default().push(format!("`{name}`"));
        }
    }
    for (argument, tools) in bound {
        lines.push(format!("choose `{argument}` of {}: the runtime sets it to who asks", tools.join(", ")));
    }
    if agent.output.claims == Mode::Enforce && agent.tools.values().any(|tool| !tool.claims.is_empty()) {
        lines.push("say that something was done before it is confirmed".to_owned());
    }
    if agent.output.grounding == Mode::Enforce {
        lines.push("state a number, date, id or quotation that it has not read".to_owned());
    }
    if agent.output.leaks == Mode::Enforce {
        lines.push("give away its instructions, credentials or other people's data".to_owned());
    }
    lines.extend(input_lines(agent));
    lines
}

fn input_lines(agent: &AgentConfig) -> Vec<String> {
    let mut lines = Vec::new();
    let input = &agent.input;
    if input.pii.mode == Mode::Enforce {
        let masked = kinds(&input.pii, TextAction::Mask);
        if !masked.is_empty() {
            lines.push(format!("show {} to a model: they are masked first", masked.join(", ")));
        }
        let blocked = kinds(&input.pii, TextAction::Block);
        if !blocked.is_empty() {
            lines.push(format!("take in {}: such a text goes no further", blocked.join(", ")));
        }
    }
    if input.secrets.mode == Mode::Enforce {
        match input.secrets.action {
            TextAction::Mask => lines.push("show passwords and keys to a model: they are masked first".to_owned()),
            TextAction::Block => lines.push("take in passwords and keys: such a text goes no further".to_owned()),
            TextAction::Flag => {}
        }
    }
    if input.injection.mode == Mode::Enforce {
        match input.injection.action {
            InjectionAction::Block => lines.push("pass on a text that seems to give it orders".to_owned()),
            InjectionAction::Escalate => {
                lines.push("act on a text that seems to give it orders: a person gets it".to_owned());
            }
            InjectionAction::Flag => {}
        }
    }
    lines.push(format!("read a request of more than {} characters", input.max_chars));
    lines
}

fn kinds(pii: &PiiConfig, action: TextAction) -> Vec<&'static str> {
    let all = [
        ("e-mail addresses", pii.email),
        ("phone numbers", pii.phone),
        ("card numbers", pii.card),
        ("bank accounts", pii.iban),
    ];
    all.into_iter().filter(|(_, of_kind)| *of_kind == Some(action)).map(|(name, _)| name).collect()
}

fn spending(agent: &AgentConfig) -> Vec<String> {
    let limits = &agent.limits;
    let mut lines = vec![format!(
        "per run: {}, {} model calls, {} tool calls, {} output tokens, {} of work",
        dollars(limits.usd_per_run),
        limits.model_calls,
        limits.tool_calls,
        limits.output_tokens,
        write_duration(limits.run_time)
    )];
    lines.push(match limits.usd_per_day {
        Some(usd) => format!("per day: {}", dollars(usd)),
        None => "per day: no limit in dollars".to_owned(),
    });
    if let Some(usd) = limits.usd_per_principal_day {
        lines.push(format!("per person and day: {}", dollars(usd)));
    }
    lines
}

/// `$0.05` and `$20.00`: six decimals are for books.
fn dollars(amount: MicroUsd) -> String {
    let exact = amount.to_string();
    let cents = exact.trim_end_matches('0');
    let (whole, fraction) = cents.split_once('.').unwrap_or((cents, ""));
    format!("{whole}.{fraction:0<2}")
}
