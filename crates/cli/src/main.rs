//! The `mainstay` binary: reads the command line, opens an installation, prints.
//!
//! Data goes to stdout, everything else to stderr. Exit 0: done. 1: the answer is no. 2: we failed.

mod arguments;
mod commands;
mod output;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_log(&arguments.log, arguments.log_format);
    let done = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from);
    match done.and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(code) => code,
        Err(error) => {
            output::print_failure(&error);
            ExitCode::from(2)
        }
    }
}

async fn run(Arguments { root, command, .. }: Arguments) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init { name } => commands::init::init(&root, &name),
        Command::Check { quiet } => commands::check::check(&root, quiet),
        Command::Serve { listen } => commands::serve::serve(&root, listen).await,
        Command::Keys { command } => commands::keys::keys(&root, command).await,
        Command::Audit { action, limit } => commands::keys::audit(&root, action, limit).await,
        Command::Run(options) => commands::run::run(&root, options).await,
        Command::Runs { command } => commands::runs::runs(&root, command).await,
        Command::Approvals { command } => commands::approvals::approvals(&root, command).await,
        Command::Effects { command } => commands::effects::effects(&root, command).await,
        Command::Worker { until_idle } => commands::worker::worker(&root, until_idle).await,
        Command::Demo(options) => commands::demo::demo(options).await,
    }
}
