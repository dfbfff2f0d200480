//! Something that is done wholly or not at all, the same on both engines.
//!
//! On PostgreSQL an operation is a transaction; on SQLite it shares one with others (see [`crate::writer`]) and is undone
//! alone. Where several transactions could meet, the run's row is locked before anything else of that run is read or
//! written, several runs are locked in the order of their ids, and scopes of budgets in the order of their names: so what
//! was read stays true, and nobody waits in a circle.

use async_trait::async_trait;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;

use crate::connection::Connection;
use crate::value::{Row, Sql, Value, locking, values};

#[async_trait]
pub(crate) trait Operation: Send + 'static {
    type Output: Send + 'static;

    /// Does it. What it changed is undone when it fails.
    async fn run(self, connection: &mut Connection<'_>) -> Result<Self::Output, StoreError>;
}

const LOCK_RUN: Sql = locking!("for update", "select id from runs where id = $1");

/// Waits until nobody else works on the run's rows.
pub(crate) async fn lock(connection: &mut Connection<'_>, run: &str) -> Result<(), StoreError> {
    match connection {
        // There is one writer, and it is us.
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(_) => connection.rows(LOCK_RUN, values![run]).await.map(drop),
    }
}

/// A run's id from a row.
pub(crate) fn run_id(row: &mut Row) -> Result<RunId, StoreError> {
    row.parsed(|text| text.parse().ok())
}

/// A read that has to queue with the writes.
pub(crate) struct Query {
    pub(crate) sql: Sql,
    pub(crate) values: Vec<Value>,
}

#[async_trait]
impl Operation for Query {
    type Output = Vec<Row>;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Vec<Row>, StoreError> {
        connection.rows(self.sql, self.values).await
    }
}
