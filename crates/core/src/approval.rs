//! Asks a person about one exact call and waits, durably: asking parks the run, deciding wakes it.

use serde_json::{Map, Value};

use crate::canonical::call_hash;
use crate::error::{Error, Halt, StoreError};
use crate::execute::policy::Prepared;
use crate::id::ApprovalId;
use crate::journal::entry::{ApprovalAsked, ApprovalDecided, Decision};
use crate::run::{Known, Run};
use crate::store::{Change, NewApproval};

/// What the person said.
#[derive(Debug)]
pub enum Answered {
    /// Do it, with the arguments that the person changed, if they did.
    Granted(Granted, Option<Map<String, Value>>),
    /// Do not, for this reason.
    Rejected(String),
    /// Nobody answered in time.
    Expired,
    /// Do not; the person answers the principal themselves.
    TakenOver {
        /// Who.
        by: String,
        /// What the principal gets.
        answer: String,
    },
}

/// Proof that a person approved one exact call. Only this file makes one.
#[derive(Debug)]
pub struct Granted {
    approval: ApprovalId,
    by: String,
    /// [`call_hash`] of the call that may run: the one that was shown, or the one that the person made of it.
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
    // The journal says what was asked; the call must still be the same.
    let is_same = asked.arguments_hash == call.hash;
    let granted = |by, hash| Granted { approval: asked.approval, by, hash };
    Ok(match (decided.decision, decided.arguments, decided.answer) {
        (Decision::Approved, ..) if is_same => Answered::Granted(granted(decided.by, asked.arguments_hash), None),
        (Decision::Edited, Some(arguments), _) if is_same => {
            let hash = call_hash(&call.tool, &arguments);
            Answered::Granted(granted(decided.by, hash), Some(arguments))
        }
        (Decision::Approved | Decision::Edited, ..) => {
            Answered::Rejected("the call is not the one that was approved".to_owned())
        }
        (Decision::TakenOver, _, Some(answer)) => Answered::TakenOver { by: decided.by, answer },
        (Decision::Rejected | Decision::TakenOver, ..) if decided.reason.is_empty() => {
            Answered::Rejected("a person said no".to_owned())
        }
        (Decision::Rejected | Decision::TakenOver, ..) => Answered::Rejected(decided.reason),
        (Decision::Expired | Decision::Cancelled, ..) => Answered::Expired,
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
        Decision::Approved | Decision::Edited if !is_same => {
            (Decision::Rejected, "the stored approval is for another call".to_owned())
        }
        decision => (decision, stored.decision_reason),
    };
    let (approval, by) = (asked.approval, stored.decided_by);
    Ok(ApprovalDecided { approval, decision, by, reason, arguments: stored.edited, answer: stored.answer })
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
