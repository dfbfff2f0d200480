//! `mainstay init`: a new agent that passes `mainstay check`.

use std::path::Path;
use std::process::ExitCode;

use mainstay::config::scaffold;

use crate::output;

pub(crate) fn init(root: &Path, name: &str) -> anyhow::Result<ExitCode> {
    let written = scaffold::scaffold(root, name)?;
    for path in &written {
        output::line(&format!("wrote {}", path.display()));
    }
    output::note(&format!(
        "next: `mainstay check`, then `mainstay run {name} \"What are your opening hours?\" --trace`; \
         change `owner` and `escalation` in agents/{name}/agent.toml to people of yours"
    ));
    Ok(ExitCode::SUCCESS)
}
