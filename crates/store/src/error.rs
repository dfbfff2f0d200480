//! What a driver's error means to us, and what of it may be said.
//!
//! Messages are names and codes; no value of a row and no part of a password is ever in one.

use mainstay_core::error::{Retry, StoreError};
use sqlx::error::DatabaseError;

/// Translates the failure of a statement or a transaction.
pub(crate) fn database(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    let (message, retry) = match &error {
        E::Database(error) => (said_by_engine(&**error), retry(&**error)),
        E::Io(error) => (format!("connection lost ({})", error.kind()), Retry::Backoff),
        E::PoolTimedOut => ("no connection became free in time".to_owned(), Retry::Backoff),
        E::WorkerCrashed => ("the connection is gone".to_owned(), Retry::Backoff),
        E::PoolClosed => (CLOSED.to_owned(), Retry::No),
        E::Tls(_) => ("no secure connection could be made".to_owned(), Retry::Backoff),
        E::Protocol(_) => ("it answered out of turn".to_owned(), Retry::Backoff),
        E::ColumnDecode { .. } | E::Decode(_) => {
            return StoreError::Corrupt("a column of a kind never written".to_owned());
        }
        _ => ("the driver failed".to_owned(), Retry::No),
    };
    StoreError::Database { message, retry }
}

/// Translates a failure to connect. No row can be quoted yet, so the words of the engine and of the system are passed
/// on; those of the URL's parser are not, since the URL holds the password.
pub(crate) fn connecting(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    let (said, retry) = match &error {
        E::Database(error) => (error.message().to_owned(), retry(&**error)),
        E::Io(error) => (error.to_string(), Retry::Backoff),
        E::Tls(error) => (error.to_string(), Retry::No),
        E::PoolTimedOut => ("no connection in time".to_owned(), Retry::Backoff),
        _ => ("the driver failed".to_owned(), Retry::No),
    };
    StoreError::Database { message: format!("cannot connect: {said}"), retry }
}

/// We ourselves say no; repeating does not help.
pub(crate) fn refused(message: impl Into<String>) -> StoreError {
    StoreError::Database { message: message.into(), retry: Retry::No }
}

pub(crate) fn closed() -> StoreError {
    refused(CLOSED)
}

pub(crate) fn too_slow() -> StoreError {
    StoreError::Database { message: "it did not answer in time".to_owned(), retry: Retry::Backoff }
}

pub(crate) fn meanwhile() -> StoreError {
    StoreError::Database { message: "somebody else changed the row meanwhile".to_owned(), retry: Retry::Backoff }
}

/// The same failure for each of several callers.
pub(crate) fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Database { message, retry } => StoreError::Database { message: message.clone(), retry: *retry },
        other => refused(other.to_string()),
    }
}

const CLOSED: &str = "the store is closed";

/// SQLite quotes names only; PostgreSQL quotes values in its data errors (class 22) and those of constraints say enough
/// with the constraint's name.
fn said_by_engine(error: &dyn DatabaseError) -> String {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        return format!("{} (code {code})", error.message());
    }
    match error.constraint() {
        Some(constraint) => format!("`{constraint}` is violated (code {code})"),
        None if code.starts_with("22") || code.starts_with("23") => format!("a value is refused (code {code})"),
        None => format!("{} (code {code})", error.message()),
    }
}

fn retry(error: &dyn DatabaseError) -> Retry {
    let code = error.code().unwrap_or_default();
    let transient = if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte is the class: busy, locked, I/O error, disk full.
        code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
    } else {
        // Connection, resources, an operator's intervention (timeouts among it), system; serialization and deadlock; locks.
        ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class)) || code == "55P03"
    };
    if transient { Retry::Backoff } else { Retry::No }
}
