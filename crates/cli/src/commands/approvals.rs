//! `mainstay approvals`: a person decides one exact action.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use mainstay::Mainstay;

use crate::arguments::{ApprovalsCommand, DecisionOptions};
use crate::output;

pub(crate) async fn approvals(root: &Path, command: ApprovalsCommand) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    let code = match command {
        ApprovalsCommand::List { all } => {
            output::print_approvals(&mainstay.approvals(!all, 200).await?);
            ExitCode::SUCCESS
        }
        ApprovalsCommand::Show { approval } => {
            let id = approval.parse()?;
            let approval = mainstay.approval(id).await?.with_context(|| format!("there is no approval `{id}`"))?;
            output::print_approval(&approval);
            ExitCode::SUCCESS
        }
        ApprovalsCommand::Approve(options) => decide(&mainstay, options, true).await?,
        ApprovalsCommand::Reject(options) => decide(&mainstay, options, false).await?,
    };
    mainstay.close(Duration::from_secs(30)).await;
    Ok(code)
}

async fn decide(mainstay: &Mainstay, options: DecisionOptions, approved: bool) -> anyhow::Result<ExitCode> {
    let id = options.approval.parse()?;
    let decided = mainstay.decide(id, approved, &options.by, &options.reason, options.hash.as_deref()).await?;
    if let Err(refused) = decided {
        output::print_refused(refused.code(), &refused.to_string());
        return Ok(ExitCode::from(1));
    }
    output::note(if approved { "approved; resuming the run" } else { "rejected; resuming the run" });
    for reply in mainstay.resume_due().await {
        output::print_reply(&reply);
    }
    Ok(ExitCode::SUCCESS)
}
