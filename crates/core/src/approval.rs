//! Asks a person about one exact call and waits, durably: asking parks the run, deciding wakes it.

use crate::error::{Error, Halt, StoreError};
use crate::execute::policy::Prepared;
use crate::id::ApprovalId;
use crate::journal::entry::{ApprovalAsked, ApprovalDecided, Decision};
use crate::run::{Known, Run};
use crate::store::{Change, NewApproval};

/// What the person said.
#[derive(Debug)]
pub enum Answered {
    /// Do it.
    Granted(Granted),
    /// Do not, for this reason.
    Rejected(String),
    /// Nobody answered in time.
    Expired,
}

/// Proof that a person approved one exact call. Only this file makes one.
#[derive(Debug)]
pub struct Granted {
    approval: ApprovalId,
    by: String,
    hash: String,
}

impl Granted {
    /// True when the approval is for the call with this hash.
    pub fn covers(&self, call_hash: &str) -> bool {
        self.hash == call_hash
    }

    /// Who approved.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// What the ledger names as the authority.
    pub fn authority(&self) -> String {
        self.approval.to_string()
    }
}

/// Asks a person about `call`, or reads what they answered.
pub async fn ask(run: &Run, call: &Prepared, why: &str) -> Result<Answered, Halt> {
    let question = async {
        Ok(ApprovalAsked {
            approval: ApprovalId::from_uuid(run.runtime.clock.new_uuid()),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            arguments_hash: call.hash.clone(),
            reason: why.to_owned(),
            expires: run.now().plus(run.agent.approval_time),
        })
    };
    let (asked, known) = run.durable_step(question, |_, asked| vec![park(run, asked)]).await?;
    if known == Known::Fresh {
        return Err(Halt::Parked(asked.approval));
    }
    let decided = run.step(decision(run, &asked)).await?;
    Ok(match decided.decision {
        // The journal says what was asked; the row in the store must still say the same, and the call too.
        Decision::Approved if asked.arguments_hash == call.hash => {
            Answered::Granted(Granted { approval: asked.approval, by: decided.by, hash: asked.arguments_hash })
        }
        Decision::Approved => Answered::Rejected("the call is not the one that was approved".to_owned()),
        Decision::Rejected if decided.reason.is_empty() => Answered::Rejected("a person said no".to_owned()),
        Decision::Rejected => Answered::Rejected(decided.reason),
        Decision::Expired => Answered::Expired,
    })
}

async fn decision(run: &Run, asked: &ApprovalAsked) -> Result<ApprovalDecided, Halt> {
    let stored = run.runtime.approvals.approval(asked.approval).await?;
    let stored = stored.ok_or_else(|| Error::Store(StoreError::NotFound(format!("approval {}", asked.approval))))?;
    let Some(decision) = stored.decision else {
        return Err(Halt::Parked(asked.approval));
    };
    let is_same = stored.asked.run == run.record.id && stored.asked.arguments_hash == asked.arguments_hash;
    let (decision, reason) = match decision {
        Decision::Approved if !is_same => (Decision::Rejected, "the stored approval is for another call".to_owned()),
        decision => (decision, stored.decision_reason),
    };
    Ok(ApprovalDecided { approval: asked.approval, decision, by: stored.decided_by, reason })
}

fn park(run: &Run, asked: &ApprovalAsked) -> Change {
    Change::Park(NewApproval {
        id: asked.approval,
        run: run.record.id,
        agent: run.agent.name.clone(),
        principal: run.record.principal.clone(),
        tool: asked.tool.clone(),
        arguments: asked.arguments.clone(),
        arguments_hash: asked.arguments_hash.clone(),
        reason: asked.reason.clone(),
        created_at: run.now(),
        expires_at: asked.expires,
    })
}
