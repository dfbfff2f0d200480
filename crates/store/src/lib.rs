//! Durable storage: the traits of [`mainstay_core::store`] on SQLite and on PostgreSQL.
//!
//! - One set of statements, valid on both engines; the few that differ are pairs (`value::Sql`).
//! - Writes are operations (`operation.rs`): transactions on PostgreSQL, group-committed on SQLite (`writer.rs`).
//! - No clock: every time is a parameter. No statement without a bound on what it gives.
//!
//! Absent on purpose: an object mapper, a query builder, a way to change or delete an entry.

mod approvals;
mod audit;
mod budgets;
mod cache;
mod connection;
mod error;
mod journal;
mod keys;
mod ledger;
mod list;
mod operation;
mod postgres;
mod queue;
mod requests;
mod schema;
mod sqlite;
mod value;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use mainstay_core::error::StoreError;

use crate::operation::Operation;
use crate::value::{Row, Sql, Value};

/// A store; clones share it. Lives as long as the last clone, or until [`Store::close`].
///
/// Futures of its methods may be dropped. What was asked for is then done or not done, wholly.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    /// The latest time that a caller named, in milliseconds; old answers are swept by it.
    latest: AtomicI64,
}

enum Engine {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// How a store works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// SQLite: at most so many operations share one transaction, and so one sync of the disk. 1 switches group commit
    /// off.
    pub max_batch: usize,
    /// At most so many connections: all on PostgreSQL, those that only read on SQLite.
    pub connections: u32,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { max_batch: 256, connections: 8 }
    }
}

impl Store {
    /// Opens `sqlite:PATH` (created when missing, its folder is not), `sqlite::memory:` (private, gone when closed) or
    /// `postgres://…`, and brings the schema up to date. The errors never hold the URL.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, &ConnectOptions::default()).await
    }

    /// [`Store::connect`] with other options.
    pub async fn connect_with(url: &str, options: &ConnectOptions) -> Result<Self, StoreError> {
        let engine = if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') {
                return Err(error::refused("a SQLite store is `sqlite:` and a path, without parameters"));
            }
            Engine::Sqlite(sqlite::Database::open(path, options.max_batch, options.connections).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Engine::Postgres(postgres::Database::open(url, options.connections).await?)
        } else {
            return Err(error::refused("a store's URL starts with `sqlite:` or `postgres://`"));
        };
        let store = Self { inner: Arc::new(Inner { engine, latest: AtomicI64::new(i64::MIN) }) };
        store.migrate().await?;
        Ok(store)
    }

    /// Brings the schema up to date; does nothing when it is. Fails on a store that a newer version wrote.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.write(schema::Migrate).await
    }

    /// Finishes what was asked for and closes all connections. Later calls of any clone fail.
    pub async fn close(&self) {
        match &self.inner.engine {
            Engine::Sqlite(database) => database.close().await,
            Engine::Postgres(database) => database.close().await,
        }
    }

    async fn read(&self, sql: impl Into<Sql>, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match &self.inner.engine {
            Engine::Sqlite(database) => database.read(sql.into(), values).await,
            Engine::Postgres(database) => database.read(sql.into(), values).await,
        }
    }

    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        match &self.inner.engine {
            Engine::Sqlite(database) => database.writer.submit(operation).await,
            Engine::Postgres(database) => database.write(operation).await,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.inner.engine {
            Engine::Sqlite(_) => "Store(sqlite)",
            Engine::Postgres(_) => "Store(postgres)",
        })
    }
}
