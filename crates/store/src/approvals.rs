//! Questions to people: [`Approvals`].
//!
//! A decision and the run's parking can meet. Both take the run's lock first, so one of them comes second and sees what
//! the other did: a run is never parked on an approval that is decided already, and no decision is lost.

use std::sync::LazyLock;

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::ApprovalId;
use mainstay_core::journal::entry::Decision;
use mainstay_core::principal::Principal;
use mainstay_core::store::{ApprovalFilter, ApprovalRecord, Approvals, Decided, NewApproval, Ruling, Verdict};
use serde_json::{Map, Value};

use crate::connection::Connection;
use crate::journal::MAX_LIST;
use crate::list::{List, given};
use crate::operation::{self, Operation, run_id};
use crate::value::{Row, json, values};
use crate::{Store, error};

#[async_trait]
impl Approvals for Store {
    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
        let rows = self.read(APPROVAL, values![id.to_string()]).await?;
        rows.into_iter().next().map(record).transpose()
    }

    async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRecord>, StoreError> {
        let conditions = [
            given(filter.tenant.as_ref()),
            given(filter.agent.as_ref()),
            given(filter.before.map(|approval| approval.to_string())),
        ];
        let list = if filter.only_pending { &PENDING } else { &APPROVALS };
        let (sql, values) = list.narrowed(values![filter.limit.min(MAX_LIST)], conditions);
        self.read(sql, values).await?.into_iter().map(record).collect()
    }

    async fn waiting(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        let rows = self.read(WAITING, values![MAX_WAITING]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok((0, None)) };
        let mut row = row.of("the approvals that wait");
        Ok((row.int()?.cast_unsigned(), row.maybe_int()?.map(Timestamp)))
    }

    async fn decide(&self, verdict: &Ruling) -> Result<Decided, StoreError> {
        self.write(Decide(verdict.clone())).await
    }

    async fn expire(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let expired = self.write(Expire { now }).await?;
            total += expired;
            if expired < EXPIRE_AT_ONCE {
                return Ok(total);
            }
        }
    }
}

/// The columns of [`record`], in its order.
macro_rules! columns {
    () => {
        "id, run, agent, tenant, principal, tool, arguments, arguments_hash, reason, created_at, expires_at, decision, \
         decided_by, decision_reason, decided_at, edited, answer"
    };
}

const APPROVAL: &str = concat!("select ", columns!(), " from approvals where id = $1");
const CONDITIONS: [&str; 3] = ["tenant = ?", "agent = ?", "id < ?"];
// Ids sort by time.
static APPROVALS: LazyLock<List> = LazyLock::new(|| {
    List::new(concat!("select ", columns!(), " from approvals{where} order by id desc limit $1"), 1, &CONDITIONS)
});
static PENDING: LazyLock<List> = LazyLock::new(|| {
    let frame = concat!("select ", columns!(), " from approvals where decision is null{and} order by id desc limit $1");
    List::new(frame, 1, &CONDITIONS)
});

const WAITING: &str = "select count(*), min(created_at) from \
                       (select created_at from approvals where decision is null limit $1) as waiting";
/// More are not counted.
const MAX_WAITING: i64 = 1_000_000;

fn record(row: Row) -> Result<ApprovalRecord, StoreError> {
    let mut row = row.of("an approval");
    let id = row.parsed(|text| text.parse().ok())?;
    let run = run_id(&mut row)?;
    let agent = row.text()?;
    let (tenant, principal) = (row.text()?, row.text()?);
    Ok(ApprovalRecord {
        asked: NewApproval {
            id,
            run,
            agent,
            principal: Principal { id: principal, tenant },
            tool: row.text()?,
            arguments: row.json()?,
            arguments_hash: row.text()?,
            reason: row.text()?,
            created_at: Timestamp(row.int()?),
            expires_at: Timestamp(row.int()?),
        },
        decision: decision(&mut row)?,
        decided_by: row.text()?,
        decision_reason: row.text()?,
        decided_at: row.maybe_int()?.map(Timestamp),
        edited: edited(&mut row)?,
        answer: row.maybe_text()?,
    })
}

fn decision(row: &mut Row) -> Result<Option<Decision>, StoreError> {
    let corrupt = || StoreError::Corrupt("an approval".to_owned());
    row.maybe_text()?.map(|word| Decision::parse(&word).ok_or_else(corrupt)).transpose()
}

fn edited(row: &mut Row) -> Result<Option<Map<String, Value>>, StoreError> {
    let corrupt = |_| StoreError::Corrupt("an approval".to_owned());
    row.maybe_text()?.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()
}

/// Keeps the question unless it is there; false when it is decided already. The caller holds the run's lock.
pub(crate) async fn ask(connection: &mut Connection<'_>, asked: &NewApproval) -> Result<bool, StoreError> {
    let NewApproval { id, run, agent, principal, tool, arguments, arguments_hash, reason, created_at, expires_at } =
        asked;
    let arguments = json("the arguments of an approval", arguments)?;
    let (tenant, principal) = (&principal.tenant, &principal.id);
    let (created_at, expires_at) = (created_at.0, expires_at.0);
    #[rustfmt::skip]
    let values = values![
        id.to_string(), run.to_string(), agent, tenant, principal, tool, arguments, arguments_hash, reason, created_at,
        expires_at,
    ];
    if connection.execute(ASK, values).await? == 1 {
        return Ok(true);
    }
    let undecided = connection.maybe(UNDECIDED, values![id.to_string()]).await?;
    Ok(undecided.is_some())
}

