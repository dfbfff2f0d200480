//! One tool checked: its conditions, its facts, how its outcome is settled, and what it owes for changing something.

use std::cell::RefCell;
use std::collections::BTreeSet;

use mainstay_core::provider::ToolSpec;
use mainstay_core::tool::{Binding, Effect, Probe};

use super::super::agent::{ToolConfig, ToolKind};
use super::super::file::tool::{Probe as WrittenProbe, Tool};
use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::source::Written;
use super::arguments::Arguments;
use super::settings::Settings;
use super::tools::KnownTools;
use super::{expression, fields, is_identifier, kind, pattern, unknown};

/// A tool and what it is checked against.
pub(super) struct Subject<'a> {
    pub(super) tool: &'a Tool,
    pub(super) arguments: &'a Arguments,
    pub(super) known: &'a KnownTools,
    pub(super) settings: &'a Settings,
    pub(super) log: &'a Log,
    used: RefCell<BTreeSet<String>>,
}

pub(super) fn check(tool: &Tool, known: &KnownTools, settings: &Settings, log: &Log) -> Option<ToolConfig> {
    let arguments = &known.get(&tool.name.value)?.arguments;
    Subject { tool, arguments, known, settings, log, used: RefCell::default() }.check()
}

impl Subject<'_> {
    /// Remembers that something depends on these arguments.
    pub(super) fn uses<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        self.used.borrow_mut().extend(names.into_iter().map(str::to_owned));
    }

    fn check(&self) -> Option<ToolConfig> {
        let tool = self.tool;
        let kind = tool.kind.as_ref().and_then(|table| kind::check(self, table));
        let facts = self.facts();
        let mut variables = vec!["args", "principal"];
        variables.extend(tool.facts.iter().map(|(name, _)| name.value.as_str()));
        let condition = |written: &Option<Written<String>>| {
            let written = written.as_ref()?;
            let compiled = expression::compile(written, &variables, self.log)?;
            fields::of_condition(written, self.arguments, self.log);
            Some(compiled)
        };
        let when = condition(&tool.when);
        let approve = condition(&tool.approve);
        let probe = tool.probe.as_ref().and_then(|written| self.probe(written));
        let claims = tool.claims.iter().flat_map(|claims| &claims.value);
        let claims = claims.filter_map(|claim| pattern(claim, self.log)).collect();

        promises(tool, self.log);
        self.unused();
        self.shared();

        let kind = kind?;
        let is_knowledge = matches!(kind, ToolKind::Knowledge { .. });
        let is_draft = kind == ToolKind::Draft;
        let of_draft = || "Writes a note for the people in charge; changes nothing".to_owned();
        Some(ToolConfig {
            spec: ToolSpec {
                name: tool.name.value.clone(),
                description: tool.description.clone().or_else(|| is_draft.then(of_draft))?,
                parameters: self.arguments.parameters.clone(),
            },
            effect: tool.effect.as_ref()?.value,
            schema: self.arguments.schema.clone()?,
            bound: self.arguments.bound.clone(),
            facts,
            when,
            approve,
            probe,
            claims,
            trusted: tool.trusted.unwrap_or(is_knowledge || is_draft),
            shared: tool.shared.as_ref().map_or(is_knowledge, |shared| shared.value),
            timeout: tool.timeout,
            kind,
        })
    }

    fn facts(&self) -> Vec<(String, String)> {
        let (tool, log) = (self.tool, self.log);
        let mut facts = Vec::new();
        for (name, from) in &tool.facts {
            if !is_identifier(&name.value) || ["args", "principal"].contains(&name.value.as_str()) {
                let message = format!("{} cannot be the name of a fact", quoted(&name.value));
                let hint = "lower-case letters, digits and `_`; not `args`, `principal` or a word of CEL";
                log.problem(Finding::at(&name.place, Kind::Value, message).hint(hint));
            }
            if self.reads(from, "facts come from") {
                facts.push((name.value.clone(), from.value.clone()));
            }
        }
        if let Some((name, _)) = tool.facts.first()
            && tool.when.is_none()
            && tool.approve.is_none()
        {
            let message = "facts are read, but neither `when` nor `approve` looks at them";
            log.warning(Finding::at(&name.place, Kind::Policy, message).hint("add a condition, or take the facts out"));
        }
        facts
    }

    /// Whether `from` is a read tool that can be called with this tool's arguments; otherwise that is recorded.
    fn reads(&self, from: &Written<String>, what: &str) -> bool {
        let Some(found) = self.known.get(&from.value) else {
            let read_tools = self.known.iter().filter(|(_, known)| known.effect == Some(Effect::Read));
            unknown("tool", from, read_tools.map(|(name, _)| name.as_str()), self.log);
            return false;
        };
        if found.effect.is_some_and(|effect| effect != Effect::Read) {
            let message = format!("{what} a tool that reads, and {} does not", quoted(&from.value));
            self.log.problem(Finding::at(&from.place, Kind::Policy, message));
            return false;
        }
        if self.arguments.schema.is_none() {
            return false;
        }
        let mut fits = true;
        for (name, wanted) in found.arguments.required() {
            let fault = match self.arguments.declared.get(name) {
                None => "this tool has no such argument",
                Some(given) if given.is_optional => "it is optional here",
                Some(given) if !given.kind.is_a(wanted.kind) => "it is of another type here",
                Some(_) => continue,
            };
            fits = false;
            let message = format!("{} needs the argument {}, but {fault}", quoted(&from.value), quoted(name));
            let finding = Finding::at(&from.place, Kind::Reference, message);
            self.log.problem(finding.hint("it is called with this tool's arguments of the same names"));
        }
        // Optional arguments of the same name travel along.
        self.uses(found.arguments.names());
        fits
    }

    fn probe(&self, written: &WrittenProbe) -> Option<Probe> {
        if self.tool.effect.as_ref().is_some_and(|effect| !effect.value.changes_things()) {
            let message = "there is nothing to settle: this tool changes nothing";
            self.log.problem(Finding::at(&written.place, Kind::Policy, message).hint("take `probe` out"));
        }
        let happened = written.happened.as_ref().and_then(|written| {
            let compiled = expression::compile(written, &["args", "result"], self.log)?;
            fields::of_condition(written, self.arguments, self.log);
            Some(compiled)
        });
        let from = written.tool.as_ref()?;
        let can_read = self.reads(from, "a probe is");
        let happened = happened?;
        can_read.then(|| Probe { tool: from.value.clone(), happened })
    }

    /// An argument that a person approves but nobody sends is a trap.
    fn unused(&self) {
        let conditions = [&self.tool.when, &self.tool.approve];
        let is_in_condition = |name: &str| {
            let field = format!("args.{name}");
            conditions.iter().any(|condition| condition.as_ref().is_some_and(|written| written.value.contains(&field)))
        };
        let used = self.used.borrow();
        for argument in self.tool.arguments.iter().filter(|_| self.tool.kind.is_some()) {
            let name = &argument.name.value;
            if self.arguments.declared.contains_key(name) && !used.contains(name) && !is_in_condition(name) {
                let message = format!("the argument {} is asked for, but nothing uses it", quoted(name));
                self.log.warning(Finding::at(&argument.name.place, Kind::Policy, message));
            }
        }
    }

    fn shared(&self) {
        let by_person = self.arguments.bound.iter().find(|bound| bound.from == Binding::PrincipalId);
        if let (Some(shared), Some(bound)) = (&self.tool.shared, by_person)
            && shared.value
        {
            let name = quoted(&bound.name);
            let message = format!("a result that depends on who asks ({name}) is not the same for everybody");
            let finding = Finding::at(&shared.place, Kind::Policy, message);
            self.log.problem(finding.hint("take `shared` out: a shared result may be cached for others"));
        }
    }
}

/// What a tool that changes something owes, and one that does not cannot have.
fn promises(tool: &Tool, log: &Log) {
    let Some(effect) = &tool.effect else { return };
    let name = quoted(&tool.name.value);
    if !effect.value.changes_things() {
        if let Some(claims) = &tool.claims {
            let message = format!("{name} changes nothing, so there is nothing that an answer could claim");
            log.problem(Finding::at(&claims.place, Kind::Policy, message).hint("take `claims` out"));
        }
        return;
    }
    if effect.value == Effect::Write && tool.probe.is_none() {
        let message = format!("{name} is irreversible in doubt: an unknown outcome goes to a person");
        log.warning(
            Finding::at(&tool.name.place, Kind::Policy, message)
                .hint("a `probe` that reads back whether it happened settles it"),
        );
    }
    if tool.claims.as_ref().is_none_or(|claims| claims.value.is_empty()) {
        let message = format!("{name} has no `claims`, so an answer may say that it was done when it was not");
        log.warning(
            Finding::at(&tool.name.place, Kind::Policy, message)
                .hint("list the words for it, such as `claims = [\"refunded\"]`"),
        );
    }
}
