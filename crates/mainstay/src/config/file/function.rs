//! A function of the program as if it were a `[tools.NAME]` table. What would be a line of a file is shown as the call that
//! a programmer wrote.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::reader::{line_fault, write_duration};
use super::super::source::{Place, Source, Written};
use super::tool::{FunctionTable, Probe, TIMEOUTS, Tool, ToolTable, ToolTableKind};
use crate::function::Function;

/// Reads `function`; what is wrong with it alone is recorded.
pub(crate) fn read(function: &Function, log: &Log) -> Tool {
    let code = Code::of(function);
    let name = code.text("Function::new(", &function.name, ", …)");
    let at_name = |kind, message: String, hint: &str| log.problem(Finding::at(&name.place, kind, message).hint(hint));
    if let Some(fault) = line_fault(function.description.trim()) {
        at_name(Kind::Value, format!("its description {fault}"), "what the function does, in a sentence for the model");
    }
    if !TIMEOUTS.contains(&function.timeout) {
        let (from, to) = (write_duration(*TIMEOUTS.start()), write_duration(*TIMEOUTS.end()));
        at_name(Kind::Value, "its timeout is out of range".to_owned(), &format!("from \"{from}\" to \"{to}\""));
    }
    if let Err(fault) = &function.parameters {
        at_name(Kind::Value, fault.to_string(), "a small struct with a field for each argument");
    }
    let table = FunctionTable { parameters: function.parameters.clone().ok(), body: function.body.clone() };
    let facts: Vec<_> = function.facts.iter().map(|(name, from)| code.texts(".fact(", name, from)).collect();
    let mut names = BTreeSet::new();
    for (name, _) in facts.iter().filter(|(name, _)| !names.insert(&name.value)) {
        let message = format!("there are two facts called {}", quoted(&name.value));
        log.problem(Finding::at(&name.place, Kind::Value, message).hint("give one of them another name"));
    }
    let claims: Vec<_> = function.claims.iter().map(|claim| code.text(".claims([", claim, "])")).collect();
    Tool {
        description: Some(function.description.trim().to_owned()),
        effect: Some(Written { value: function.effect, place: name.place.clone() }),
        arguments: Vec::new(),
        facts,
        when: function.when.as_ref().map(|when| code.text(".when(", when, ")")),
        approve: function.approve.as_ref().map(|approve| code.text(".approve(", approve, ")")),
        probe: function.probe.as_ref().map(|(tool, happened)| {
            let (tool, happened) = code.texts(".probe(", tool, happened);
            Probe { place: tool.place.clone(), tool: Some(tool), happened: Some(happened) }
        }),
        claims: claims.first().map(|first| first.place.clone()).map(|place| Written { value: claims, place }),
        trusted: Some(function.is_trusted),
        shared: Some(code.flag(function.is_shared, ".shared()")),
        timeout: function.timeout,
        kind: Some(ToolTable { place: name.place.clone(), kind: ToolTableKind::Function(table) }),
        name,
    }
}

/// The name of an agent as it was given with `function`.
pub(crate) fn agent(agent: &str, function: &Function) -> Written<String> {
    Code::of(function).text(".function(", agent, ", …)")
}

/// Writes down what a function says of itself.
struct Code {
    name: String,
}

impl Code {
    fn of(function: &Function) -> Self {
        Self { name: format!("function {}", quoted(&function.name)) }
    }

    /// `before"value"after`
    fn text(&self, before: &str, value: &str, after: &str) -> Written<String> {
        let start = before.len();
        let source = Source::of_code(&self.name, format!("{before}\"{value}\"{after}"));
        let place = Place { source: Arc::new(source), span: start..start + value.len() + 2 };
        Written { value: value.to_owned(), place }
    }

    /// `before"one", "other")`
    fn texts(&self, before: &str, one: &str, other: &str) -> (Written<String>, Written<String>) {
        let written_first = format!("{before}\"{one}\", ");
        (self.text(before, one, &format!(", \"{other}\")")), self.text(&written_first, other, ")"))
    }

    fn flag(&self, value: bool, call: &str) -> Written<bool> {
        let source = Source::of_code(&self.name, call);
        Written { value, place: Place { source: Arc::new(source), span: 0..call.len() } }
    }
}
