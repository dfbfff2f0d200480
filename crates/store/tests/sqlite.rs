//! The suite on SQLite, in a file and in memory, and what only a file can show.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::Path;

use mainstay_core::clock::Timestamp;
use mainstay_core::error::{Retry, StoreError};
use mainstay_core::store::{Journal, RunFilter};
use mainstay_store::{ConnectOptions, Store};
use mainstay_testkit::store_suite::Stores;
use tempfile::TempDir;

/// A store in a folder of its own; in memory without one.
struct Place {
    store: Store,
    folder: Option<TempDir>,
}

impl Place {
    fn stores(&self) -> Stores {
        Stores::of(&self.store)
    }

    async fn remove(self) {
        self.store.close().await;
        drop(self.folder);
    }
}

mod file {
    use super::*;

    async fn fresh() -> Option<Place> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::connect(&url(folder.path())).await.unwrap();
        Some(Place { store, folder: Some(folder) })
    }

    mainstay_testkit::store_suite!(fresh);
}

mod memory {
    use super::*;

    async fn fresh() -> Option<Place> {
        Some(Place { store: Store::connect("sqlite::memory:").await.unwrap(), folder: None })
    }

    mainstay_testkit::store_suite!(fresh);
}

mod one_by_one {
    use super::*;

    async fn fresh() -> Option<Place> {
        let folder = tempfile::tempdir().unwrap();
        let options = ConnectOptions { max_batch: 1, connections: 1 };
        let store = Store::connect_with(&url(folder.path()), &options).await.unwrap();
        Some(Place { store, folder: Some(folder) })
    }

    mainstay_testkit::store_suite!(fresh);
}

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("mainstay.db").display())
}

const ALL: RunFilter = RunFilter {
    tenant: None,
    agent: None,
    state: None,
    principal: None,
    conversation: None,
    text: None,
    before: None,
    limit: 100,
};

#[tokio::test]
async fn a_file_that_is_opened_again_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    let lease = Stores::of(&store).held(1).await;
    Stores::of(&store).append(&lease, 0..5, vec![]).await.unwrap();
    let before = (store.runs(&ALL).await.unwrap(), store.entries(lease.run, 0).await.unwrap());
    store.close().await;
    assert!(!folder.path().join("mainstay.db-wal").exists(), "the log is tidied away");

    let store = Store::connect(&url(folder.path())).await.unwrap();
    assert_eq!((store.runs(&ALL).await.unwrap(), store.entries(lease.run, 0).await.unwrap()), before);
}

#[tokio::test]
async fn what_was_answered_is_in_the_file_without_being_closed_and_what_was_not_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    let lease = Stores::of(&store).held(1).await;
    Stores::of(&store).append(&lease, 0..5, vec![]).await.unwrap();

    // Another process dies in the middle of its transaction, with pages of it in the log already.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("mainstay.db"));
    let mut other = sqlx::ConnectOptions::connect(&options.pragma("cache_spill", "1")).await.unwrap();
    let half = "pragma cache_size = 1; begin immediate; \
                insert into entries select run, position + 100, kind, at, took_us, payload || hex(zeroblob(200000)), hash \
                from entries; delete from entries where position < 100; update runs set state = 'failed';";
    sqlx::raw_sql(half).execute(&mut other).await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    for file in ["mainstay.db", "mainstay.db-wal"] {
        std::fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
    }
    let log = std::fs::metadata(crashed.path().join("mainstay.db-wal")).unwrap().len();
    assert!(log > 2_000_000, "the unfinished pages are there: {log}");

    let found = Store::connect(&url(crashed.path())).await.unwrap();
    assert_eq!(found.runs(&ALL).await.unwrap(), store.runs(&ALL).await.unwrap());
    let entries = found.entries(lease.run, 0).await.unwrap();
    assert_eq!(entries.len(), 5);
    assert_eq!(entries, store.entries(lease.run, 0).await.unwrap());
}