const ASK: &str = "insert into approvals (id, run, agent, tenant, principal, tool, arguments, arguments_hash, reason, \
                   created_at, expires_at, decided_by, decision_reason) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '') on conflict do nothing";
const UNDECIDED: &str = "select id from approvals where id = $1 and decision is null";

struct Decide(Ruling);

#[async_trait]
impl Operation for Decide {
    type Output = Decided;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Decided, StoreError> {
        let Self(ruling) = self;
        let id = ruling.approval.to_string();
        let Some(row) = connection.maybe(RUN_OF, values![&id]).await? else {
            return Ok(Decided::Unknown);
        };
        let run = row.of("an approval").text()?;
        operation::lock(connection, &run).await?;
        let Some(row) = connection.maybe(STANDING, values![&id]).await? else {
            return Ok(Decided::Unknown);
        };
        let mut row = row.of("an approval");
        let (taken, by) = (decision(&mut row)?, row.text()?);
        let (hash, expires_at) = (row.text()?, Timestamp(row.int()?));
        match taken {
            Some(Decision::Expired) => return Ok(Decided::Expired),
            Some(decision) => return Ok(Decided::AlreadyDecided { decision, by }),
            None if ruling.now >= expires_at => return Ok(Decided::Expired),
            None if ruling.arguments_hash != hash => return Ok(Decided::OtherArguments),
            None => {}
        }
        let (edited, answer) = match &ruling.verdict {
            Verdict::Edit(arguments) => (Some(json("the changed arguments", arguments)?), None),
            Verdict::TakeOver(answer) => (None, Some(answer.clone())),
            Verdict::Approve | Verdict::Reject => (None, None),
        };
        let decision = ruling.verdict.decision();
        let Ruling { by, reason, now: at, .. } = ruling;
        match settle(connection, &run, &id, Outcome { decision, by, reason, edited, answer, at }).await? {
            true => Ok(Decided::Taken),
            // The run's lock rules it out; yet nobody shall hear that a decision counts that does not.
            false => Err(error::meanwhile()),
        }
    }
}

const RUN_OF: &str = "select run from approvals where id = $1";
const STANDING: &str = "select decision, decided_by, arguments_hash, expires_at from approvals where id = $1";

/// What becomes of a question.
struct Outcome {
    decision: Decision,
    by: String,
    reason: String,
    edited: Option<String>,
    answer: Option<String>,
    at: Timestamp,
}

impl Outcome {
    /// Nobody decided; time or somebody else did.
    fn without_verdict(decision: Decision, by: &str, at: Timestamp) -> Self {
        Self { decision, by: by.to_owned(), reason: String::new(), edited: None, answer: None, at }
    }
}

/// Closes the question of a run that `by` cancelled, and wakes the run. A decision that is there already stays. The
/// caller holds the run's lock.
pub(crate) async fn close(
    connection: &mut Connection<'_>,
    run: &str,
    approval: &str,
    by: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    settle(connection, run, approval, Outcome::without_verdict(Decision::Cancelled, by, at)).await.map(drop)
}

/// Writes an outcome down and wakes the run; false when somebody was faster. The caller holds the run's lock.
async fn settle(
    connection: &mut Connection<'_>,
    run: &str,
    approval: &str,
    outcome: Outcome,
) -> Result<bool, StoreError> {
    let Outcome { decision, by, reason, edited, answer, at } = outcome;
    let values = values![approval, decision.as_str(), by, reason, at.0, edited, answer];
    let is_first = connection.execute(DECIDE, values).await? == 1;
    connection.execute(WAKE, values![run, approval, at.0]).await?;
    Ok(is_first)
}

const DECIDE: &str = "update approvals set decision = $2, decided_by = $3, decision_reason = $4, decided_at = $5, \
                      edited = $6, answer = $7 where id = $1 and decision is null";
/// A run that does not wait for this approval is left alone: it finds the decision when it comes to it.
const WAKE: &str = "update runs set state = 'open', approval = null, claimed_by = '', claimed_until = 0, wake_at = $3 \
                    where id = $1 and state = 'parked' and approval = $2";

/// Ends the time of those that are due, some at once.
struct Expire {
    now: Timestamp,
}

const EXPIRE_AT_ONCE: u64 = 200;

#[async_trait]
impl Operation for Expire {
    type Output = u64;

    async fn run(self, connection: &mut Connection<'_>) -> Result<u64, StoreError> {
        let due = connection.rows(DUE, values![self.now.0, EXPIRE_AT_ONCE.cast_signed()]).await?;
        let mut expired = 0;
        for row in due {
            let mut row = row.of("an approval");
            let (id, run) = (row.text()?, row.text()?);
            operation::lock(connection, &run).await?;
            let outcome = Outcome::without_verdict(Decision::Expired, "", self.now);
            if settle(connection, &run, &id, outcome).await? {
                expired += 1;
            }
        }
        Ok(expired)
    }
}

const DUE: &str = "select id, run from approvals where decision is null and expires_at <= $1 order by run, id limit $2";
