//! `mainstay check`: every problem at once, and in plain words what each agent can and can never do.

use std::path::Path;
use std::process::ExitCode;

use mainstay::config;

use crate::output;

pub(crate) fn check(root: &Path, quiet: bool) -> anyhow::Result<ExitCode> {
    let loaded = match config::load(root) {
        Ok(loaded) => loaded,
        Err(problems) => {
            output::line(&problems.to_string());
            output::note(&format!("{} problems", problems.len()));
            return Ok(ExitCode::from(1));
        }
    };
    if !loaded.warnings.is_empty() {
        output::note(&loaded.warnings.to_string());
    }
    for agent in loaded.config.agents.values() {
        if !quiet {
            output::line(&config::explain::explain(agent));
        }
    }
    output::note(&format!("{} agents, no problems, {} warnings", loaded.config.agents.len(), loaded.warnings.len()));
    Ok(ExitCode::SUCCESS)
}
