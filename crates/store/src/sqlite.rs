//! SQLite: how a file is opened, one writer and some readers.
//!
//! Write-ahead log with `synchronous = FULL`: what is committed survives a power cut. A database in memory has a single
//! connection, so its reads queue with its writes and see the same as they would in a file.

use std::io::ErrorKind;
use std::time::Duration;

use mainstay_core::error::StoreError;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments, ConnectOptions as _, Decode, Row as _, TypeInfo as _, ValueRef as _};

use crate::connection::Connection;
use crate::error;
use crate::operation::Query;
use crate::value::{Row, Sql, Value};
use crate::writer::Writer;

/// How long a statement waits for another process that writes to the same file.
const BUSY: Duration = Duration::from_secs(10);

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) writer: Writer,
    /// None in memory.
    readers: Option<SqlitePool>,
}

impl Database {
    /// Opens `path`, or a private database in memory for `:memory:`.
    pub(crate) async fn open(path: &str, max_batch: usize, readers: u32) -> Result<Self, StoreError> {
        let in_memory = path == ":memory:";
        if !in_memory {
            create_private(path).await?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            // A burst must not leave a huge log behind.
            .pragma("journal_size_limit", "67108864")
            .disable_statement_logging();
        let connection = options.connect().await.map_err(error::connecting)?;
        let writer = Writer::start(connection, max_batch)?;
        let readers = (!in_memory).then(|| {
            PoolOptions::<Sqlite>::new()
                .max_connections(readers.max(1))
                .acquire_timeout(BUSY)
                // A file does not hang up.
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(options.pragma("query_only", "on"))
        });
        Ok(Self { writer, readers })
    }

    pub(crate) async fn read(&self, sql: Sql, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let Some(readers) = &self.readers else {
            return self.writer.submit(Query { sql, values }).await;
        };
        let mut connection = readers.acquire().await.map_err(error::database)?;
        Connection::Sqlite(&mut connection).rows(sql, values).await
    }

    /// The readers go first: the last connection to leave tidies the log away.
    pub(crate) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        self.writer.close().await;
    }
}

/// Runs hold what people wrote: a new file is for its owner only. The log and its index take over these permissions.
async fn create_private(path: &str) -> Result<(), StoreError> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(path).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error::refused(format!("cannot create `{path}`: {error}"))),
    }
}

pub(crate) fn arguments(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
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

pub(crate) fn row(row: &SqliteRow) -> Result<Row, StoreError> {
    let column = |index| {
        let raw = row.try_get_raw(index)?;
        if raw.is_null() {
            return Ok(Value::NoText);
        }
        let value = match raw.type_info().name() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(raw).map(Value::Int),
            "TEXT" => <String as Decode<Sqlite>>::decode(raw).map(Value::Text),
            "BLOB" => <Vec<u8> as Decode<Sqlite>>::decode(raw).map(Value::Bytes),
            _ => Ok(Value::Unreadable),
        };
        Ok(value.unwrap_or(Value::Unreadable))
    };
    (0..row.len()).map(column).collect::<Result<_, _>>().map(Row::new).map_err(error::database)
}
