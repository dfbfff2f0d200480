//! `mainstay approvals`: a person decides one exact action.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use mainstay::{ApprovalFilter, Mainstay, Verdict};

use crate::arguments::{ApprovalsCommand, DecisionOptions};
use crate::output;

pub(crate) async fn approvals(root: &Path, command: ApprovalsCommand) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    let code = match command {
        ApprovalsCommand::List { all } => {
            let filter = ApprovalFilter { only_pending: !all, limit: 200, ..ApprovalFilter::default() };
            output::print_approvals(&mainstay.approvals(&filter).await?);
            ExitCode::SUCCESS
        }
        ApprovalsCommand::Show { approval } => {
            let id = approval.parse()?;
            let approval = mainstay.approval(id).await?.with_context(|| format!("there is no approval `{id}`"))?;
            output::print_approval(&approval);
            ExitCode::SUCCESS
        }
        ApprovalsCommand::Approve(options) => decide(&mainstay, options, Verdict::Approve).await?,
        ApprovalsCommand::Reject(options) => decide(&mainstay, options, Verdict::Reject).await?,
        ApprovalsCommand::Edit { arguments, decision } => {
            let arguments = serde_json::from_str(&arguments).context("`--arguments` must be one JSON object")?;
            decide(&mainstay, decision, Verdict::Edit(arguments)).await?
        }
        ApprovalsCommand::TakeOver { answer, decision } => {
            decide(&mainstay, decision, Verdict::TakeOver(answer)).await?
        }
    };
    mainstay.close(Duration::from_secs(30)).await;
    Ok(code)
}

async fn decide(mainstay: &Mainstay, options: DecisionOptions, verdict: Verdict) -> anyhow::Result<ExitCode> {
    let id = options.approval.parse()?;
    let done = match verdict {
        Verdict::Approve => "approved",
        Verdict::Edit(_) => "approved with other arguments",
        Verdict::Reject => "rejected",
        Verdict::TakeOver(_) => "taken over",
    };
    let decided = mainstay.decide(id, verdict, &options.by, &options.reason, options.hash.as_deref()).await?;
    if let Err(refused) = decided {
        output::print_refused(refused.code(), &refused.to_string());
        return Ok(ExitCode::from(1));
    }
    output::note(&format!("{done}; resuming the run"));
    for reply in mainstay.resume_due().await {
        output::print_reply(&reply);
    }
    Ok(ExitCode::SUCCESS)
}
