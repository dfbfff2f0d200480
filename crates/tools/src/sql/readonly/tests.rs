use super::*;

use Dialect::{Postgres, Sqlite};

fn function(name: &str) -> SqlProblem {
    SqlProblem::Function(name.to_owned())
}

fn not_a_query(name: &str) -> SqlProblem {
    SqlProblem::NotAQuery(name.to_owned())
}

fn write(name: &str) -> SqlProblem {
    SqlProblem::Write(name.to_owned())
}

fn system(name: &str) -> SqlProblem {
    SqlProblem::SystemTable(name.to_owned())
}

fn table_function(name: &str) -> SqlProblem {
    SqlProblem::TableFunction(name.to_owned())
}

fn node(name: &str) -> SqlProblem {
    SqlProblem::Node(name.to_owned())
}

#[test]
fn hostile_statements_are_refused_each_for_its_own_reason() {
    let table: Vec<(Dialect, &str, SqlProblem)> = vec![
        // Nothing, or more than one.
        (Sqlite, "", SqlProblem::Empty),
        (Sqlite, "-- only a comment", SqlProblem::Empty),
        (Sqlite, "select 1; select 2", SqlProblem::ManyStatements(2)),
        (Sqlite, "select 1; drop table orders", SqlProblem::ManyStatements(2)),
        (Postgres, "select 1; commit; delete from orders", SqlProblem::ManyStatements(3)),
        (Postgres, "select 1 /* ; */ ; -- ;\n delete from orders", SqlProblem::ManyStatements(2)),
        // Statements that are no queries.
        (Sqlite, "insert into orders values (1)", not_a_query("Insert")),
        (Sqlite, "replace into orders values (1)", not_a_query("Insert")),
        (Sqlite, "update orders set total = 0", not_a_query("Update")),
        (Sqlite, "delete from orders", not_a_query("Delete")),
        (Sqlite, "drop table orders", not_a_query("Drop")),
        (Sqlite, "create table x (a int)", not_a_query("CreateTable")),
        (Sqlite, "create view v as select 1", not_a_query("CreateView")),
        (Sqlite, "alter table orders add column x", not_a_query("AlterTable")),
        (Sqlite, "pragma journal_mode = 'wal'", not_a_query("Pragma")),
        (Sqlite, "pragma query_only = 0", not_a_query("Pragma")),
        (Sqlite, "attach database 'x.db' as x", not_a_query("AttachDatabase")),
        (Sqlite, "begin", not_a_query("StartTransaction")),
        (Sqlite, "commit", not_a_query("Commit")),
        (Sqlite, "explain select 1", not_a_query("Explain")),
        (Postgres, "explain analyze delete from orders", not_a_query("Explain")),
        (Postgres, "copy orders to '/tmp/x'", not_a_query("Copy")),
        (Postgres, "copy (select 1) to program 'sh'", not_a_query("Copy")),
        (Postgres, "set transaction read write", not_a_query("Set")),
        (Postgres, "set role postgres", not_a_query("Set")),
        (Postgres, "call drop_everything()", not_a_query("Call")),
        (Postgres, "truncate orders", not_a_query("Truncate")),
        (Postgres, "grant all on orders to public", not_a_query("Grant")),
        (Postgres, "vacuum orders", not_a_query("Vacuum")),
        (Postgres, "prepare p as delete from orders", not_a_query("Prepare")),
        (Postgres, "execute p", not_a_query("Execute")),
        (Postgres, "listen x", not_a_query("LISTEN")),
        (Postgres, "notify x, 'y'", not_a_query("NOTIFY")),
        (Postgres, "lock table orders", not_a_query("Lock")),
        (Postgres, "declare c cursor for select 1", not_a_query("Declare")),
        (Postgres, "merge into a using b on a.x = b.x when matched then delete", not_a_query("Merge")),
        // Writes inside a query.
        (Postgres, "with x as (delete from orders returning *) select * from x", write("DELETE")),
        (Postgres, "with x as (update orders set a = 1 returning *) select * from x", write("UPDATE")),
        (Postgres, "with x as (insert into orders values (1) returning *) select * from x", write("INSERT")),
        (Postgres, "with a as (with b as (delete from t returning *) select * from b) select 1", write("DELETE")),
        (Postgres, "with x as (select 1) insert into orders select * from x", write("INSERT")),
        (Sqlite, "with x as (select 1) delete from orders", write("DELETE")),
        (Sqlite, "with x as (select 1) update orders set a = 1", write("UPDATE")),
        (Postgres, "select * into copy from orders", SqlProblem::Into),
        (Postgres, "select 1 union select a into x from y", SqlProblem::Into),
        (Postgres, "select * from orders for update", SqlProblem::Lock("UPDATE".to_owned())),
        (Postgres, "select * from orders for share", SqlProblem::Lock("SHARE".to_owned())),
        (
            Postgres,
            "select * from (select * from orders for update skip locked) q",
            SqlProblem::Lock("UPDATE".to_owned()),
        ),
        // Functions.
        (Sqlite, "select load_extension('x.so')", function("load_extension")),
        (Sqlite, "select readfile('/etc/passwd')", function("readfile")),
        (Sqlite, "select writefile('x', 'y')", function("writefile")),
        (Sqlite, "select fts3_tokenizer('x', x'00')", function("fts3_tokenizer")),
        (Sqlite, "select zeroblob(1000000000)", function("zeroblob")),
        (Sqlite, "select printf('%1000000000d', 1)", function("printf")),
        (Sqlite, "select \"load_extension\"('x')", function("\"load_extension\"")),
        (Sqlite, "select LOAD_EXTENSION /* hidden */ ('x')", function("LOAD_EXTENSION")),
        (Sqlite, "select 1 where exists (select 1 order by load_extension('x'))", function("load_extension")),
        (Sqlite, "select count(*) filter (where load_extension('x')) from t", function("load_extension")),
        (Sqlite, "select sum(a) over (partition by load_extension('x')) from t", function("load_extension")),
        (Sqlite, "select 1 limit load_extension('x')", function("load_extension")),
        (Sqlite, "select case when 1 then load_extension('x') end", function("load_extension")),
        (Sqlite, "values (load_extension('x'))", function("load_extension")),
        (Sqlite, "select a from t group by load_extension('x')", function("load_extension")),
        (Sqlite, "select 1 in (1, load_extension('x'))", function("load_extension")),
        (Sqlite, "select a from t join u on load_extension('x')", function("load_extension")),
        (Postgres, "select pg_read_file('/etc/passwd')", function("pg_read_file")),
        (Postgres, "select pg_sleep(1000)", function("pg_sleep")),
        (Postgres, "select pg_catalog.pg_sleep(1000)", function("pg_catalog.pg_sleep")),
        (Postgres, "select public.lower('x')", function("public.lower")),
        (Postgres, "select U&\"pg_sleep\"(1)", function("\"pg_sleep\"")),
        (Postgres, "select lo_import('/etc/passwd')", function("lo_import")),
        (Postgres, "select dblink('host=x', 'drop table y')", function("dblink")),
        (Postgres, "select set_config('transaction_read_only', 'off', false)", function("set_config")),
        (Postgres, "select current_setting('data_directory')", function("current_setting")),
        (Postgres, "select nextval('s')", function("nextval")),
        (Postgres, "select setval('s', 1)", function("setval")),
        (Postgres, "select pg_terminate_backend(1)", function("pg_terminate_backend")),
        (Postgres, "select query_to_xml('delete from orders', true, true, '')", function("query_to_xml")),
        (Postgres, "select repeat('x', 1000000000)", function("repeat")),
        (Postgres, "select pg_advisory_lock(1)", function("pg_advisory_lock")),
        (Postgres, "select generate_series(1, 1000000000)", function("generate_series")),
        (Postgres, "select unnest(array[1, 2])", function("unnest")),
        (Postgres, "select version()", function("version")),
        (Postgres, "select current_user", function("current_user")),
        (Postgres, "select session_user", function("session_user")),
        (Postgres, "select percentile_cont(0.5) within group (order by pg_sleep(1)) from t", function("pg_sleep")),
        // Table functions and virtual tables.
        (Postgres, "select * from pg_ls_dir('.')", table_function("pg_ls_dir")),
        (Postgres, "select * from generate_series(1, 9)", table_function("generate_series")),
        (Postgres, "select * from unnest(array[1])", table_function("unnest")),
        (Postgres, "select * from t, lateral pg_sleep(1)", table_function("pg_sleep")),
        (Sqlite, "select * from pragma_table_info('orders')", table_function("pragma_table_info")),
        (Sqlite, "select * from pragma_database_list", table_function("pragma_database_list")),
        (Sqlite, "select * from json_each('[1]')", table_function("json_each")),
        (Sqlite, "select * from dbstat", table_function("dbstat")),
        (Sqlite, "select * from main.pragma_table_list", table_function("main.pragma_table_list")),
        // The catalog.
        (Sqlite, "select sql from sqlite_master", system("sqlite_master")),
        (Sqlite, "select sql from SQLITE_SCHEMA", system("SQLITE_SCHEMA")),
        (Sqlite, "select sql from \"sqlite_master\"", system("\"sqlite_master\"")),
        (Sqlite, "select sql from [sqlite_master]", system("[sqlite_master]")),
        (Sqlite, "select (select sql from main.sqlite_master)", system("main.sqlite_master")),
        (Sqlite, "select * from temp.secret", node("temp.secret")),
        (Sqlite, "select * from other.orders", node("other.orders")),
        (Postgres, "select * from pg_catalog.pg_authid", system("pg_catalog.pg_authid")),
        (Postgres, "select * from pg_shadow", system("pg_shadow")),
        (Postgres, "select * from information_schema.tables", system("information_schema.tables")),
        (Postgres, "select 1 from t where a in (select passwd from pg_shadow)", system("pg_shadow")),
        (Postgres, "select * from db.public.orders", node("db.public.orders")),
        // Recursion, which SQLite knows without the word.
        (
            Sqlite,
            "with recursive c as (select 1 as x union all select x + 1 from c) select x from c",
            SqlProblem::Recursive("c".to_owned()),
        ),
        (
            Sqlite,
            "with c as (select 1 as x union all select x + 1 from c) select x from c",
            SqlProblem::Recursive("c".to_owned()),
        ),
        (
            Sqlite,
            "with C as (select 1 as x union all select x + 1 from (select x from \"c\")) select x from c",
            SqlProblem::Recursive("c".to_owned()),
        ),
        (
            Postgres,
            "with recursive c(x) as (select 1 union all select x + 1 from c) select x from c",
            SqlProblem::Recursive("c".to_owned()),
        ),
        // Types, operators, literals, odd syntax.
        (Postgres, "select 'pg_authid'::regclass", SqlProblem::Type("REGCLASS".to_owned())),
        (Postgres, "select cast('x' as my_domain)", SqlProblem::Type("my_domain".to_owned())),
        (Postgres, "select 1 operator(public.+) 2", SqlProblem::Operator("OPERATOR(public.+)".to_owned())),
        (Postgres, "select a <-> b from t", SqlProblem::Operator("<->".to_owned())),
        (Postgres, "select |/ 4", SqlProblem::Operator("|/".to_owned())),
        (Postgres, "select E'\\'; drop table x; --'", SqlProblem::Literal("EscapedStringLiteral".to_owned())),
        (Postgres, "select $$x$$", SqlProblem::Literal("DollarQuotedString".to_owned())),
        (Postgres, "select (row(1)).pg_sleep", node("Dot")),
        (Postgres, "select array(select pg_sleep(1))", function("array")),
        (Postgres, "select make_interval(secs => 5)", node("named argument")),
        (Postgres, "select * from orders tablesample system (1)", node("TABLESAMPLE")),
        (Sqlite, "select a regexp 'x' from t", SqlProblem::Operator("REGEXP".to_owned())),
        // Placeholders that are not `:name`.
        (Sqlite, "select ?", SqlProblem::Placeholder("?".to_owned())),
        (Sqlite, "select ?1", SqlProblem::Placeholder("?1".to_owned())),
        (Sqlite, "select @name", SqlProblem::Placeholder("@name".to_owned())),
        (Postgres, "select $1", SqlProblem::Placeholder("$1".to_owned())),
        (Sqlite, "select :1", SqlProblem::Placeholder(":1".to_owned())),
        // Two columns, one name.
        (Sqlite, "select a.id, b.id from a join b on a.x = b.x", SqlProblem::DuplicateColumn("id".to_owned())),
        (Sqlite, "select a as x, b as X from t", SqlProblem::DuplicateColumn("X".to_owned())),
        // Sizes and characters.
        (Sqlite, "select 'a\0b'", SqlProblem::ControlCharacter),
    ];
    assert!(table.len() >= 60);
    let mut wrong = String::new();
    for (dialect, query, expected) in &table {
        let found = check(query, *dialect);
        if found.as_ref() != Err(expected) {
            wrong += &format!("{dialect:?} {query}\n   expected {expected:?}\n   found    {found:?}\n");
        }
    }
    assert!(wrong.is_empty(), "of {}:\n{wrong}", table.len());
}

