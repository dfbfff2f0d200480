//! PostgreSQL: a read-only transaction with a statement timeout. The server turns each row into JSON, so every type that
//! it has comes through as it writes it.

use std::str::FromStr;
use std::sync::OnceLock;

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgConnectOptions, PgPool, PgPoolOptions, PgTypeInfo};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Encode, PgConnection, Postgres, Row, Type};
use tokio::time::{Instant, timeout_at};

use super::{CONNECT, MAX_CONNECTIONS, Parameter, Read, ReadError, Rows, SourceError};

/// A server. Connections are opened when they are first needed.
pub(super) struct Source {
    options: Box<PgConnectOptions>,
    pool: OnceLock<PgPool>,
}

impl Source {
    pub(super) fn new(url: &str) -> Result<Self, SourceError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(SourceError::NotAPostgresUrl);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| SourceError::NotAPostgresUrl)?;
        let options = options
            .options([
                ("default_transaction_read_only", "on"),
                // Otherwise a backslash could end a string elsewhere than the check believes.
                ("standard_conforming_strings", "on"),
            ])
            .application_name("mainstay-sql-tool")
            .disable_statement_logging();
        Ok(Self { options: Box::new(options), pool: OnceLock::new() })
    }

    pub(super) async fn read(&self, read: Read<'_>) -> Result<Rows, ReadError> {
        let limit = read.limit;
        let acquired = timeout_at(limit, self.pool().acquire()).await.map_err(|_| ReadError::NoConnection)?;
        let mut connection = acquired.map_err(ReadError::no_connection)?;
        let outcome = timeout_at(limit, transaction(&mut connection, read)).await;
        outcome.unwrap_or_else(|_| {
            // Nobody knows what the far side still sends on it. The server's own timeout ends the query.
            connection.close_on_drop();
            Err(ReadError::TimedOut)
        })
    }

    fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| {
            let options = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(CONNECT);
            options.connect_lazy_with((*self.options).clone())
        })
    }
}

async fn transaction(connection: &mut PgConnection, read: Read<'_>) -> Result<Rows, ReadError> {
    let mut transaction = connection.begin_with("BEGIN READ ONLY").await.map_err(ReadError::from_engine)?;
    let left = read.limit.saturating_duration_since(Instant::now()).as_millis().max(1);
    sqlx::query("select set_config('statement_timeout', $1, true)")
        .bind(left.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(ReadError::from_engine)?;
    let rows = rows(&mut transaction, read).await?;
    transaction.rollback().await.map_err(ReadError::from_engine)?;
    Ok(rows)
}

async fn rows(connection: &mut PgConnection, read: Read<'_>) -> Result<Rows, ReadError> {
    let mut rows = read.rows;
    // One more than the caps, to know that there was more. As a subquery nothing but a query could run at all.
    let sql = format!(
        "select pg_catalog.left(pg_catalog.to_jsonb(q)::text, {}) from ({}) as q limit {}",
        rows.bytes_left.saturating_add(1).min(1 << 30),
        read.sql,
        rows.max_rows.saturating_add(1).min(1 << 30),
    );
    // Not kept as a prepared statement: the server then plans with the values at hand.
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for parameter in read.parameters {
        query = match parameter {
            Parameter::Null => query.bind(Untyped),
            Parameter::Boolean(value) => query.bind(value),
            Parameter::Integer(value) => query.bind(value),
            Parameter::Real(value) => query.bind(value),
            Parameter::Text(value) => query.bind(value),
        };
    }
    let mut stream = query.fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(explain)? {
        if !rows.wants_more() {
            break;
        }
        let text: &str = row.try_get(0).map_err(ReadError::from_engine)?;
        if text.len() > rows.bytes_left {
            rows.truncated = true;
            break;
        }
        let value: Value = serde_json::from_str(text).map_err(|_| ReadError::NotJson)?;
        rows.push(value, text.len());
    }
    Ok(rows)
}

/// `query_canceled`: the statement timeout has struck.
fn explain(error: sqlx::Error) -> ReadError {
    match error.as_database_error().and_then(|said| said.code()) {
        Some(code) if code == "57014" => ReadError::TimedOut,
        _ => ReadError::from_engine(error),
    }
}

/// NULL of whatever type the place wants.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        const UNKNOWN: Oid = Oid(705);
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}
