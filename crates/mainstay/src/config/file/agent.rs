//! `agent.toml` as written.

use std::sync::Arc;
use std::time::Duration;

use mainstay_core::guard::Mode;
use mainstay_core::money::MicroUsd;
use mainstay_core::rollout::{Autonomy, Phase};
use time::Date;

use super::super::agent::{InjectionAction, InjectionConfig, InputConfig, PiiConfig, Risk, SecretsConfig, TextAction};
use super::super::problem::Log;
use super::super::reader::{Document, Holds, Table};
use super::super::source::{Place, Written};
use super::tool::{self, Tool};

/// Words for [`Mode`].
pub(crate) const MODES: &[(&str, Mode)] = &[("off", Mode::Off), ("observe", Mode::Observe), ("enforce", Mode::Enforce)];

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct AgentFile {
    /// The whole file.
    pub(crate) place: Place,
    pub(crate) identity: Identity,
    pub(crate) models: Models,
    pub(crate) input: InputConfig,
    pub(crate) tools: Vec<Tool>,
    pub(crate) output: Output,
    pub(crate) rules: Vec<Rule>,
    pub(crate) budget: Budget,
    pub(crate) approval_time: Duration,
    pub(crate) cache: Option<Duration>,
    pub(crate) rollout: Rollout,
}

#[derive(Default)]
pub(crate) struct Identity {
    pub(crate) name: Option<Written<String>>,
    pub(crate) purpose: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) escalation: Option<String>,
    pub(crate) risk: Option<Risk>,
    pub(crate) review_by: Option<Written<Date>>,
}

pub(crate) struct Models {
    pub(crate) place: Place,
    pub(crate) simple: Vec<Written<String>>,
    pub(crate) medium: Vec<Written<String>>,
    pub(crate) complex: Vec<Written<String>>,
}

pub(crate) struct Output {
    pub(crate) schema: Option<Written<String>>,
    pub(crate) grounding: Mode,
    pub(crate) claims: Mode,
    pub(crate) leaks: Mode,
}

pub(crate) struct Rule {
    pub(crate) when: Option<Written<String>>,
    pub(crate) reason: Option<String>,
    pub(crate) mode: Mode,
}

/// Where nothing is written, the default without a place.
pub(crate) struct Budget {
    pub(crate) place: Place,
    pub(crate) model_calls: Option<Written<u64>>,
    pub(crate) tool_calls: Option<Written<u64>>,
    pub(crate) output_tokens_per_call: Option<Written<u64>>,
    pub(crate) output_tokens: Option<Written<u64>>,
    pub(crate) seconds: Option<Written<u64>>,
    pub(crate) usd_per_run: Option<Written<MicroUsd>>,
    pub(crate) usd_per_day: Option<Written<MicroUsd>>,
    pub(crate) usd_per_principal_day: Option<Written<MicroUsd>>,
}

pub(crate) struct Rollout {
    pub(crate) phase: Option<Written<Phase>>,
    pub(crate) pilot: Option<Pilot>,
    pub(crate) controlled: Option<Controlled>,
    pub(crate) production: Option<Written<Autonomy>>,
}

pub(crate) struct Pilot {
    /// False when `principals` is missing, which is already a problem.
    pub(crate) is_listed: bool,
    pub(crate) principals: Written<Vec<Written<String>>>,
    pub(crate) autonomy: Written<Autonomy>,
}

pub(crate) struct Controlled {
    pub(crate) percent: Option<Written<u64>>,
    pub(crate) autonomy: Written<Autonomy>,
}

