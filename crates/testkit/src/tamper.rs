//! Changes a store's file behind its back, as somebody with the file and a grudge would.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// Runs one statement on the SQLite file at `path`.
pub async fn sqlite(path: &std::path::Path, statement: &str) {
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