#[tokio::test]
async fn two_processes_share_a_file_and_neither_loses_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let one = Store::connect(&url(folder.path())).await.unwrap();
    let two = Store::connect(&url(folder.path())).await.unwrap();
    let write = async |store: &Store, numbers: std::ops::Range<u32>| {
        for n in numbers {
            let lease = Stores::of(store).held(n).await;
            Stores::of(store).append(&lease, 0..2, vec![]).await.unwrap();
        }
    };
    tokio::join!(write(&one, 0..25), write(&two, 25..50));
    let runs = two.runs(&ALL).await.unwrap();
    assert_eq!(runs.len(), 50);
    assert_eq!(one.runs(&ALL).await.unwrap(), runs);
}

#[tokio::test]
async fn an_entry_that_somebody_made_unreadable_is_named_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    let lease = Stores::of(&store).held(1).await;
    Stores::of(&store).append(&lease, 0..5, vec![]).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("mainstay.db"));
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    for damage in [
        "update entries set payload = 'hunter2' where position = 3",
        "update entries set payload = cast(x'ff68756e74657232' as text) where position = 3",
        "update entries set payload = '{\"kind\":\"unheard_of\"}', hash = x'00' where position = 3",
    ] {
        sqlx::raw_sql(damage).execute(&mut other).await.unwrap();
        let error = store.entries(lease.run, 0).await.unwrap_err();
        let expected = format!("the store holds something unreadable: the entry at position 3 of {}", lease.run);
        assert_eq!(error.to_string(), expected, "{damage}");
    }
    assert!(matches!(store.entries(lease.run, 0).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("mainstay.db"));
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql("insert into schema_version (version) values (99)").execute(&mut other).await.unwrap();

    let error = Store::connect(&url(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("schema version 99"), "{error}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for url in [url(folder.path()), "sqlite::memory:".to_owned()] {
        let store = Store::connect(&url).await.unwrap();
        let other = store.clone();
        let nobody = Stores::of(&store).held(1).await;
        store.close().await;
        store.close().await;
        let run = other.runs(&ALL).await.unwrap_err();
        let released = other.release(&nobody, Timestamp(0)).await.unwrap_err();
        for error in [run, released] {
            assert_eq!(error.to_string(), "the database failed: the store is closed");
        }
    }
}

#[tokio::test]
async fn a_url_that_is_no_store_is_refused_without_being_repeated() {
    for url in [
        "",
        "sqlite:",
        "mysql://root:hunter2@localhost/x",
        "sqlite:hunter2.db?mode=ro",
        "postgres://u:hunter2@localhost:99999/x",
        "postgres://u:hunter2@[::1/x",
    ] {
        let error = Store::connect(url).await.unwrap_err();
        assert!(matches!(&error, StoreError::Database { retry: Retry::No, .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let error = Store::connect("sqlite:/nowhere/at/all.db").await.unwrap_err();
    assert!(error.to_string().contains("cannot create `/nowhere/at/all.db`"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    Stores::of(&store).held(1).await;
    for file in ["mainstay.db", "mainstay.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_search_reads_the_newest_runs_that_fit_otherwise_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&url(folder.path())).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("mainstay.db"));
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    // The oldest of each agent is what is looked for; one agent has as many as are read, the other one more.
    let many = "with recursive n(n) as (select 1 union all select n + 1 from n where n < 20001) \
        insert into runs (id, agent, version, tenant, principal, input, created_at, state, claimed_by, claimed_until, \
        epoch, wake_at, failures, cost) \
        select printf('run_%032x', n), case when n % 2 = 1 then 'orders' else 'returns' end, 'v', 'default', 'c', \
        case when n <= 2 then 'needle' else 'hay' end, n, 'open', '', 0, 0, 0, 0, 0 from n";
    sqlx::raw_sql(many).execute(&mut other).await.unwrap();
    let found = async |agent: &str| {
        let filter = RunFilter { agent: Some(agent.to_owned()), text: Some("needle".to_owned()), ..ALL };
        store.runs(&filter).await.unwrap().len()
    };
    assert_eq!((found("returns").await, found("orders").await), (1, 0));
    let page = RunFilter {
        text: Some("needle".to_owned()),
        before: "run_00000000000000000000000000000100".parse().ok(),
        ..ALL
    };
    assert_eq!(store.runs(&page).await.unwrap().len(), 2, "a later page goes on from there");
}
