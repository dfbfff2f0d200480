//! `mainstay worker`: resumes what crashed and what people decided.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use mainstay::Mainstay;

use crate::output;

/// How long Ctrl-C waits for runs that are at work.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn worker(root: &Path, until_idle: bool) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    if until_idle {
        let replies = mainstay.resume_due().await;
        for reply in &replies {
            output::print_reply_line(reply);
        }
        output::note(&format!("{} runs resumed", replies.len()));
        mainstay.close(PATIENCE).await;
        return Ok(ExitCode::SUCCESS);
    }
    mainstay.watch();
    output::note("watching for open and decided runs; Ctrl-C ends");
    output::until_interrupted().await;
    output::note("draining");
    let all_stopped = mainstay.close(PATIENCE).await;
    if !all_stopped {
        output::note("some runs were still at work; another worker will resume them");
    }
    Ok(ExitCode::SUCCESS)
}
