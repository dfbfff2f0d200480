//! Entries and the rows that must be atomic with them, in one operation.
//!
//! The lease is checked first, and with that the run's row is locked; an entry that is there already is never replaced.

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::journal::entry::{Entry, Payload, Replied};
use mainstay_core::money::MicroUsd;
use mainstay_core::store::{Append, Change, Lease, NewApproval, RunState};

use crate::connection::Connection;
use crate::journal::{INSERT_ENTRIES, column};
use crate::operation::Operation;
use crate::value::{Sql, Value, json, locking, values};
use crate::{approvals, budgets, ledger};

/// An append with its JSON written, so that the one writer does not have to.
pub(crate) struct Prepared {
    lease: Lease,
    /// Position, hash and row of each entry.
    entries: Vec<(u32, [u8; 32], Vec<Value>)>,
    cost: MicroUsd,
    changes: Vec<Change>,
}

impl Prepared {
    pub(crate) fn new(append: &Append) -> Result<Self, StoreError> {
        let Append { lease, entries, changes } = append;
        let run = lease.run.to_string();
        let cost = entries.iter().map(cost).sum();
        let entries = entries.iter().map(|entry| Ok((entry.position, entry.hash, row(&run, entry)?)));
        let entries = entries.collect::<Result<_, StoreError>>()?;
        Ok(Self { lease: lease.clone(), entries, cost, changes: changes.clone() })
    }
}

#[async_trait]
impl Operation for Prepared {
    type Output = Option<String>;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Option<String>, StoreError> {
        let run = self.lease.run.to_string();
        let cancelled_by = check(connection, &self.lease).await?;
        insert(connection, &run, self.entries).await?;
        if self.cost != MicroUsd::ZERO {
            connection.execute(ADD_COST, values![&run, column(self.cost)]).await?;
        }
        for change in self.changes {
            match change {
                Change::Effect(effect) => ledger::record(connection, &effect).await?,
                Change::Settle { position, spent } => budgets::settle(connection, &run, position, spent).await?,
                Change::Park(asked) => park(connection, &run, &asked, cancelled_by.as_deref()).await?,
                Change::Finish { at, reply } => finish(connection, &run, at, &reply).await?,
            }
        }
        Ok(cancelled_by)
    }
}

fn cost(entry: &Entry) -> MicroUsd {
    match &entry.payload {
        Payload::ModelCalled(call) => call.cost,
        _ => MicroUsd::ZERO,
    }
}

fn row(run: &str, entry: &Entry) -> Result<Vec<Value>, StoreError> {
    let Entry { position, at, took_us, payload, hash } = entry;
    let text = json("an entry", payload)?;
    Ok(values![run, *position, payload.kind(), at.0, took_us.cast_signed(), text, *hash])
}

const ADD_COST: &str = "update runs set cost = cost + $2 where id = $1";

/// The right to write to the run, until the end of the transaction. Says who wants the run cancelled.
async fn check(connection: &mut Connection<'_>, lease: &Lease) -> Result<Option<String>, StoreError> {
    let arguments = values![lease.run.to_string(), &lease.worker, lease.epoch];
    match connection.maybe(CHECK, arguments).await? {
        Some(row) => row.of("a run").maybe_text(),
        None => Err(StoreError::LeaseLost),
    }
}

// That it has run out does not matter as long as nobody has taken the run over.
const CHECK: Sql = locking!(
    "for update",
    "select cancelled_by from runs where id = $1 and claimed_by = $2 and epoch = $3 and state = 'open'"
);

async fn insert(
    connection: &mut Connection<'_>,
    run: &str,
    mut entries: Vec<(u32, [u8; 32], Vec<Value>)>,
) -> Result<(), StoreError> {
    let mut all = entries.as_mut_slice();
    while !all.is_empty() {
        let count = all.len().min(INSERT_ENTRIES.len());
        let (some, rest) = all.split_at_mut(count);
        let Some(statement) = INSERT_ENTRIES.get(count - 1) else { break };
        let arguments = some.iter_mut().flat_map(|(_, _, row)| std::mem::take(row)).collect();
        let inserted = connection.execute(statement.as_str(), arguments).await?;
        if inserted != count as u64 {
            let position = taken(connection, run, some).await?;
            return Err(StoreError::Taken { position });
        }
        all = rest;
    }
    Ok(())
}

/// The first of the positions that holds something else than what is to be written there.
async fn taken(
    connection: &mut Connection<'_>,
    run: &str,
    entries: &[(u32, [u8; 32], Vec<Value>)],
) -> Result<u32, StoreError> {
    let mut first = None;
    for (position, hash, _) in entries {
        first = first.or(Some(*position));
        if let Some(row) = connection.maybe(HASH, values![run, *position]).await?
            && row.of("an entry").hash()? != *hash
        {
            return Ok(*position);
        }
    }
    Ok(first.unwrap_or_default())
}

const HASH: &str = "select hash from entries where run = $1 and position = $2";

async fn park(
    connection: &mut Connection<'_>,
    run: &str,
    asked: &NewApproval,
    cancelled_by: Option<&str>,
) -> Result<(), StoreError> {
    // A decision that came while the run was on its way here must not be waited for again.
    let mut wait = approvals::ask(connection, asked).await?;
    if let Some(by) = cancelled_by {
        // Nobody shall be asked about a run that is about to end.
        approvals::close(connection, run, &asked.id.to_string(), by, asked.created_at).await?;
        wait = false;
    }
    let state = if wait { RunState::Parked } else { RunState::Open };
    let approval = wait.then(|| asked.id.to_string());
    connection.execute(PARK, values![run, state.as_str(), approval]).await.map(drop)
}

const PARK: &str = "update runs set state = $2, approval = $3, claimed_by = '', claimed_until = 0 where id = $1";

async fn finish(connection: &mut Connection<'_>, run: &str, at: Timestamp, reply: &Replied) -> Result<(), StoreError> {
    let state = RunState::Ended(reply.state).as_str();
    connection.execute(FINISH, values![run, state, at.0, column(reply.cost)]).await.map(drop)
}

const FINISH: &str = "update runs set state = $2, ended_at = $3, cost = $4, approval = null, claimed_by = '', \
                      claimed_until = 0 where id = $1";
