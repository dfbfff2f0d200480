//! A fresh schema on the PostgreSQL that `DATABASE_URL` names, if there is one.

use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};

/// A schema that a test has to itself.
pub struct Schema {
    /// Where a store finds it.
    pub url: String,
    /// Its name.
    pub name: String,
    /// A connection outside of it.
    pub admin: PgConnection,
}

impl Schema {
    /// Makes one; without a PostgreSQL says so once and gives `None`.
    pub async fn fresh() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let url = database_url()?;
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let options: PgConnectOptions = url.parse().unwrap();
        let admin = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}options=-csearch_path%3D{name}");
        let mut schema = Self { url, name, admin };
        schema.empty().await;
        Some(schema)
    }

    /// Empties it.
    pub async fn empty(&mut self) {
        let statements = format!("drop schema if exists {0} cascade; create schema {0}", self.name);
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut self.admin).await.unwrap();
    }

    /// Removes it.
    pub async fn remove(mut self) {
        let statement = format!("drop schema {} cascade", self.name);
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.admin).await.unwrap();
    }
}

/// Where PostgreSQL is; without one says so once.
#[expect(clippy::disallowed_methods, reason = "where the tests' PostgreSQL is, is for the environment to say")]
pub fn database_url() -> Option<String> {
    static SKIPPED: Once = Once::new();
    let url = std::env::var("DATABASE_URL").ok().filter(|url| url.starts_with("postgres"));
    if url.is_none() {
        // Not println: that would be kept from whoever reads the outcome of a test that passed.
        SKIPPED.call_once(|| {
            let mut stderr = std::io::stderr();
            stderr.write_all(b"PostgreSQL is skipped: DATABASE_URL does not name one\n").unwrap();
        });
    }
    url
}
