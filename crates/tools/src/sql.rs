//! The SQL tool: one fixed query with bound parameters, on SQLite or PostgreSQL.
//!
//! It can only read, by four means that do not rely on one another:
//! 1. the query is parsed against an allow-list of nodes, functions, types and operators ([`check`]), and what runs is
//!    the checked tree written out again;
//! 2. the connection is read-only (SQLite: opened so, and `query_only`; PostgreSQL: `BEGIN READ ONLY` in a session whose
//!    default is read-only too);
//! 3. every call has a time limit that the database itself obeys;
//! 4. rows and bytes are counted while they arrive, and reading stops at the caps.
//!
//! Absent on purpose: queries that a model writes, spliced parameters, list parameters, binary results.

mod allowed;
mod expression;
mod postgres;
mod readonly;
mod sqlite;
mod walk;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::tool::{Invocation, Tool, ToolOutcome};
use mainstay_egress::Secret;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tracing::warn;

pub use readonly::{Checked, Dialect, MAX_BYTES as MAX_QUERY_BYTES, SqlProblem, check};

/// Most connections that one source opens.
const MAX_CONNECTIONS: u32 = 8;
/// Longest wait for a connection: for a free one, or for a server that refuses.
const CONNECT: Duration = Duration::from_secs(2);

/// One query on one source. Its result is `{"rows": […], "truncated": bool}`, or with [`SqlSettings::single`] the row
/// itself or `null`.
#[derive(Debug)]
pub struct SqlTool {
    source: Arc<SqlSource>,
    query: Checked,
    settings: SqlSettings,
}

/// How much one call may read, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlSettings {
    /// Most rows; what is beyond is cut, and the result says so.
    pub max_rows: usize,
    /// Most bytes of JSON.
    pub max_bytes: usize,
    /// The content is the row itself, or `null`; a second row is an error.
    pub single: bool,
    /// Wall-clock limit of one call.
    pub timeout: Duration,
}

impl Default for SqlSettings {
    fn default() -> Self {
        Self { max_rows: 50, max_bytes: 64 * 1024, single: false, timeout: Duration::from_secs(5) }
    }
}

impl SqlTool {
    /// Checks `query` for the engine of `source`. Opens no connection.
    ///
    /// # Errors
    /// What [`check`] refuses.
    pub fn new(source: Arc<SqlSource>, query: &str, settings: SqlSettings) -> Result<Self, SqlProblem> {
        let query = check(query, source.dialect())?;
        Ok(Self { source, query, settings })
    }

    /// The names that the query wants bound; each must be an argument of the tool. One that a call leaves out is bound
    /// as NULL.
    pub fn parameters(&self) -> &[String] {
        self.query.parameters()
    }

    /// [`Self::parameters`] against the arguments that the tool declares.
    ///
    /// # Errors
    /// [`SqlProblem::UnknownParameter`] for the first that is not declared.
    pub fn expect_arguments(&self, declared: &[&str]) -> Result<(), SqlProblem> {
        match self.parameters().iter().find(|name| !declared.contains(&name.as_str())) {
            Some(name) => Err(SqlProblem::UnknownParameter(name.clone())),
            None => Ok(()),
        }
    }

    async fn read(&self, arguments: &Map<String, Value>, limit: Instant) -> Result<Rows, ReadError> {
        let parameters = bind(self.query.parameters(), arguments)?;
        let read = Read {
            sql: self.query.sql(),
            parameters: &parameters,
            limit,
            rows: Rows::new(if self.settings.single { 1 } else { self.settings.max_rows }, self.settings.max_bytes),
        };
        match &self.source.0 {
            Engine::Sqlite(source) => source.read(read).await,
            Engine::Postgres(source) => source.read(read).await,
        }
    }
}

#[async_trait]
impl Tool for SqlTool {
    async fn call(&self, call: &Invocation<'_>, deadline: Instant) -> ToolOutcome {
        let limit = deadline.min(Instant::now() + self.settings.timeout);
        let rows = match self.read(call.arguments, limit).await {
            Ok(rows) => rows,
            Err(error) => {
                // What a database says about a query may quote arguments, and those never reach the log.
                if let ReadError::Unavailable(source) = &error {
                    warn!(error = source.as_ref() as &dyn std::error::Error, "{error}");
                }
                return ToolOutcome::Failed(error.to_string());
            }
        };
        if !self.settings.single {
            return done(json!({"rows": rows.rows, "truncated": rows.truncated}));
        }
        match (rows.rows.into_iter().next(), rows.truncated) {
            (row, false) => done(row.unwrap_or(Value::Null)),
            (Some(_), true) => {
                ToolOutcome::Failed("the query found more than one row where one is expected".to_owned())
            }
            (None, true) => ToolOutcome::Failed(format!("the row is larger than {} bytes", self.settings.max_bytes)),
        }
    }
}

