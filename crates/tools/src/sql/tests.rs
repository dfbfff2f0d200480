use std::path::Path;

use mainstay_core::principal::Principal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use super::*;

/// A shop in a file of its own, and the folder that holds nothing else.
async fn shop() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut writer: SqliteConnection =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    writer
        .execute(
            "create table orders (order_id text primary key, user_id text, total real, items integer, paid boolean, note text);
             insert into orders values ('#W1', 'c-1', 19.5, 2, 1, null), ('#W2', 'c-1', 7, 1, 0, 'gift'), ('#W3', 'c-2', 3, 1, 1, 'x');
             create table odd (a, b); insert into odd values (x'ff00', 1e999), (cast(x'ff' as text), -9223372036854775808);
             create table numbers (n integer);
             insert into numbers with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) select n from c;",
        )
        .await
        .unwrap();
    writer.close().await.unwrap();
    (folder, path)
}

fn settings() -> SqlSettings {
    SqlSettings { timeout: Duration::from_secs(20), ..SqlSettings::default() }
}

async fn call(tool: &SqlTool, arguments: Value) -> ToolOutcome {
    let principal = Principal::new("c-1");
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let call = Invocation { arguments: &arguments, principal: &principal, idempotency_key: "run/1", trace_parent: "" };
    tool.call(&call, Instant::now() + Duration::from_secs(60)).await
}

async fn read(path: &Path, query: &str, settings: SqlSettings, arguments: Value) -> ToolOutcome {
    let tool = SqlTool::new(Arc::new(SqlSource::sqlite(path)), query, settings).unwrap();
    call(&tool, arguments).await
}

fn failed(text: &str) -> ToolOutcome {
    ToolOutcome::Failed(text.to_owned())
}

#[tokio::test]
async fn rows_come_back_as_objects_with_the_types_of_the_database() {
    let (_folder, path) = shop().await;
    let query = "select order_id, total, items, note, total > 8 as large from orders where user_id = :user_id order by order_id";
    let rows = json!([
        {"order_id": "#W1", "total": 19.5, "items": 2, "note": null, "large": 1},
        {"order_id": "#W2", "total": 7.0, "items": 1, "note": "gift", "large": 0},
    ]);
    assert_eq!(
        read(&path, query, settings(), json!({"user_id": "c-1"})).await,
        done(json!({"rows": rows, "truncated": false}))
    );
}

#[tokio::test]
async fn arguments_are_bound_so_sql_in_them_is_only_text() {
    let (_folder, path) = shop().await;
    let query = "select order_id from orders where user_id = :user_id";
    for hostile in ["c-1' or '1'='1", "'; drop table orders; --", "c-1\0", "\u{2019} or 1=1", ":user_id"] {
        let outcome = read(&path, query, settings(), json!({"user_id": hostile})).await;
        assert_eq!(outcome, done(json!({"rows": [], "truncated": false})), "{hostile}");
    }
    let every_kind = "select :a as a, :b as b, :c as c, :d as d, :e as e";
    let single = SqlSettings { single: true, ..settings() };
    assert_eq!(
        read(&path, every_kind, single, json!({"a": 7, "b": 2.5, "c": true, "d": null})).await,
        done(json!({"a": 7, "b": 2.5, "c": 1, "d": null, "e": null})),
        "an argument that is left out is NULL"
    );
    assert_eq!(
        read(&path, query, settings(), json!({"user_id": ["c-1"]})).await,
        failed("the argument `user_id` is a list or an object; a query takes plain values")
    );
    assert_eq!(
        read(&path, query, settings(), json!({"user_id": u64::MAX})).await,
        failed("the argument `user_id` is a number that the database cannot hold")
    );
}