/// Reads the file; `None` when it is no TOML.
pub(crate) fn read(name: &str, text: &Arc<str>, log: &Log) -> Option<AgentFile> {
    let document = Document::parse(name, text, Holds::NoCredentials, log)?;
    let top = document.root(log);
    top.require("agent", "add `[agent]` with at least `name`, `purpose`, `owner` and `escalation`");
    let file = AgentFile {
        place: top.place().clone(),
        identity: top.table("agent").map(identity).unwrap_or_default(),
        models: models(&top),
        input: input(top.table("input")),
        tools: top.tables("tools").into_iter().map(|(name, table)| tool::read(name, table)).collect(),
        output: output(top.table("output")),
        rules: top.list_of_tables("rules").into_iter().map(rule).collect(),
        budget: budget(&top),
        approval_time: one_duration(&top, "approvals", "time").unwrap_or(DAY),
        cache: one_duration(&top, "cache", "exact"),
        rollout: rollout(top.table("rollout")),
    };
    top.finish();
    Some(file)
}

fn identity(table: Table<'_>) -> Identity {
    table.require("name", "the name of the agent's folder");
    table.require("purpose", "what the agent is for, in a sentence");
    table.require(
        "owner",
        "who answers for it, such as `owner = \"team@company.example\"`: an agent without an owner does not start",
    );
    table.require("escalation", "who gets what it will not do, such as `escalation = \"support-oncall\"`");
    let line = |key| table.line(key).map(|written| written.value);
    let risks = [("minimal", Risk::Minimal), ("limited", Risk::Limited), ("high", Risk::High)];
    let identity = Identity {
        name: table.line("name"),
        purpose: line("purpose"),
        owner: line("owner"),
        escalation: line("escalation"),
        risk: table.word("risk", &risks).map(|written| written.value),
        review_by: table.date("review_by"),
    };
    table.finish();
    identity
}

fn models(top: &Table<'_>) -> Models {
    let Some(table) = top.table("models") else {
        return Models { place: top.place().clone(), simple: Vec::new(), medium: Vec::new(), complex: Vec::new() };
    };
    let tier = |key| table.texts(key).map(|list| list.value).unwrap_or_default();
    let models = Models {
        place: table.place().clone(),
        simple: tier("simple"),
        medium: tier("medium"),
        complex: tier("complex"),
    };
    table.finish();
    models
}

fn input(table: Option<Table<'_>>) -> InputConfig {
    let mut input = InputConfig::default();
    let Some(table) = table else { return input };
    if let Some(written) = table.integer("max_chars", 1..=1_000_000) {
        input.max_chars = usize::try_from(written.value).unwrap_or(usize::MAX);
    }
    if let Some(written) = table.integer("history_tokens", 0..=100_000) {
        input.history_tokens = written.value;
    }
    if let Some(pii) = table.table("pii") {
        let actions = [
            ("mask", Some(TextAction::Mask)),
            ("flag", Some(TextAction::Flag)),
            ("block", Some(TextAction::Block)),
            ("off", None),
        ];
        let action = |key, default| pii.word(key, &actions).map_or(default, |written| written.value);
        input.pii = PiiConfig {
            mode: mode(&pii, "mode"),
            email: action("email", input.pii.email),
            phone: action("phone", input.pii.phone),
            card: action("card", input.pii.card),
            iban: action("iban", input.pii.iban),
        };
        pii.finish();
    }
    if let Some(secrets) = table.table("secrets") {
        let actions = [("mask", TextAction::Mask), ("flag", TextAction::Flag), ("block", TextAction::Block)];
        let action = secrets.word("action", &actions).map_or(input.secrets.action, |written| written.value);
        input.secrets = SecretsConfig { mode: mode(&secrets, "mode"), action };
        secrets.finish();
    }
    if let Some(injection) = table.table("injection") {
        let actions = [
            ("flag", InjectionAction::Flag),
            ("escalate", InjectionAction::Escalate),
            ("block", InjectionAction::Block),
        ];
        let action = injection.word("action", &actions).map_or(input.injection.action, |written| written.value);
        input.injection = InjectionConfig { mode: mode(&injection, "mode"), action };
        injection.finish();
    }
    table.finish();
    input
}

fn output(table: Option<Table<'_>>) -> Output {
    let Some(table) = table else {
        return Output { schema: None, grounding: Mode::Enforce, claims: Mode::Enforce, leaks: Mode::Enforce };
    };
    let output = Output {
        schema: table.text("schema"),
        grounding: mode(&table, "grounding"),
        claims: mode(&table, "claims"),
        leaks: mode(&table, "leaks"),
    };
    table.finish();
    output
}

