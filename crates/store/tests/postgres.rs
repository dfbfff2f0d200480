//! The suite on PostgreSQL, when `DATABASE_URL` says where one is; each case in a schema of its own.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::time::Duration;

use mainstay_core::error::{Retry, StoreError};
use mainstay_core::store::{Journal, RunFilter};
use mainstay_store::Store;
use mainstay_testkit::postgres::{Schema, database_url};
use mainstay_testkit::store_suite::Stores;
use sqlx::postgres::{PgConnectOptions, PgConnection};

struct Place {
    store: Store,
    schema: Schema,
}

impl Place {
    fn stores(&self) -> Stores {
        Stores::of(&self.store)
    }

    async fn remove(self) {
        self.store.close().await;
        self.schema.remove().await;
    }
}

mainstay_testkit::store_suite!(fresh);

async fn fresh() -> Option<Place> {
    let schema = Schema::fresh().await?;
    let store = Store::connect(&schema.url).await.unwrap();
    Some(Place { store, schema })
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
async fn replicas_that_start_at_once_agree_on_the_schema() {
    let Some(mut place) = fresh().await else { return };
    place.schema.empty().await;
    let (one, two, three) = tokio::join!(
        Store::connect(&place.schema.url),
        Store::connect(&place.schema.url),
        Store::connect(&place.schema.url)
    );
    let lease = Stores::of(&one.unwrap()).held(1).await;
    Stores::of(&two.unwrap()).append(&lease, 0..3, vec![]).await.unwrap();
    assert_eq!(three.unwrap().entries(lease.run, 0).await.unwrap().len(), 3);
    place.remove().await;
}

#[tokio::test]
async fn a_transaction_whose_connection_dies_leaves_nothing_and_the_next_call_works() {
    let Some(mut place) = fresh().await else { return };
    let lease = place.stores().held(1).await;

    // Somebody holds the run's row, so that the append waits in the middle of its transaction.
    let options: PgConnectOptions = place.schema.url.parse().unwrap();
    let mut holder: PgConnection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql("begin; select id from runs for update").execute(&mut holder).await.unwrap();
    let stores = place.stores();
    let append = stores.append(&lease, 0..3, vec![]);
    let kill = async {
        let victims = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                       where wait_event_type = 'Lock' and query like 'select cancelled_by from runs where id = $1%' \
                       and pid in (select pid from pg_locks join pg_class on relation = pg_class.oid \
                       join pg_namespace on relnamespace = pg_namespace.oid where nspname = $1)";
        while sqlx::query_scalar::<_, i64>(victims)
            .bind(&place.schema.name)
            .fetch_one(&mut place.schema.admin)
            .await
            .unwrap()
            == 0
        {
            tokio::task::yield_now().await;
        }
    };
    let both = async { tokio::join!(append, kill) };
    let (result, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    match result {
        Err(StoreError::Database { retry: Retry::Backoff, .. }) => {}
        other => panic!("{other:?}"),
    }
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    assert_eq!(place.store.entries(lease.run, 0).await.unwrap(), []);
    place.stores().append(&lease, 0..3, vec![]).await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn a_caller_who_stops_waiting_leaves_nothing_half_done() {
    let Some(place) = fresh().await else { return };
    let lease = place.stores().held(1).await;
    let stores = place.stores();
    {
        let append = stores.append(&lease, 0..3, vec![]);
        tokio::pin!(append);
        // Polled until it is under way, then dropped.
        for _ in 0..3 {
            tokio::select! { biased; _ = &mut append => break, () = tokio::task::yield_now() => {} }
        }
    }
    let written = place.store.entries(lease.run, 0).await.unwrap().len();
    assert!(written == 0 || written == 3, "{written} entries");
    place.store.runs(&ALL).await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    let Some(url) = database_url() else { return };
    let mut options = url::Url::parse(&url).unwrap();
    options.set_username("nobody_of_that_name").unwrap();
    options.set_password(Some("hunter2%C3%BC")).unwrap();
    let error = Store::connect(options.as_str()).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect: "), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Store::connect(&format!("postgres://u:hunter2@127.0.0.1:{port}/x")).await.unwrap_err();
    assert!(matches!(&error, StoreError::Database { retry: Retry::Backoff, .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}