#[tokio::test]
async fn a_single_row_is_the_content_itself_and_two_are_an_error() {
    let (_folder, path) = shop().await;
    let single = SqlSettings { single: true, ..settings() };
    let query = "select order_id from orders where user_id = :user_id";
    assert_eq!(read(&path, query, single, json!({"user_id": "c-2"})).await, done(json!({"order_id": "#W3"})));
    assert_eq!(read(&path, query, single, json!({"user_id": "nobody"})).await, done(Value::Null));
    assert_eq!(
        read(&path, query, single, json!({"user_id": "c-1"})).await,
        failed("the query found more than one row where one is expected")
    );
    let small = SqlSettings { max_bytes: 10, ..single };
    assert_eq!(read(&path, query, small, json!({"user_id": "c-2"})).await, failed("the row is larger than 10 bytes"));
}

#[tokio::test]
async fn reading_stops_at_the_caps_and_says_so() {
    let (_folder, path) = shop().await;
    // The cross join has 4 billion rows: only a reader that stops early ever comes back.
    let endless = "select a.n as a, b.n as b, c.n as c from numbers a, numbers b, numbers c";
    let few = SqlSettings { max_rows: 3, ..settings() };
    let ToolOutcome::Done { content, .. } = read(&path, endless, few, json!({})).await else { panic!("not done") };
    assert_eq!(content["rows"].as_array().unwrap().len(), 3);
    assert_eq!(content["truncated"], json!(true));

    let small = SqlSettings { max_rows: usize::MAX, max_bytes: 500, ..settings() };
    let ToolOutcome::Done { content, .. } = read(&path, endless, small, json!({})).await else { panic!("not done") };
    assert!(content["rows"].to_string().len() <= 500 && content["rows"].as_array().unwrap().len() > 5, "{content}");
    assert_eq!(content["truncated"], json!(true));

    let exact = SqlSettings { max_rows: 3, ..settings() };
    let ToolOutcome::Done { content, .. } = read(&path, "select order_id from orders", exact, json!({})).await else {
        panic!("not done")
    };
    assert_eq!(content["truncated"], json!(false), "exactly as many as allowed is not too many");
}

#[tokio::test]
async fn what_json_cannot_hold_is_refused_in_words() {
    let (_folder, path) = shop().await;
    let one = |query: &'static str| {
        let path = path.clone();
        async move { read(&path, query, settings(), json!({})).await }
    };
    assert_eq!(
        one("select a from odd limit 1").await,
        failed("the column `a` holds binary data, which a tool cannot return")
    );
    assert_eq!(one("select a from odd limit 1 offset 1").await, failed("the column `a` holds text that is not UTF-8"));
    assert_eq!(
        one("select b from odd").await,
        done(json!({"rows": [{"b": "Infinity"}, {"b": i64::MIN}], "truncated": false}))
    );
    assert_eq!(
        one("select * from orders o join orders p on o.order_id = p.order_id").await,
        failed("two result columns are called `order_id`")
    );
    assert_eq!(
        one("select missing from orders").await,
        failed("the database refused the query: no such column: missing")
    );
}

