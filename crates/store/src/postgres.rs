//! PostgreSQL: a bounded pool, one transaction per operation, and the few things that it wants otherwise.
//!
//! Transactions are `read committed`; what must be exact takes the run's row lock first (see [`crate::operation`]).

use std::str::FromStr;
use std::time::Duration;

use mainstay_core::error::StoreError;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgRow, Postgres};
use sqlx::{Arguments, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::error;
use crate::operation::Operation;
use crate::value::{Row, Sql, Value};

/// An operation is a handful of statements; a link that says nothing for so long is dead.
const DEADLINE: Duration = Duration::from_secs(60);

/// A connection that rested for longer is asked for a sign of life before it is used.
const RESTED: Duration = Duration::from_secs(2);

/// What every connection starts with. Whoever switched `synchronous_commit` off for other work still gets journals that
/// last.
const SESSION: &str = "set statement_timeout = '30s'; set lock_timeout = '10s'; \
    set idle_in_transaction_session_timeout = '60s'; set default_transaction_isolation = 'read committed'; \
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// An open pool.
#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
}

impl Database {
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        // The parser's own words may quote the URL, and with it the password.
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| error::refused("the PostgreSQL URL cannot be read"))?
            .application_name("mainstay")
            .disable_statement_logging();
        let pool = PoolOptions::<Postgres>::new()
            .max_connections(connections.max(1))
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .before_acquire(|connection, rest| {
                Box::pin(async move {
                    if rest.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(SESSION).execute(connection).await.map(drop) })
            });
        // A pool would try again until its patience ends and then not say why; whoever starts up wants to know.
        let first = bounded(async { options.connect().await.map_err(error::connecting) }).await?;
        drop(first.close().await);
        Ok(Self { pool: pool.connect_lazy_with(options) })
    }

    pub(crate) async fn read(&self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        bounded(async {
            let mut connection = self.pool.acquire().await.map_err(error::database)?;
            Connection::Postgres(&mut connection).rows(sql, values).await
        })
        .await
    }

    /// All of the operation or nothing of it.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        bounded(async {
            let mut transaction = self.pool.begin().await.map_err(error::database)?;
            let output = operation.run(&mut Connection::Postgres(&mut transaction)).await;
            match &output {
                Ok(_) => transaction.commit().await.map_err(error::database)?,
                // Dropping would do it too, but only when the connection is next used, and hold the locks until then.
                Err(_) => drop(transaction.rollback().await),
            }
            output
        })
        .await
    }

    pub(crate) async fn close(&self) {
        // A statement that hangs has its own timeout; shutdown does not wait for more than that.
        drop(timeout(DEADLINE, self.pool.close()).await);
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(error::too_slow()))
}

pub(crate) fn arguments(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Text(text) => arguments.add(escaped(text)),
            Value::Int(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::NoText => arguments.add(None::<String>),
            Value::NoInt => arguments.add(None::<i64>),
            Value::Unreadable => Err("only in rows".into()),
        }
        .map_err(|_| error::refused("a value cannot be sent"))?;
    }
    Ok(arguments)
}

pub(crate) fn row(row: &PgRow) -> Result<Row, StoreError> {
    let column = |index| {
        let value = match row.try_column(index)?.type_info().name() {
            "INT8" => row.try_get::<Option<i64>, _>(index)?.map(Value::Int),
            "TEXT" => row.try_get::<Option<String>, _>(index)?.map(|text| Value::Text(unescaped(text))),
            "BYTEA" => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Value::Bytes),
            _ => Some(Value::Unreadable),
        };
        Ok(value.unwrap_or(Value::NoText))
    };
    (0..row.len()).map(column).collect::<Result<_, _>>().map(Row::new).map_err(error::database)
}

/// PostgreSQL's text cannot hold U+0000, requests can. The substitute character stands for the escape: `SUB 0` is
/// U+0000, `SUB 1` is the substitute character itself.
fn escaped(text: String) -> String {
    if !text.bytes().any(|byte| byte == 0 || byte == 0x1a) {
        return text;
    }
    text.replace('\u{1a}', "\u{1a}1").replace('\0', "\u{1a}0")
}

fn unescaped(text: String) -> String {
    if !text.contains('\u{1a}') {
        return text;
    }
    text.replace("\u{1a}0", "\0").replace("\u{1a}1", "\u{1a}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_postgresql_cannot_hold_comes_back_as_it_was() {
        for text in ["plain", "\0", "\u{1a}", "\u{1a}0", "\u{1a}\0\u{1a}1\0", "a\0b\u{1a}\u{1a}c", ""] {
            let stored = escaped(text.to_owned());
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(unescaped(stored), text, "{text:?}");
        }
    }
}
