//! `mainstay effects`: what agents did to the world.

use std::path::Path;
use std::process::ExitCode;

use mainstay::Mainstay;

use crate::arguments::EffectsCommand;
use crate::output;

pub(crate) async fn effects(root: &Path, command: EffectsCommand) -> anyhow::Result<ExitCode> {
    let EffectsCommand::List { run, limit } = command;
    let run = run.map(|run| run.parse()).transpose()?;
    let mainstay = Mainstay::open(root).await?;
    output::print_effects(&mainstay.effects(run, limit).await?);
    Ok(ExitCode::SUCCESS)
}