#[tokio::test]
async fn a_slow_query_is_stopped_inside_sqlite_and_the_connection_lives_on() {
    let (_folder, path) = shop().await;
    let source = Arc::new(SqlSource::sqlite(&path));
    let slow = "select count(*) as n from numbers a, numbers b, numbers c, numbers d where a.n + b.n + c.n + d.n < 0";
    let limit = SqlSettings { timeout: Duration::from_millis(200), ..settings() };
    let tool = SqlTool::new(Arc::clone(&source), slow, limit).unwrap();
    // More of them than there are connections: any that were still counting would keep theirs.
    for _ in 0..MAX_CONNECTIONS + 2 {
        let started = Instant::now();
        assert_eq!(call(&tool, json!({})).await, failed("the query took too long and was stopped"));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
    let quick = SqlTool::new(source, "select count(*) as n from orders", settings()).unwrap();
    assert_eq!(call(&quick, json!({})).await, done(json!({"rows": [{"n": 3}], "truncated": false})));
}

#[tokio::test]
async fn a_call_that_is_given_up_stops_its_query() {
    let (_folder, path) = shop().await;
    let source = Arc::new(SqlSource::sqlite(&path));
    let slow = "select count(*) as n from numbers a, numbers b, numbers c, numbers d where a.n + b.n + c.n + d.n < 0";
    let tool = SqlTool::new(Arc::clone(&source), slow, settings()).unwrap();
    for _ in 0..MAX_CONNECTIONS + 2 {
        // Dropped by the caller long before the tool's own limit.
        let given_up = tokio::time::timeout(Duration::from_millis(50), call(&tool, json!({}))).await;
        assert!(given_up.is_err());
    }
    let quick = SqlTool::new(source, "select count(*) as n from orders", settings()).unwrap();
    assert_eq!(call(&quick, json!({})).await, done(json!({"rows": [{"n": 3}], "truncated": false})));
}

#[tokio::test]
async fn without_the_check_the_connection_alone_lets_nothing_be_written() {
    let (folder, path) = shop().await;
    let before = std::fs::read(&path).unwrap();
    let other = folder.path().join("other.db");
    let into = format!("vacuum into '{}'", other.display());
    let attach = format!("attach '{}' as o; create table o.t (a); insert into o.t values (1)", other.display());
    let source = sqlite::Source::new(path.clone());
    for hostile in [
        "insert into orders (order_id) values ('#W9')",
        "update orders set total = 0",
        "delete from orders",
        "drop table orders",
        "create table t (a)",
        "create index i on orders (total)",
        "replace into orders (order_id) values ('#W1')",
        "with x as (select 1) delete from orders",
        "insert into orders (order_id) values ('#W9') returning order_id",
        "pragma query_only = off; delete from orders",
        "pragma query_only = off; pragma writable_schema = on; delete from sqlite_master",
        "begin immediate; delete from orders; commit",
        "pragma user_version = 7",
        "pragma journal_mode = wal",
        "vacuum",
        "reindex",
        "analyze",
        &attach,
        &into,
        "select load_extension('x.so')",
        "select writefile('x', 'y')",
    ] {
        let unchecked = Read {
            sql: hostile,
            parameters: &[],
            limit: Instant::now() + Duration::from_secs(20),
            rows: Rows::new(10, 1_000),
        };
        // Some pragmas answer rather than fail; what counts is that nothing was written.
        let outcome = source.read(unchecked).await.map(|rows| rows.rows);
        assert!(outcome.is_err() || hostile.starts_with("pragma"), "{hostile}: {outcome:?}");
        assert!(before == std::fs::read(&path).unwrap(), "{hostile} changed the file");
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["shop.db"], "{hostile} made a file");
    }
}

#[tokio::test]
async fn a_file_that_is_missing_or_no_database_is_an_error_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    assert_eq!(read(&missing, "select 1 as x", settings(), json!({})).await, failed("the database cannot be reached"));
    assert!(!missing.exists());
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database at all, but long enough to look like one to somebody in a hurry".repeat(50))
        .unwrap();
    assert!(matches!(read(&text, "select * from t", settings(), json!({})).await, ToolOutcome::Failed(_)));
}

#[test]
fn parameters_must_be_arguments() {
    let source = Arc::new(SqlSource::sqlite("shop.db"));
    let tool = SqlTool::new(source, "select :a, :b, ':c'", settings()).unwrap();
    assert_eq!(tool.parameters(), ["a", "b"]);
    assert_eq!(tool.expect_arguments(&["b", "a", "z"]), Ok(()));
    assert_eq!(tool.expect_arguments(&["a"]), Err(SqlProblem::UnknownParameter("b".to_owned())));
}

#[test]
fn a_source_never_prints_its_password() {
    let source = SqlSource::postgres(&Secret::new("postgres://anna:hunter2@db.example/shop")).unwrap();
    assert!(!format!("{source:?}").contains("hunter2"));
    for wrong in ["mysql://anna:hunter2@db/shop", "postgres://anna:hunter2@db:port/shop", ""] {
        let error = SqlSource::postgres(&Secret::new(wrong)).unwrap_err();
        assert_eq!(error, SourceError::NotAPostgresUrl);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

mod on_postgres;
