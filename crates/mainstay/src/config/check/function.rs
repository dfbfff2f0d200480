//! Functions of the program beside the tools of an agent's file.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::file::function as file;
use super::super::file::tool::Tool;
use super::super::problem::{Finding, Kind, Log, quoted};
use super::agent::Surroundings;
use super::{tools, unknown};
use crate::function::Function;

/// Adds the functions of `agent` to the tools of its file.
pub(super) fn join(tools: &mut Vec<Tool>, functions: &[&Function], log: &Log) {
    for function in functions {
        let tool = file::read(function, log);
        if tools.iter().any(|other| other.name.value == tool.name.value) {
            let message = format!("the agent has a tool {} already", quoted(&tool.name.value));
            log.problem(Finding::at(&tool.name.place, Kind::Value, message).hint("give the function another name"));
        } else {
            tools.push(tool);
        }
    }
}

/// The functions that were given to `agent`.
pub(super) fn of_agent<'f>(agent: &str, functions: &'f [(String, Function)]) -> Vec<&'f Function> {
    functions.iter().filter(|(name, _)| name == agent).map(|(_, function)| function).collect()
}

/// Records functions whose agent is not there, and what else is wrong with them.
pub(crate) fn of_no_agent(surroundings: &Surroundings<'_>, agents: &BTreeSet<String>) {
    let Surroundings { settings, functions, log, .. } = *surroundings;
    for (agent, function) in functions.iter().filter(|(agent, _)| !agents.contains(agent)) {
        unknown("agent", &file::agent(agent, function), agents.iter().map(String::as_str), log);
        let tool = [file::read(function, log)];
        let known = tools::known(&tool, log);
        // What it reads may be there; only the agent could tell.
        if function.facts.is_empty() && function.probe.is_none() {
            tools::check(&tool, &known, settings, log);
        }
    }
}

/// All that a function says of itself, by the name of the tool: what of it is part of the agent's version.
pub(super) fn declared(function: &Function) -> (String, Map<String, Value>) {
    let declared = [
        ("description", json!(function.description)),
        ("effect", json!(function.effect.as_str())),
        ("parameters", function.parameters.clone().unwrap_or_default()),
        ("facts", json!(function.facts)),
        ("when", json!(function.when)),
        ("approve", json!(function.approve)),
        ("probe", json!(function.probe)),
        ("claims", json!(function.claims)),
        ("trusted", json!(function.is_trusted)),
        ("shared", json!(function.is_shared)),
        ("timeout_ms", json!(function.timeout.as_millis().to_string())),
    ];
    (function.name.clone(), declared.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
