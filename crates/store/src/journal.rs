//! Runs and their entries: [`Journal`]. How entries are written is in [`append`], how runs are listed in [`runs`], how
//! workers get them in [`crate::queue`].

pub(crate) mod append;
mod runs;

use std::sync::LazyLock;

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::Entry;
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{Append, Claim, Journal, Lease, NewRun, RunFilter, RunRecord, RunState};

use crate::connection::Connection;
use crate::operation::{Operation, run_id};
use crate::queue::{ClaimRuns, Release, Renew};
use crate::value::{Row, json, values};
use crate::{Store, error};

/// No list is longer.
pub(crate) const MAX_LIST: u32 = 10_000;

/// No run is longer: it would be out of every budget.
const MAX_ENTRIES: u32 = 100_000;

#[async_trait]
impl Journal for Store {
    async fn create(&self, run: &NewRun) -> Result<(), StoreError> {
        self.write(Create(run.clone())).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        let rows = self.read(RUN, values![run.to_string()]).await?;
        rows.into_iter().next().map(record).transpose()
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        let (sql, values) = runs::narrowed(filter)?;
        self.read(sql, values).await?.into_iter().map(record).collect()
    }

    async fn entries(&self, run: RunId, from: u32) -> Result<Vec<Entry>, StoreError> {
        let rows = self.read(ENTRIES, values![run.to_string(), from, MAX_ENTRIES + 1]).await?;
        if rows.len() > MAX_ENTRIES as usize {
            return Err(error::refused(format!("{run} has more than {MAX_ENTRIES} entries")));
        }
        rows.into_iter().map(|row| entry(run, row)).collect()
    }

    async fn append(&self, append: &Append) -> Result<Option<String>, StoreError> {
        self.write(append::Prepared::new(append)?).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<RunRecord>, StoreError> {
        self.write(ClaimRuns(claim.clone())).await
    }

    async fn renew(&self, leases: &[Lease], until: Timestamp) -> Result<(), StoreError> {
        if leases.is_empty() {
            return Ok(());
        }
        self.write(Renew::new(leases, until)).await
    }

    async fn release(&self, lease: &Lease, wake_at: Timestamp) -> Result<(), StoreError> {
        self.write(Release { lease: lease.clone(), wake_at }).await
    }
}

/// The columns of [`record`], in its order.
macro_rules! run_columns {
    () => {
        "id, agent, version, tenant, principal, input, context, created_at, state, ended_at, epoch, failures, approval, \
         cost, cancelled_by"
    };
}
pub(crate) use run_columns;

const RUN: &str = concat!("select ", run_columns!(), " from runs where id = $1");
/// Reads a run.
pub(crate) fn record(row: Row) -> Result<RunRecord, StoreError> {
    let mut row = row.of("a run");
    let id = run_id(&mut row)?;
    let (agent, version) = (row.text()?, row.text()?);
    let (tenant, principal) = (row.text()?, row.text()?);
    Ok(RunRecord {
        id,
        agent,
        version,
        principal: Principal { id: principal, tenant },
        input: row.text()?,
        context: row.json()?,
        created_at: Timestamp(row.int()?),
        state: row.parsed(RunState::parse)?,
        ended_at: row.maybe_int()?.map(Timestamp),
        epoch: row.int()?,
        failures: row.int()?,
        approval: match row.maybe_text()? {
            Some(id) => Some(id.parse().map_err(|_| StoreError::Corrupt("a run".to_owned()))?),
            None => None,
        },
        cost: money(row.int()?),
        cancelled_by: row.maybe_text()?,
    })
}

const ENTRIES: &str = "select position, at, took_us, payload, hash from entries \
                       where run = $1 and position >= $2 order by position limit $3";

fn entry(run: RunId, row: Row) -> Result<Entry, StoreError> {
    let mut row = row.of("an entry");
    let position = row.position()?;
    rest_of_entry(position, row).map_err(|_| StoreError::Corrupt(format!("the entry at position {position} of {run}")))
}

fn rest_of_entry(position: u32, mut row: Row) -> Result<Entry, StoreError> {
    let at = Timestamp(row.int()?);
    let took_us = row.int()?.cast_unsigned();
    let payload = row.json()?;
    let hash = row.hash()?;
    Ok(Entry { position, at, took_us, payload, hash })
}

struct Create(NewRun);

#[async_trait]
impl Operation for Create {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self(NewRun { id, agent, version, principal, input, context, created_at, claim }) = self;
        let (worker, until, epoch) = match &claim {
            Some((worker, until)) => (worker.as_str(), until.0, 1_i64),
            None => ("", 0, 0),
        };
        let came_with = json("the context of a run", &context)?;
        #[rustfmt::skip]
        let arguments = values![
            id.to_string(), agent, version, principal.tenant, principal.id, input, created_at.0, worker, until, epoch,
            came_with, context.conversation,
        ];
        match connection.execute(CREATE, arguments).await? {
            0 => Err(StoreError::Exists(id.to_string())),
            _ => Ok(()),
        }
    }
}

const CREATE: &str = "insert into runs (id, agent, version, tenant, principal, input, created_at, state, claimed_by, \
                      claimed_until, epoch, wake_at, failures, cost, context, conversation) \
                      values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10, $7, 0, 0, $11, $12) \
                      on conflict do nothing";

/// Money as an amount that fits a column and that a thousand of can be added up.
pub(crate) fn column(amount: MicroUsd) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX).min(MAX_MONEY)
}

/// Money from a column.
pub(crate) fn money(column: i64) -> MicroUsd {
    MicroUsd(u64::try_from(column).unwrap_or(0))
}

/// Nine billion dollars.
const MAX_MONEY: i64 = i64::MAX / 1024;

/// `insert` for 1, 2, … rows at once: a round trip each would cost more than the rows.
pub(crate) static INSERT_ENTRIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let row = |index: usize| {
        let columns: Vec<String> = (1..=7).map(|column| format!("${}", index * 7 + column)).collect();
        format!("({})", columns.join(", "))
    };
    let insert = |count| {
        let rows: Vec<String> = (0..count).map(row).collect();
        format!(
            "insert into entries (run, position, kind, at, took_us, payload, hash) values {} on conflict do nothing",
            rows.join(", ")
        )
    };
    (1..=8).map(insert).collect()
});
