//! The schema and how it moves forward. Migrations are never changed once released, only added, and never go back.

use async_trait::async_trait;
use mainstay_core::error::StoreError;

use crate::connection::Connection;
use crate::error;
use crate::operation::Operation;
use crate::value::{Sql, values};

macro_rules! migration {
    ($file:literal) => {
        Sql {
            sqlite: include_str!(concat!("../migrations/sqlite/", $file, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $file, ".sql")),
        }
    };
}

/// Version n is what the first n make.
const MIGRATIONS: &[Sql] = &[migration!("0001_start"), migration!("0002_api")];

/// Applies what is missing, all or nothing. Replicas that start at once wait for each other.
pub(crate) struct Migrate;

#[async_trait]
impl Operation for Migrate {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        connection.rows(LOCK, values![]).await?;
        if connection.rows(HAS_VERSIONS, values![]).await?.is_empty() {
            connection.execute(CREATE_VERSIONS, values![]).await?;
        }
        let newest = match connection.maybe(NEWEST, values![]).await? {
            Some(row) => row.of("the schema's version").int()?,
            None => 0,
        };
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if newest > known {
            return Err(error::refused(format!(
                "the store has schema version {newest}, this program knows {known}: start a newer version"
            )));
        }
        for (version, migration) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > newest) {
            connection.script(*migration).await?;
            connection.execute(ADD_VERSION, values![version]).await?;
            tracing::debug!("the store's schema is now at version {version}");
        }
        Ok(())
    }
}

/// The number is ours alone, any would do.
const LOCK: Sql = Sql { sqlite: "select 1", postgres: "select 1::bigint from pg_advisory_xact_lock(7307497714208121)" };

const HAS_VERSIONS: Sql = Sql {
    sqlite: "select name from sqlite_schema where type = 'table' and name = 'schema_version'",
    postgres: "select table_name::text from information_schema.tables \
               where table_schema = current_schema() and table_name = 'schema_version'",
};
const CREATE_VERSIONS: &str = "create table schema_version (version bigint not null primary key)";
const NEWEST: &str = "select version from schema_version order by version desc limit 1";
const ADD_VERSION: &str = "insert into schema_version (version) values ($1)";
