//! Runs and their entries: [`Journal`]. How entries are written is in [`append`], how workers get runs in
//! [`crate::queue`].

pub(crate) mod append;

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
use crate::value::{Row, values};
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
        let state = filter.state.map(RunState::as_str);
        let limit = filter.limit.min(MAX_LIST);
        let before = filter.before.map_or_else(String::new, |run| run.to_string());
        let rows = match (&filter.agent, state) {
            (Some(agent), state) => {
                self.read(RUNS_OF_AGENT, values![limit, before, state.unwrap_or_default(), agent]).await?
            }
            (None, Some(state)) => self.read(RUNS_IN_STATE, values![limit, before, state]).await?,
            (None, None) => self.read(RUNS, values![limit, before]).await?,
        };
        rows.into_iter().map(record).collect()
    }

    async fn entries(&self, run: RunId) -> Result<Vec<Entry>, StoreError> {
        let rows = self.read(ENTRIES, values![run.to_string(), MAX_ENTRIES + 1]).await?;
        if rows.len() > MAX_ENTRIES as usize {
            return Err(error::refused(format!("{run} has more than {MAX_ENTRIES} entries")));
        }
        rows.into_iter().map(|row| entry(run, row)).collect()
    }

    async fn append(&self, append: Append) -> Result<(), StoreError> {
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
        "id, agent, version, tenant, principal, input, created_at, state, ended_at, epoch, failures, approval, cost"
    };
}
pub(crate) use run_columns;

const RUN: &str = concat!("select ", run_columns!(), " from runs where id = $1");
// Each has an index of its own.
// Ids sort by time, so the newest come first and a page begins where the last one ended.
const RUNS: &str =
    concat!("select ", run_columns!(), " from runs where ($2 = '' or id < $2) order by id desc limit $1");
const RUNS_IN_STATE: &str = concat!(
    "select ",
    run_columns!(),
    " from runs where state = $3 and ($2 = '' or id < $2) order by id desc limit $1"
);
const RUNS_OF_AGENT: &str = concat!(
    "select ",
    run_columns!(),
    " from runs where agent = $4 and ($3 = '' or state = $3) and ($2 = '' or id < $2) order by id desc limit $1"
);

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
    })
}

const ENTRIES: &str = "select position, at, took_us, payload, hash from entries \
                       where run = $1 order by position limit $2";

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
        let Self(run) = self;
        let (worker, until, epoch) = match &run.claim {
            Some((worker, until)) => (worker.as_str(), until.0, 1_i64),
            None => ("", 0, 0),
        };
        let Principal { id, tenant } = &run.principal;
        let at = run.created_at.0;
        let arguments =
            values![run.id.to_string(), &run.agent, &run.version, tenant, id, &run.input, at, worker, until, epoch];
        connection.execute(CREATE, arguments).await.map(drop)
    }
}

const CREATE: &str = "insert into runs (id, agent, version, tenant, principal, input, created_at, state, claimed_by, \
                      claimed_until, epoch, wake_at, failures, cost) \
                      values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10, $7, 0, 0)";

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
