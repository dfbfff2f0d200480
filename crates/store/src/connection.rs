//! One connection of either engine, with the few verbs that all statements need.
//!
//! Every statement is prepared once per connection and kept. There is no query builder and no mapping to structs: rows
//! are read by [`Row`].

use mainstay_core::error::StoreError;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::error;
use crate::value::{Row, Sql, Value};
use crate::{postgres, sqlite};

/// A connection, borrowed for one operation.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection<'_> {
    /// Runs a statement that changes rows; says how many.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<u64, StoreError> {
        let sql = sql.into();
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql.sqlite, sqlite::arguments(values)?);
                query.execute(&mut **connection).await.map(|done| done.rows_affected())
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql.postgres, postgres::arguments(values)?);
                query.execute(&mut **connection).await.map(|done| done.rows_affected())
            }
        }
        .map_err(error::database)
    }

    /// Runs a statement that gives rows. The statement bounds how many.
    pub(crate) async fn rows(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into();
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql.sqlite, sqlite::arguments(values)?);
                let rows = query.fetch_all(&mut **connection).await.map_err(error::database)?;
                rows.iter().map(sqlite::row).collect()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql.postgres, postgres::arguments(values)?);
                let rows = query.fetch_all(&mut **connection).await.map_err(error::database)?;
                rows.iter().map(postgres::row).collect()
            }
        }
    }

    /// Runs a statement that gives at most one row.
    pub(crate) async fn maybe(&mut self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs several statements without arguments.
    pub(crate) async fn script(&mut self, sql: Sql) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql.sqlite).execute(&mut **connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql.postgres).execute(&mut **connection).await.map(drop),
        }
        .map_err(error::database)
    }
}