#[test]
fn queries_that_only_read_pass_and_their_parameters_are_numbered() {
    let table: &[(Dialect, &str, &str, &[&str])] = &[
        (
            Sqlite,
            "select * from orders where order_id = :order_id and user_id = :user_id",
            "SELECT * FROM orders WHERE order_id = ?1 AND user_id = ?2",
            &["order_id", "user_id"],
        ),
        (
            Postgres,
            "select * from orders where order_id = :order_id and user_id = :user_id;",
            "SELECT * FROM orders WHERE order_id = $1 AND user_id = $2",
            &["order_id", "user_id"],
        ),
        (Sqlite, "select :a, :b, :a", "SELECT ?1, ?2, ?1", &["a", "b"]),
        (
            Sqlite,
            "select ':a' as x, \":b\" as y -- :c\n, /* :d */ :e as z from t",
            "SELECT ':a' AS x, \":b\" AS y, ?1 AS z FROM t",
            &["e"],
        ),
        (
            Postgres,
            "select total::numeric(10, 2), :x::text, '::y', a::int from t",
            "SELECT total::NUMERIC(10,2), $1::TEXT, '::y', a::INT FROM t",
            &["x"],
        ),
        (Postgres, "select 'it''s :not' as a, :yes as b", "SELECT 'it''s :not' AS a, $1 AS b", &["yes"]),
        (
            Sqlite,
            "select name, sum(total) as spent from orders group by name having sum(total) > :least order by spent desc limit :n offset 5",
            "SELECT name, sum(total) AS spent FROM orders GROUP BY name HAVING sum(total) > ?1 ORDER BY spent DESC LIMIT ?2 OFFSET 5",
            &["least", "n"],
        ),
        (
            Sqlite,
            "with open as (select * from orders where status = 'open') select count(*) as n from open",
            "WITH open AS (SELECT * FROM orders WHERE status = 'open') SELECT count(*) AS n FROM open",
            &[],
        ),
        (
            Sqlite,
            "select p.name, i.quantity from order_items i left join products p on p.id = i.product_id where i.order_id = :id",
            "SELECT p.name, i.quantity FROM order_items i LEFT JOIN products p ON p.id = i.product_id WHERE i.order_id = ?1",
            &["id"],
        ),
        (
            Sqlite,
            "select name from products where lower(name) like '%' || lower(:words) || '%' escape '\\' limit 10",
            "SELECT name FROM products WHERE lower(name) LIKE '%' || lower(?1) || '%' ESCAPE '\\' LIMIT 10",
            &["words"],
        ),
        (Sqlite, "values (1, 'a'), (2, 'b')", "VALUES (1, 'a'), (2, 'b')", &[]),
        (
            Sqlite,
            "select a from t union all select b from u except select c from v",
            "SELECT a FROM t UNION ALL SELECT b FROM u EXCEPT SELECT c FROM v",
            &[],
        ),
        (
            Sqlite,
            "select case when total > 100 then 'large' else 'small' end as size from orders",
            "SELECT CASE WHEN total > 100 THEN 'large' ELSE 'small' END AS size FROM orders",
            &[],
        ),
        (
            Sqlite,
            "select json_extract(data, '$.a') as a, data ->> '$.b' as b from t",
            "SELECT json_extract(data, '$.a') AS a, data ->> '$.b' AS b FROM t",
            &[],
        ),
        (
            Sqlite,
            "select date('now', '-30 days') as since, coalesce(:x, 'none') as x",
            "SELECT date('now', '-30 days') AS since, coalesce(?1, 'none') AS x",
            &["x"],
        ),
        (
            Sqlite,
            "select name, row_number() over (partition by kind order by price desc) as place from products",
            "SELECT name, row_number() OVER (PARTITION BY kind ORDER BY price DESC) AS place FROM products",
            &[],
        ),
        (
            Sqlite,
            "select * from products where id in (select product_id from order_items where order_id = :o) and not exists (select 1 from returns r where r.order_id = :o)",
            "SELECT * FROM products WHERE id IN (SELECT product_id FROM order_items WHERE order_id = ?1) AND NOT EXISTS (SELECT 1 FROM returns r WHERE r.order_id = ?1)",
            &["o"],
        ),
        (
            Sqlite,
            "select * from main.orders where placed between :from_day and :to_day",
            "SELECT * FROM main.orders WHERE placed BETWEEN ?1 AND ?2",
            &["from_day", "to_day"],
        ),
        (
            Sqlite,
            "select count(distinct user_id) as users, group_concat(status, ', ') as states from orders",
            "SELECT count(DISTINCT user_id) AS users, group_concat(status, ', ') AS states FROM orders",
            &[],
        ),
        (
            Sqlite,
            "select rowid, * from notes where notes match :words",
            "SELECT rowid, * FROM notes WHERE notes MATCH ?1",
            &["words"],
        ),
        (
            Postgres,
            "select distinct on (user_id) user_id, placed from shop.orders order by user_id, placed desc",
            "SELECT DISTINCT ON (user_id) user_id, placed FROM shop.orders ORDER BY user_id, placed DESC",
            &[],
        ),
        (
            Postgres,
            "select data->'a'->>'b' as b, data #>> '{c,d}' as d, data @> '{\"x\": 1}' as has from t",
            "SELECT data -> 'a' ->> 'b' AS b, data #>> '{c,d}' AS d, data @> '{\"x\": 1}' AS has FROM t",
            &[],
        ),
        (
            Postgres,
            "select date_trunc('day', placed) as day, sum(total) filter (where status = 'paid') as paid from orders group by 1",
            "SELECT date_trunc('day', placed) AS day, sum(total) FILTER (WHERE status = 'paid') AS paid FROM orders GROUP BY 1",
            &[],
        ),
        (
            Postgres,
            "select * from orders where placed > now() - interval '30 days' and status = any(array['open', 'paid'])",
            "SELECT * FROM orders WHERE placed > now() - INTERVAL '30 days' AND status = ANY(ARRAY['open', 'paid'])",
            &[],
        ),
        (
            Postgres,
            "select id from pages where to_tsvector('english', body) @@ websearch_to_tsquery('english', :q)",
            "SELECT id FROM pages WHERE to_tsvector('english', body) @@ websearch_to_tsquery('english', $1)",
            &["q"],
        ),
        (
            Postgres,
            "select extract(year from placed) as y, position('a' in name) as p, trim(both ' ' from name) as t, substring(name from 1 for 3) as s from t",
            "SELECT EXTRACT(YEAR FROM placed) AS y, POSITION('a' IN name) AS p, TRIM(BOTH ' ' FROM name) AS t, SUBSTRING(name FROM 1 FOR 3) AS s FROM t",
            &[],
        ),
        (
            Postgres,
            "select o.id, x.n from orders o cross join lateral (select count(*) as n from items i where i.order_id = o.id) x",
            "SELECT o.id, x.n FROM orders o CROSS JOIN LATERAL (SELECT count(*) AS n FROM items i WHERE i.order_id = o.id) x",
            &[],
        ),
    ];
    assert!(table.len() >= 20);
    for (dialect, query, sql, parameters) in table {
        match check(query, *dialect) {
            Ok(checked) => {
                assert_eq!(checked.sql(), *sql, "{query}");
                assert_eq!(checked.parameters(), *parameters, "{query}");
            }
            Err(problem) => panic!("{query}: {problem}"),
        }
    }
}

