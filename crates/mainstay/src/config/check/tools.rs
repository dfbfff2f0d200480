//! An agent's tools checked, first each on its own and then against each other.

use std::collections::BTreeMap;

use mainstay_core::tool::Effect;

use super::super::agent::ToolConfig;
use super::super::file::tool::Tool;
use super::super::problem::{Finding, Kind, Log};
use super::arguments::{self, Arguments};
use super::settings::Settings;
use super::{expect_name, tool};

/// Most tools of one agent.
const MAX_TOOLS: usize = 100;

/// What tools know of each other; broken ones are among them, so that they are not called unknown.
pub(super) struct Known {
    pub(super) effect: Option<Effect>,
    pub(super) arguments: Arguments,
}

/// The tools' arguments and effects by name.
pub(super) type KnownTools = BTreeMap<String, Known>;

pub(super) fn known(tools: &[Tool], log: &Log) -> KnownTools {
    if let Some(first_too_many) = tools.get(MAX_TOOLS) {
        let message = format!("an agent has at most {MAX_TOOLS} tools");
        log.problem(
            Finding::at(&first_too_many.name.place, Kind::Value, message)
                .hint("a narrow agent needs a few; make two agents"),
        );
    }
    let mut known = BTreeMap::new();
    for tool in tools.iter().take(MAX_TOOLS) {
        expect_name("a tool", &tool.name, "_", log);
        let effect = tool.effect.as_ref().map(|effect| effect.value);
        known.insert(tool.name.value.clone(), Known { effect, arguments: arguments::check(tool, log) });
    }
    known
}

/// The tools that can be used; those that cannot have been recorded.
pub(super) fn check(
    tools: &[Tool],
    known: &KnownTools,
    settings: &Settings,
    log: &Log,
) -> BTreeMap<String, ToolConfig> {
    let checked = tools.iter().filter_map(|tool| {
        let config = tool::check(tool, known, settings, log)?;
        Some((tool.name.value.clone(), config))
    });
    checked.collect()
}
