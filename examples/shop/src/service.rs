//! The shop's order service: refunds and address changes over HTTP on the loopback, and a ledger of what it did.
//!
//! It stands in for a system that an agent finds, with the faults of one: it does **not** recognise a repeated
//! `Idempotency-Key` unless told to, so that a call sent twice shows as two effects. [`ShopFaults`] make it lose its
//! answers in the ways that real services do.

mod connection;
mod faults;
mod ledger;
mod routes;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::connection::{Connection, Door};
pub use crate::service::faults::{Fault, ShopFaults};
pub use crate::service::ledger::{Effect, EffectKind};
use crate::service::routes::Service;

/// The database's name inside the folder.
pub const DATABASE: &str = "shop.db";

/// How the service is started.
#[derive(Clone, Debug, Default)]
pub struct ShopOptions {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What callers must send as `Authorization: Bearer …`; `None` makes a random one.
    pub token: Option<String>,
    /// Answer a repeated `Idempotency-Key` from the ledger instead of acting again.
    pub deduplicate: bool,
    /// What goes wrong.
    pub faults: ShopFaults,
}

/// A running shop service. Dropping it stops it without waiting; [`Shop::stop`] waits.
pub struct Shop {
    /// Such as `http://127.0.0.1:40123`.
    pub base_url: String,
    token: String,
    pool: SqlitePool,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Shop {
    /// Serves the shop whose database `shop.db` lies in `folder`; [`crate::data::generate`] makes one.
    pub async fn start(folder: &Path, options: ShopOptions) -> anyhow::Result<Self> {
        let path = folder.join(DATABASE);
        let pool = open(&path).await.with_context(|| format!("cannot open the shop's data at `{}`", path.display()))?;
        let token = match options.token {
            Some(token) => token,
            None => sqlx::query_scalar("select lower(hex(randomblob(24)))").fetch_one(&pool).await?,
        };
        ensure!(!token.is_empty(), "the shop's token is empty");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{}", options.port))?;
        let base_url = format!("http://{}", listener.local_addr()?);

        let stopping = CancellationToken::new();
        let service = Arc::new(Service {
            pool: pool.clone(),
            token: token.clone(),
            deduplicate: options.deduplicate,
            faults: options.faults.into(),
            stopping: stopping.clone(),
        });
        let router = routes::router(service).into_make_service_with_connect_info::<Connection>();
        let tasks = TaskTracker::new();
        let stopped = stopping.clone();
        tasks.spawn(async move {
            // It never returns an error; a connection's failures are the connection's.
            let _ = axum::serve(Door(listener), router).with_graceful_shutdown(stopped.cancelled_owned()).await;
        });
        tasks.close();
        Ok(Self { base_url, token, pool, tasks, stopping })
    }

    /// The token that callers must send.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Everything that the service did, oldest first: the truth about side effects.
    pub async fn effects(&self) -> anyhow::Result<Vec<Effect>> {
        ledger::effects(&self.pool).await
    }

    /// Lets go of requests that are being held, ends the others, closes the database.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.wait().await;
        self.pool.close().await;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// The effects in a shop's folder, for when its service is not running.
pub async fn effects_in(folder: &Path) -> anyhow::Result<Vec<Effect>> {
    let path: PathBuf = folder.join(DATABASE);
    let pool = open(&path).await.with_context(|| format!("cannot open the shop's data at `{}`", path.display()))?;
    let effects = ledger::effects(&pool).await;
    pool.close().await;
    effects
}

async fn open(path: &Path) -> anyhow::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What was answered with "done" survives a power cut.
        .synchronous(SqliteSynchronous::Full);
    // One writer: requests take turns.
    Ok(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
}

#[cfg(test)]
mod tests;