#[test]
fn a_query_that_is_too_large_is_refused_before_it_costs_anything() {
    let deep = |open: &str, inner: &str, close: &str, times: usize| {
        format!("select {}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let from = |open: &str, inner: &str, close: &str, times: usize| {
        format!("select * from {}{inner}{}", open.repeat(times), close.repeat(times))
    };
    let hostile = [
        format!("select '{}'", "x".repeat(MAX_BYTES)),
        format!("select {}1", "1 + ".repeat(700)),
        format!("select {}1", "not ".repeat(1_400)),
        format!("select {}1", "- ".repeat(1_400)),
        format!("select {}1 end", "case when 1 then ".repeat(300)),
        format!("select 1{}", " union select 1".repeat(400)),
        format!("select a{}", ".b".repeat(3_000)),
        format!("select a from t{}", ", t".repeat(2_000)),
        deep("(", "1", ")", 5_000),
        deep("(", "1", ")", 16),
        deep("(", "1", "", 700),
        deep("(select ", "1", ")", 16),
        deep("lower(", "'x'", ")", 16),
        deep("array[", "1", "]", 16),
        from("(", "t", ")", 16),
        from("(", "t join u", ")", 16),
        from("(select * from ", "t", ") q", 16),
        from("(", "select 1", ")", 16),
        from("(", "", "", 16),
    ];
    for query in &hostile {
        for dialect in [Sqlite, Postgres] {
            let started = tokio::time::Instant::now();
            let found = check(query, dialect);
            let seconds = started.elapsed().as_secs_f32();
            let start: String = query.chars().take(40).collect();
            assert!(seconds < 5.0, "{dialect:?} {start}… took {seconds} s: {found:?}");
        }
    }
    for query in &hostile[..5] {
        assert!(check(query, Sqlite).is_err(), "{query}");
    }
}

#[test]
fn what_the_database_runs_is_the_checked_tree_and_not_the_text() {
    // PostgreSQL nests comments and SQLite does not; after the check there are none for anybody to read differently.
    let query = "select 1 /* a /* b */ , 2 -- */ , 3\n as x";
    for dialect in [Sqlite, Postgres] {
        if let Ok(checked) = check(query, dialect) {
            assert!(!checked.sql().contains("/*") && !checked.sql().contains("--"), "{}", checked.sql());
        }
    }
}
