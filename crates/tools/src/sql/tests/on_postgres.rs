//! Against a real server: `DATABASE_URL` names it. Skipped with a word where it is not set.

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test asks where its server is")]
fn url() -> Option<String> {
    let url = std::env::var("DATABASE_URL").ok().filter(|url| url.starts_with("postgres"));
    if url.is_none() {
        eprintln!("skipped: DATABASE_URL names no PostgreSQL server");
    }
    url
}

async fn read(url: &str, query: &str, settings: SqlSettings, arguments: Value) -> ToolOutcome {
    let tool = SqlTool::new(Arc::new(SqlSource::postgres(&Secret::new(url)).unwrap()), query, settings).unwrap();
    call(&tool, arguments).await
}

#[tokio::test]
async fn every_type_comes_back_as_the_server_writes_it_in_json() {
    let Some(url) = url() else { return };
    let single = SqlSettings { single: true, ..settings() };
    let query = "select 7 as i, 2.50::numeric(10, 2) as n, 1.5::float8 as f, 'a' as t, true as b, null as nothing,
        date '2024-02-29' as d, timestamp '2024-02-29 12:00:00' as ts, :u::uuid as u, '{\"k\": [1]}'::jsonb as j, array[1, 2] as l";
    assert_eq!(
        read(&url, query, single, json!({"u": "0190c0de-0000-7000-8000-000000000000"})).await,
        done(json!({
            "i": 7, "n": 2.5, "f": 1.5, "t": "a", "b": true, "nothing": null, "d": "2024-02-29",
            "ts": "2024-02-29T12:00:00", "u": "0190c0de-0000-7000-8000-000000000000", "j": {"k": [1]}, "l": [1, 2],
        }))
    );
}

#[tokio::test]
async fn arguments_are_bound_with_their_types() {
    let Some(url) = url() else { return };
    let query = "select x, t from (values (1, 'a'), (2, 'it''s'), (3, null)) v(x, t)
        where (x = :x or :x is null) and (t = :t or :t is null) and x < :most order by x desc";
    let rows = |rows: Value| done(json!({"rows": rows, "truncated": false}));
    assert_eq!(
        read(&url, query, settings(), json!({"x": 2, "t": "it's", "most": 2.5})).await,
        rows(json!([{"x": 2, "t": "it's"}]))
    );
    assert_eq!(
        read(&url, query, settings(), json!({"x": null, "most": 9})).await.clone(),
        rows(json!([
            {"x": 3, "t": null}, {"x": 2, "t": "it's"}, {"x": 1, "t": "a"}
        ])),
        "NULL takes the type of its place"
    );
    assert_eq!(read(&url, query, settings(), json!({"t": "' or 1=1 --", "most": 9})).await, rows(json!([])));
}

#[tokio::test]
async fn rows_and_bytes_are_capped_and_a_slow_query_is_stopped_by_the_server() {
    let Some(url) = url() else { return };
    let numbers = "(values (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let endless = format!(
        "select 1 as x from {numbers} a(n), {numbers} b(n), {numbers} c(n), {numbers} d(n), {numbers} e(n), {numbers} f(n), {numbers} g(n), {numbers} h(n), {numbers} i(n)"
    );
    let few = SqlSettings { max_rows: 3, ..settings() };
    assert_eq!(
        read(&url, &endless, few, json!({})).await,
        done(json!({"rows": [{"x": 1}, {"x": 1}, {"x": 1}], "truncated": true}))
    );
    let small = SqlSettings { max_bytes: 20, single: true, ..settings() };
    assert_eq!(
        read(&url, "select 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' as x", small, json!({})).await,
        failed("the row is larger than 20 bytes")
    );
    let slow = endless.replace("select 1 as x", "select count(*) as n");
    let limit = SqlSettings { timeout: Duration::from_millis(300), ..settings() };
    let started = Instant::now();
    assert_eq!(read(&url, &slow, limit, json!({})).await, failed("the query took too long and was stopped"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn without_the_check_the_transaction_alone_lets_nothing_be_written() {
    let Some(url) = url() else { return };
    let source = postgres::Source::new(&url).unwrap();
    for hostile in [
        "create table mainstay_tools_test (a int)",
        "with x as (delete from pg_class returning 1) select * from x",
        "select nextval('mainstay_tools_no_sequence')",
        "select 1) as q; create table mainstay_tools_test (a int); select 1 from (select 1",
        "select 1) as q limit 1; commit; create table mainstay_tools_test (a int) --",
        "select lo_create(0)::text",
    ] {
        let unchecked = Read {
            sql: hostile,
            parameters: &[],
            limit: Instant::now() + Duration::from_secs(20),
            rows: Rows::new(10, 1_000),
        };
        let outcome = source.read(unchecked).await.map(|rows| rows.rows);
        // Up to version 15 a large object may be made even so; the rollback takes it back.
        assert!(outcome.is_err() || hostile.contains("lo_create"), "{hostile}: {outcome:?}");
    }
    let left = read(&url, "select 1 as x from mainstay_tools_test", settings(), json!({})).await;
    assert!(matches!(left, ToolOutcome::Failed(text) if text.contains("does not exist")));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_reached_and_the_password_stays_ours() {
    let outcome = read("postgres://anna:hunter2@127.0.0.1:1/shop", "select 1 as x", settings(), json!({})).await;
    // Refused connections are tried again for two seconds: a server may be starting.
    assert_eq!(outcome, failed("the database gave no connection in time"));
}
