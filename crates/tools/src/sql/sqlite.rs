//! SQLite: a read-only connection, and a progress handler that stops a query which nobody waits for any longer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Map, Number, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Row, SqliteConnection, TypeInfo, ValueRef};
use tokio::time::timeout_at;

use super::{CONNECT, MAX_CONNECTIONS, Parameter, Read, ReadError, Rows};

/// The handler is asked after so many steps of SQLite's virtual machine: some ten microseconds.
const STEPS: i32 = 1_000;

/// A file. Connections are opened when they are first needed.
pub(super) struct Source {
    path: PathBuf,
    pool: OnceLock<SqlitePool>,
}

impl Source {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, pool: OnceLock::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn read(&self, read: Read<'_>) -> Result<Rows, ReadError> {
        let limit = read.limit;
        // Dropped on a timeout and when the caller gives up: both stop the query inside SQLite.
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let still_wanted = Arc::clone(&wanted.0);
        let work = async {
            let mut connection = self.pool().acquire().await.map_err(ReadError::no_connection)?;
            let mut handle = connection.lock_handle().await.map_err(ReadError::from_engine)?;
            handle.set_progress_handler(STEPS, move || still_wanted.load(Ordering::Relaxed));
            drop(handle);
            let rows = transaction(&mut connection, read).await;
            connection.lock_handle().await.map_err(ReadError::from_engine)?.remove_progress_handler();
            rows
        };
        timeout_at(limit, work).await.unwrap_or(Err(ReadError::TimedOut))
    }

    fn pool(&self) -> &SqlitePool {
        self.pool.get_or_init(|| {
            let options = SqliteConnectOptions::new()
                .filename(&self.path)
                .read_only(true)
                .create_if_missing(false)
                .pragma("query_only", "ON")
                // Functions hidden in views and triggers of the file must be harmless ones.
                .pragma("trusted_schema", "OFF")
                .busy_timeout(Duration::from_secs(1))
                .row_buffer_size(4)
                .disable_statement_logging();
            SqlitePoolOptions::new()
                .max_connections(MAX_CONNECTIONS)
                .acquire_timeout(CONNECT)
                .connect_lazy_with(options)
        })
    }
}

struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Reads one state of the file; and inside a transaction there is no `VACUUM INTO`, which no read-only mode prevents.
async fn transaction(connection: &mut SqliteConnection, read: Read<'_>) -> Result<Rows, ReadError> {
    let mut transaction = connection.begin().await.map_err(ReadError::from_engine)?;
    let rows = rows(&mut transaction, read).await?;
    transaction.rollback().await.map_err(ReadError::from_engine)?;
    Ok(rows)
}

async fn rows(connection: &mut SqliteConnection, read: Read<'_>) -> Result<Rows, ReadError> {
    let mut query = sqlx::query(AssertSqlSafe(read.sql));
    for parameter in read.parameters {
        query = match parameter {
            Parameter::Null => query.bind(None::<String>),
            Parameter::Boolean(value) => query.bind(value),
            Parameter::Integer(value) => query.bind(value),
            Parameter::Real(value) => query.bind(value),
            Parameter::Text(value) => query.bind(value),
        };
    }
    let mut rows = read.rows;
    let mut stream = query.fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(ReadError::from_engine)? {
        if !rows.wants_more() {
            break;
        }
        match object(&row, rows.bytes_left)? {
            Some((row, bytes)) => rows.push(row, bytes),
            None => {
                rows.truncated = true;
                break;
            }
        }
    }
    Ok(rows)
}

/// The row as JSON and its size, or nothing when it is larger than `most`. Long texts are not even copied then.
fn object(row: &SqliteRow, most: usize) -> Result<Option<(Value, usize)>, ReadError> {
    let mut object = Map::new();
    let mut bytes = 2;
    for column in row.columns() {
        let name = column.name();
        let value = value(row, column.ordinal(), name, most)?;
        let Some(value) = value else { return Ok(None) };
        // Quotes, colon and comma of one member; escapes make a text longer, so the rendered size counts.
        bytes += name.len() + 4 + value.to_string().len();
        if bytes > most {
            return Ok(None);
        }
        if object.insert(name.to_owned(), value).is_some() {
            return Err(ReadError::DuplicateColumn(name.to_owned()));
        }
    }
    Ok(Some((Value::Object(object), bytes)))
}

fn value(row: &SqliteRow, ordinal: usize, name: &str, most: usize) -> Result<Option<Value>, ReadError> {
    let raw = row.try_get_raw(ordinal).map_err(ReadError::from_engine)?;
    if raw.is_null() {
        return Ok(Some(Value::Null));
    }
    let value = match raw.type_info().name() {
        "INTEGER" => Value::from(row.try_get::<i64, _>(ordinal).map_err(ReadError::from_engine)?),
        "REAL" => {
            let real: f64 = row.try_get(ordinal).map_err(ReadError::from_engine)?;
            // SQLite has infinities and JSON has not; PostgreSQL writes them like this.
            let infinity = if real > 0.0 { "Infinity" } else { "-Infinity" };
            Number::from_f64(real).map_or_else(|| Value::from(infinity), Value::Number)
        }
        "TEXT" => {
            let text: &str = row.try_get(ordinal).map_err(|_| ReadError::NotUtf8(name.to_owned()))?;
            if text.len() > most {
                return Ok(None);
            }
            Value::from(text)
        }
        _ => return Err(ReadError::Binary(name.to_owned())),
    };
    Ok(Some(value))
}
