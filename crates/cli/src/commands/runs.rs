//! `mainstay runs`: what happened, step by step, and that nobody changed it since.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mainstay::access::CancelNoted;
use mainstay::{Mainstay, RunFilter, RunState};

use crate::arguments::RunsCommand;
use crate::output;

pub(crate) async fn runs(root: &Path, command: RunsCommand) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    match command {
        RunsCommand::List { agent, state, limit } => {
            let state = match state {
                None => None,
                Some(word) => Some(RunState::parse(&word).with_context(|| {
                    format!(
                        "`{word}` is no state; states: open, parked, answered, refused, escalated, cancelled, failed"
                    )
                })?),
            };
            output::print_runs(&mainstay.runs(&RunFilter { agent, state, limit, ..RunFilter::default() }).await?);
        }
        RunsCommand::Show { run } => {
            let id = run.parse()?;
            let Some(record) = mainstay.run(id).await? else {
                bail!("there is no run `{id}` (docs/errors/run_unknown.md)")
            };
            output::print_run(&record);
            output::print_trace(&mainstay.trace(id).await?);
        }
        RunsCommand::Cancel { run, by } => {
            let id = run.parse()?;
            match mainstay.cancel(id, &by).await? {
                CancelNoted::Noted => output::note("it will end at its next safe place"),
                CancelNoted::Ended => {
                    output::note("it has ended already");
                    return Ok(ExitCode::from(1));
                }
                CancelNoted::Unknown => bail!("there is no run `{id}` (docs/errors/run_unknown.md)"),
            }
            for reply in mainstay.resume_due().await {
                output::print_reply_line(&reply);
            }
        }
        RunsCommand::Verify { run } => {
            let only = run.map(|run| run.parse()).transpose()?;
            let verified = mainstay.verify(only).await?;
            output::print_verified(&verified);
            if !verified.broken.is_empty() {
                return Ok(ExitCode::from(1));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