fn done(content: Value) -> ToolOutcome {
    ToolOutcome::Done { content, citations: Vec::new() }
}

/// A database that tools may read. Connects when it is first used.
pub struct SqlSource(Engine);

enum Engine {
    Sqlite(sqlite::Source),
    Postgres(postgres::Source),
}

impl SqlSource {
    /// The SQLite file at `path`. It must exist when it is first used; it is never created.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Engine::Sqlite(sqlite::Source::new(path.into())))
    }

    /// The PostgreSQL database at `url`, such as `postgres://user:password@host/name`. The URL is never printed.
    ///
    /// # Errors
    /// The text is no such URL; the error does not repeat it.
    pub fn postgres(url: &Secret) -> Result<Self, SourceError> {
        Ok(Self(Engine::Postgres(postgres::Source::new(url.expose())?)))
    }

    /// Whose SQL it speaks.
    pub const fn dialect(&self) -> Dialect {
        match self.0 {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl fmt::Debug for SqlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Engine::Sqlite(source) => write!(f, "SqlSource({})", source.path().display()),
            Engine::Postgres(_) => f.write_str("SqlSource(a PostgreSQL server)"),
        }
    }
}

/// A source that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not `postgres://…`.
    #[error("not a PostgreSQL URL (`postgres://user@host/database`)")]
    NotAPostgresUrl,
}

/// A query could not be read to its end. The texts are for models and people; they hold no secrets.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the argument `{0}` is a list or an object; a query takes plain values")]
    NotPlain(String),
    #[error("the argument `{0}` is a number that the database cannot hold")]
    TooLarge(String),
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<sqlx::Error>),
    #[error("the database gave no connection in time")]
    NoConnection,
    #[error("the query took too long and was stopped")]
    TimedOut,
    #[error("the database refused the query: {0}")]
    Refused(String),
    #[error("the column `{0}` holds binary data, which a tool cannot return")]
    Binary(String),
    #[error("the column `{0}` holds text that is not UTF-8")]
    NotUtf8(String),
    #[error("two result columns are called `{0}`")]
    DuplicateColumn(String),
    #[error("the database returned a row that is not JSON")]
    NotJson,
}

impl ReadError {
    /// No connection. What the database says about that may name users, so it goes to the log only.
    fn no_connection(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::NoConnection,
            other => Self::Unavailable(Box::new(other)),
        }
    }

    /// What the engine said about a query: it names columns, types and values.
    fn from_engine(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) => Self::Refused(said.message().chars().take(200).collect()),
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// One reading of a query.
struct Read<'a> {
    sql: &'a str,
    parameters: &'a [Parameter],
    limit: Instant,
    rows: Rows,
}

/// A value as it is bound.
#[derive(Clone, Debug, PartialEq)]
enum Parameter {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

fn bind(names: &[String], arguments: &Map<String, Value>) -> Result<Vec<Parameter>, ReadError> {
    names
        .iter()
        .map(|name| match arguments.get(name) {
            None | Some(Value::Null) => Ok(Parameter::Null),
            Some(Value::Bool(value)) => Ok(Parameter::Boolean(*value)),
            Some(Value::String(text)) => Ok(Parameter::Text(text.clone())),
            Some(Value::Number(number)) => match (number.as_i64(), number.is_f64(), number.as_f64()) {
                (Some(integer), ..) => Ok(Parameter::Integer(integer)),
                (None, true, Some(real)) => Ok(Parameter::Real(real)),
                _ => Err(ReadError::TooLarge(name.clone())),
            },
            Some(Value::Array(_) | Value::Object(_)) => Err(ReadError::NotPlain(name.clone())),
        })
        .collect()
}

/// The rows read so far, never more than the caps allow.
struct Rows {
    rows: Vec<Value>,
    truncated: bool,
    max_rows: usize,
    bytes_left: usize,
}

impl Rows {
    fn new(max_rows: usize, max_bytes: usize) -> Self {
        Self { rows: Vec::new(), truncated: false, max_rows, bytes_left: max_bytes }
    }

    /// True when there is room for one more row; otherwise notes that there are more.
    fn wants_more(&mut self) -> bool {
        self.truncated |= self.rows.len() >= self.max_rows;
        !self.truncated
    }

    /// Takes a row of `bytes` bytes, or notes that it does not fit.
    fn push(&mut self, row: Value, bytes: usize) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                self.rows.push(row);
            }
            None => self.truncated = true,
        }
    }
}

#[cfg(test)]
mod tests;