fn rule(table: Table<'_>) -> Rule {
    table.require("when", "a CEL expression such as `when = 'answer.confidence < 0.7'`");
    table.require("then", "what happens: `then = \"escalate\"`");
    table.require("reason", "what the person who gets the run is told");
    table.word("then", &[("escalate", ())]);
    let rule = Rule {
        when: table.text("when"),
        reason: table.line("reason").map(|written| written.value),
        mode: mode(&table, "mode"),
    };
    table.finish();
    rule
}

fn budget(top: &Table<'_>) -> Budget {
    let Some(table) = top.table("budget") else {
        return Budget {
            place: top.place().clone(),
            model_calls: None,
            tool_calls: None,
            output_tokens_per_call: None,
            output_tokens: None,
            seconds: None,
            usd_per_run: None,
            usd_per_day: None,
            usd_per_principal_day: None,
        };
    };
    let budget = Budget {
        place: table.place().clone(),
        model_calls: table.integer("model_calls_per_run", 1..=100),
        tool_calls: table.integer("tool_calls_per_run", 0..=1_000),
        output_tokens_per_call: table.integer("output_tokens_per_call", 1..=1_000_000),
        output_tokens: table.integer("output_tokens_per_run", 1..=100_000_000),
        seconds: table.integer("seconds_per_run", 1..=3_600),
        usd_per_run: table.dollars("usd_per_run"),
        usd_per_day: table.dollars("usd_per_day"),
        usd_per_principal_day: table.dollars("usd_per_principal_day"),
    };
    table.finish();
    budget
}

fn rollout(table: Option<Table<'_>>) -> Rollout {
    let Some(table) = table else { return Rollout { phase: None, pilot: None, controlled: None, production: None } };
    let phases = [Phase::Prototype, Phase::Pilot, Phase::Controlled, Phase::Production];
    let pilot = table.table("pilot").map(|inner| {
        inner.require("principals", "the ids of those who are served, such as `principals = [\"c-1001\"]`");
        let nobody = Written { value: Vec::new(), place: inner.place().clone() };
        let principals = inner.texts("principals");
        let pilot = Pilot {
            is_listed: principals.is_some(),
            principals: principals.unwrap_or(nobody),
            autonomy: autonomy(&inner),
        };
        inner.finish();
        pilot
    });
    let controlled = table.table("controlled").map(|inner| {
        inner.require("percent", "how many of a hundred are served, such as `percent = 10`");
        let controlled = Controlled { percent: inner.integer("percent", 0..=100), autonomy: autonomy(&inner) };
        inner.finish();
        controlled
    });
    let production = table.table("production").map(|inner| {
        let autonomy = autonomy(&inner);
        inner.finish();
        autonomy
    });
    let rollout = Rollout {
        phase: table.word("phase", &phases.map(|phase| (phase.as_str(), phase))),
        pilot,
        controlled,
        production,
    };
    table.finish();
    rollout
}

/// Absent is the careful choice.
fn autonomy(table: &Table<'_>) -> Written<Autonomy> {
    let words = [Autonomy::Propose, Autonomy::Supervised, Autonomy::Autonomous].map(|one| (one.as_str(), one));
    let careful = Written { value: Autonomy::Propose, place: table.place().clone() };
    table.word("autonomy", &words).unwrap_or(careful)
}

/// Absent is the strict choice.
fn mode(table: &Table<'_>, key: &'static str) -> Mode {
    table.word(key, MODES).map_or(Mode::Enforce, |written| written.value)
}

fn one_duration(top: &Table<'_>, key: &'static str, inner_key: &'static str) -> Option<Duration> {
    let table = top.table(key)?;
    let found = table.duration(inner_key, Duration::from_secs(1)..=DAY * 366);
    table.finish();
    found.map(|written| written.value)
}
