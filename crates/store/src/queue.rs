//! How workers get runs, keep them and give them back.

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::store::{Claim, Lease, RunRecord};

use crate::connection::Connection;
use crate::journal::{MAX_LIST, record, run_columns};
use crate::operation::Operation;
use crate::value::{Sql, values};

/// Takes over due runs.
pub(crate) struct ClaimRuns(pub(crate) Claim);

#[async_trait]
impl Operation for ClaimRuns {
    type Output = Vec<RunRecord>;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Vec<RunRecord>, StoreError> {
        let Self(claim) = self;
        let arguments = values![&claim.worker, claim.until.0, claim.now.0, claim.limit.min(MAX_LIST)];
        let rows = connection.rows(CLAIM, arguments).await?;
        let mut runs: Vec<RunRecord> = rows.into_iter().map(record).collect::<Result<_, _>>()?;
        // What an update returns comes in any order.
        runs.sort_by_key(|run| (run.created_at, run.id));
        Ok(runs)
    }
}

// Ids sort by time, so the oldest come first.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "with due as materialized (select id from runs \
             where state = 'open' and claimed_until <= $3 and wake_at <= $3 order by id limit $4",
            $lock,
            ") update runs set claimed_by = $1, claimed_until = $2, epoch = epoch + 1 \
             where id in (select id from due) returning ",
            run_columns!()
        )
    };
}

/// Runs that another worker is just claiming are passed over.
const CLAIM: Sql = Sql { sqlite: claim!(""), postgres: claim!(" for update skip locked") };

/// Extends leases.
pub(crate) struct Renew {
    leases: Vec<Lease>,
    until: Timestamp,
}

impl Renew {
    pub(crate) fn new(leases: &[Lease], until: Timestamp) -> Self {
        let mut leases = leases.to_vec();
        leases.sort_by_key(|lease| lease.run.to_string());
        Self { leases, until }
    }
}

#[async_trait]
impl Operation for Renew {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        for lease in &self.leases {
            let arguments = values![lease.run.to_string(), &lease.worker, lease.epoch, self.until.0];
            connection.execute(RENEW, arguments).await?;
        }
        Ok(())
    }
}

const RENEW: &str = "update runs set claimed_until = $4 \
                     where id = $1 and claimed_by = $2 and epoch = $3 and state = 'open'";

/// Gives a run back.
pub(crate) struct Release {
    pub(crate) lease: Lease,
    pub(crate) wake_at: Timestamp,
}

#[async_trait]
impl Operation for Release {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self { lease, wake_at } = self;
        let arguments = values![lease.run.to_string(), &lease.worker, lease.epoch, wake_at.0];
        match connection.execute(RELEASE, arguments).await? {
            0 => Err(StoreError::LeaseLost),
            _ => Ok(()),
        }
    }
}

const RELEASE: &str = "update runs set claimed_by = '', claimed_until = 0, wake_at = $4, failures = failures + 1 \
                       where id = $1 and claimed_by = $2 and epoch = $3 and state = 'open'";
