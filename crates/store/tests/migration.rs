//! A store that version 1 wrote: it opens, keeps every run, their chains hold, and what was under way goes on.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;

use mainstay_core::journal::chain;
use mainstay_core::journal::entry::{FinalState, RunContext};
use mainstay_core::runtime::Driven;
use mainstay_core::store::access::{Audit, AuditFilter, CancelNoted, Keys, Requests};
use mainstay_core::store::{Approvals, Journal, RunFilter, RunRecord, RunState};
use mainstay_core::tool::Effect;
use mainstay_store::Store;
use mainstay_testkit::clock::ManualClock;
use mainstay_testkit::harness::{Harness, Scripted, agent, done, tool};
use mainstay_testkit::postgres::Schema;
use mainstay_testkit::script::{Script, answers};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

const VERSIONS: &str = "create table schema_version (version bigint not null primary key);";
const DATA: &str = include_str!("data/version_1.sql");

#[tokio::test]
async fn a_file_of_version_1_keeps_its_runs_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mainstay.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut old = options.connect().await.unwrap();
    let schema = include_str!("../migrations/sqlite/0001_start.sql");
    sqlx::raw_sql(AssertSqlSafe(format!("{VERSIONS} {schema} {DATA}"))).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    let url = format!("sqlite:{}", path.display());
    everything_is_there_and_goes_on(&url).await;
}

#[tokio::test]
async fn a_database_of_version_1_keeps_its_runs_and_goes_on() {
    let Some(place) = Schema::fresh().await else { return };
    let mut old: PgConnection = place.url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let schema = include_str!("../migrations/postgres/0001_start.sql");
    let data = DATA.replace("X'", "'\\x");
    sqlx::raw_sql(AssertSqlSafe(format!("{VERSIONS} {schema} {data}"))).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    everything_is_there_and_goes_on(&place.url).await;
    place.remove().await;
}

async fn everything_is_there_and_goes_on(url: &str) {
    let store = Store::connect(url).await.unwrap();
    let all = RunFilter { tenant: Some("default".to_owned()), limit: 10, ..RunFilter::default() };
    let runs = store.runs(&all).await.unwrap();
    let states: Vec<RunState> = runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Open, RunState::Parked, RunState::Ended(FinalState::Answered)]);
    for (run, entries) in runs.iter().zip([0, 5, 9]) {
        assert_eq!((&run.context, &run.cancelled_by), (&RunContext::default(), &None));
        let stored = store.entries(run.id, 0).await.unwrap();
        assert_eq!(stored.len(), entries);
        chain::verify(run, &stored).unwrap();
    }
    let [held, parked, answered] = <[RunRecord; 3]>::try_from(runs).unwrap();
    let approval = store.approval(parked.approval.unwrap()).await.unwrap().unwrap();
    assert_eq!((approval.decision, approval.edited, approval.answer), (None, None, None));
    assert_eq!(store.keys(10).await.unwrap(), []);
    assert_eq!(store.audit(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap(), []);

    // The question is answered and the run goes on where the old program left it.
    let refund = Scripted::new(|_| done(json!({"ok": true})));
    let script = Arc::new(Script::new([answers("It is on its way.")]));
    let mut agent = agent(script.clone());
    let arguments = json!({"order_id": {"type": "string"}, "amount": {"type": "number"}});
    agent.tools.insert("refund".into(), tool("refund", Effect::Write, arguments, refund.clone()));
    let clock = Arc::new(ManualClock::default());
    let harness = Harness::over(store.clone(), Arc::new(agent), clock);
    assert_eq!(harness.runtime.cancel(held.id, "ann").await.unwrap(), CancelNoted::Noted);
    harness.decide(true).await;
    let driven = harness.resume().await;
    assert!(matches!(&driven[..], [Driven::Ended { reply, .. }] if reply.state == FinalState::Answered), "{driven:?}");
    assert_eq!(refund.calls(), 1);
    script.assert_used_up();
    let entries = harness.entries(parked.id).await;
    assert!(entries.len() > 5, "added to what was there, in one chain");
    assert_eq!(store.feedback(answered.id, 10).await.unwrap(), []);
    store.close().await;
}
