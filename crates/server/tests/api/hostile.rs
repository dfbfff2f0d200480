//! What somebody sends who means no good: always a refusal with words, never a 500, and nothing is done.

use mainstay_shop::data::known;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{AGENT, CUSTOMER, Call, House, KeyOf, where_is};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_makes_no_sense_is_refused_and_starts_nothing() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let path = format!("/v1/agents/{AGENT}/runs");
    let with = |field: &str, value: Value| {
        let mut body = json!({"input": "Hello", "principal": CUSTOMER});
        body[field] = value;
        body.to_string().into_bytes()
    };
    let deep = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("nothing", vec![], 400),
        ("no JSON", b"hello".to_vec(), 400),
        ("half a body", br#"{"input": "a", "#.to_vec(), 400),
        ("two values", br#"{"input": "a", "principal": "b"} {}"#.to_vec(), 400),
        ("a list", b"[]".to_vec(), 400),
        ("no UTF-8", b"{\"input\": \"\xff\xfe\", \"principal\": \"c\"}".to_vec(), 400),
        ("half a surrogate", br#"{"input": "\ud800", "principal": "c"}"#.to_vec(), 400),
        ("a field twice", br#"{"input": "a", "input": "b", "principal": "c"}"#.to_vec(), 400),
        ("an unknown field", with("temperature", json!(2)), 400),
        ("no principal", br#"{"input": "a"}"#.to_vec(), 400),
        ("U+0000 in the input", with("input", json!("a\0b")), 400),
        ("blank input", with("input", json!(" \n\t ")), 400),
        ("input of a wrong type", with("input", json!({"text": "a"})), 400),
        ("long input", with("input", json!("x".repeat(50_001))), 400),
        ("a control character in the principal", with("principal", json!("c-1\u{7}")), 400),
        ("a line break in the principal", with("principal", json!("c-1\nroot")), 400),
        ("an empty principal", with("principal", json!("")), 400),
        ("a principal that reads backwards", with("principal", json!("\u{202e}1001-c")), 400),
        ("a number for a principal", with("principal", json!(1e308)), 400),
        ("a long principal", with("principal", json!("x".repeat(201))), 400),
        ("a path for a tenant", with("tenant", json!("\0/../etc")), 400),
        ("endless waiting", with("wait", json!(61)), 400),
        ("waiting backwards", with("wait", json!(-1)), 400),
        ("a number too large for any type", br#"{"input": "a", "principal": "c", "wait": 1e400}"#.to_vec(), 400),
        ("metadata of a wrong type", with("metadata", json!([1])), 400),
        ("large metadata", with("metadata", json!({"a": "x".repeat(17_000)})), 400),
        (
            "deep metadata",
            with("metadata", serde_json::from_slice(&deep(9)).map(|deep: Value| json!({"a": deep})).unwrap()),
            400,
        ),
        ("a very deep body", deep(100_000), 400),
        ("a large body", with("input", json!("x".repeat(300_000))), 413),
    ];
    for (what, body, status) in cases {
        let call = Call::post_bytes(&path, body).header("content-type", "application/json").key(&key);
        let answer = house.call(call).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert!(!answer.json["error"]["hint"].as_str().unwrap().is_empty(), "{what}");
        assert!(answer.text.len() < 1500, "{what}: {}", answer.text);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
        let call = Call::post_bytes(&path, with("wait", json!(1))).header("content-type", kind).key(&key);
        let answer = house.call(call).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (415, "content_type_unsupported"), "{kind}");
    }
    let runs = house.call(Call::get("/v1/runs").key(&key)).await;
    assert_eq!(runs.json["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_makes_no_sense_is_not_there_and_a_question_about_nothing_is_refused() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    for path in [
        "/",
        "/v1",
        "/v2/runs",
        "/v1/runs/",
        "/v1/runs/..%2f..%2fetc%2fpasswd",
        "/v1/runs/%00",
        "/v1/runs/%ff%fe",
        "/v1/runs/run_'%20or%201=1--",
        "/v1/runs/run_0/trace",
        "/v1/runs/run_0/events",
        "/v1/approvals/apr_0",
        "/v1/agents/%2e%2e",
        "/v1/agents/a%00b",
        "/docs/errors/..%2fREADME",
        "/docs/errors/README",
        "/openapi.json/x",
    ] {
        let answer = house.call(Call::get(path).key(&key)).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert!(answer.json["error"]["docs"].is_string(), "{path}");
    }
    for path in [
        "/v1/runs?limit=0",
        "/v1/runs?limit=201",
        "/v1/runs?limit=many",
        "/v1/runs?limit=-1",
        "/v1/runs?limit=1&limit=2",
        "/v1/runs?cursor=x",
        "/v1/runs?state=done",
        "/v1/runs?text=%00",
        "/v1/runs?unknown=1",
        "/v1/runs?principal=%0a",
        "/v1/approvals?state=mine",
        "/v1/approvals?cursor=run_0",
        "/v1/audit?cursor=last",
        "/v1/effects?run=all",
        "/v1/runs?tenant=",
    ] {
        let answer = house.call(Call::get(path).key(&key)).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "request_invalid"), "{path}: {}", answer.text);
    }
    for (call, allow) in [
        (Call::post("/v1/runs", &json!({})), "GET,HEAD"),
        (Call::get(format!("/v1/agents/{AGENT}/runs")), "POST"),
        (Call::post("/healthz", &json!({})), "GET,HEAD"),
    ] {
        let answer = house.call(call.key(&key)).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (405, "method_not_allowed"));
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_is_found_only_as_text_and_never_as_a_pattern() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    house.start(&key, &json!({"input": where_is(known::SHIPPED), "principal": CUSTOMER})).await;
    for (text, found) in [("order", 1), ("%25", 0), ("_", 0), ("'%3B--", 0), ("%5C", 0), ("%2A", 0)] {
        let list = house.call(Call::get(format!("/v1/runs?text={text}")).key(&key)).await;
        assert_eq!(list.json["runs"].as_array().unwrap().len(), found, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_says_two_things_is_refused() {
    let house = House::open().await;
    for head in [
        "GET /v1/runs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
        "GET /v1/runs HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET /v1/runs HTTP/1.1\r\nhost: localhost\r\nidempotency-key: a\r\nidempotency-key: b\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 400", "{head}");
    }
}
