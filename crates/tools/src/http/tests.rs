use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap as Headers, Method, Uri};
use axum::response::{IntoResponse, Response};
use mainstay_core::principal::Principal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const TOKEN: &str = "Bearer shop-token-123456";

/// A server, closed when it goes out of scope.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

const TRACE_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    line: String,
    key: Option<String>,
    trace: Option<String>,
    authorization: Option<String>,
    body: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the far side of a test has no tracker; it is aborted on drop")]
fn run(listener: TcpListener, work: impl Future<Output = ()> + Send + 'static) -> Server {
    let address = listener.local_addr().unwrap();
    Server { address, seen: Arc::default(), task: tokio::spawn(work) }
}

/// Answers every request with `answer` and remembers what it saw.
async fn answering(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let handler = move |State(seen): State<Arc<Mutex<Vec<Seen>>>>,
                        method: Method,
                        uri: Uri,
                        headers: Headers,
                        body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        seen.lock().unwrap().push(Seen {
            line: format!("{method} {uri}"),
            key: header("idempotency-key"),
            trace: header("traceparent"),
            authorization: header("authorization"),
            body,
        });
        answer()
    };
    let router = Router::new().fallback(handler).with_state(Arc::clone(&seen));
    let address = listener.local_addr().unwrap();
    let mut server = run(TcpListener::bind("127.0.0.1:0").await.unwrap(), async move {
        axum::serve(listener, router).await.unwrap();
    });
    (server.address, server.seen) = (address, seen);
    server
}

/// Reads a request, sends `bytes`, and closes or stays silent.
async fn raw(bytes: &'static [u8], then_close: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = run(TcpListener::bind("127.0.0.1:0").await.unwrap(), async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            if !then_close {
                open.push(stream);
            }
        }
    });
    server.address = address;
    server
}

fn source(address: SocketAddr) -> Arc<HttpSource> {
    Arc::new(HttpSource::new(source_settings(&format!("http://{address}/api/"))).unwrap())
}

fn source_settings(base_url: &str) -> HttpSourceSettings {
    HttpSourceSettings {
        base_url: base_url.to_owned(),
        allow_private: true,
        headers: vec![("authorization".to_owned(), Secret::new(TOKEN))],
        connect_timeout: Duration::from_secs(5),
    }
}

fn refund() -> HttpSettings {
    HttpSettings {
        method: "POST".to_owned(),
        path: "/orders/{order_id}/refund".to_owned(),
        query: vec![("verbose".to_owned(), "{verbose}".to_owned())],
        body: Some(
            json!({"amount": "{amount}", "customer": "{user_id}", "note": "for {order_id}", "lines": ["{lines}", 1]}),
        ),
        effect: Effect::Write,
        arguments: ["order_id", "verbose", "amount", "user_id", "lines"].map(str::to_owned).to_vec(),
        timeout: Duration::from_secs(10),
        max_bytes: 1_000,
    }
}

fn look_up() -> HttpSettings {
    HttpSettings {
        method: "GET".to_owned(),
        path: "/orders/{order_id}".to_owned(),
        body: None,
        effect: Effect::Read,
        ..refund()
    }
}

async fn call(server: &Server, settings: HttpSettings, arguments: Value) -> ToolOutcome {
    call_source(source(server.address), settings, arguments).await
}

async fn call_source(source: Arc<HttpSource>, settings: HttpSettings, arguments: Value) -> ToolOutcome {
    let tool = HttpTool::new(source, settings).unwrap();
    let principal = Principal::new("c-1");
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let call = Invocation {
        arguments: &arguments,
        principal: &principal,
        idempotency_key: "0190c0de/7",
        trace_parent: TRACE_PARENT,
    };
    tool.call(&call, Instant::now() + Duration::from_secs(30)).await
}

fn failed(text: &str) -> ToolOutcome {
    ToolOutcome::Failed(text.to_owned())
}

fn unknown(text: &str) -> ToolOutcome {
    ToolOutcome::Unknown(text.to_owned())
}

#[tokio::test]
async fn a_write_sends_its_arguments_its_secret_and_its_key() {
    let server = answering(|| axum::Json(json!({"refunded": 19.5})).into_response()).await;
    let arguments =
        json!({"order_id": "#W1/ä", "amount": 19.5, "user_id": "c-1", "lines": [{"sku": "A"}], "verbose": true});
    assert_eq!(call(&server, refund(), arguments).await, done(json!({"refunded": 19.5})));
    let seen = server.seen.lock().unwrap().remove(0);
    assert_eq!(seen.line, "POST /api/orders/%23W1%2F%C3%A4/refund?verbose=true");
    assert_eq!((seen.key.as_deref(), seen.authorization.as_deref()), (Some("0190c0de/7"), Some(TOKEN)));
    assert_eq!(seen.trace.as_deref(), Some(TRACE_PARENT));
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).unwrap(),
        json!({"amount": 19.5, "customer": "c-1", "note": "for #W1/ä", "lines": [[{"sku": "A"}], 1]})
    );
}

#[tokio::test]
async fn what_is_left_out_is_not_sent_and_a_read_has_no_key() {
    let server = answering(|| axum::Json(json!([])).into_response()).await;
    let _ = call(&server, refund(), json!({"order_id": "W1", "amount": 2})).await;
    assert_eq!(call(&server, look_up(), json!({"order_id": "W1"})).await, done(json!([])));
    let seen = server.seen.lock().unwrap().clone();
    assert_eq!(seen[0].line, "POST /api/orders/W1/refund");
    assert_eq!(
        seen[0].body,
        r#"{"amount":2,"note":"for W1","lines":[1]}"#
            .replace(r#""note":"for W1","lines":[1]"#, r#""lines":[1],"note":"for W1""#)
    );
    assert_eq!(
        (seen[1].line.as_str(), seen[1].key.as_deref(), seen[1].body.as_str()),
        ("GET /api/orders/W1", None, "")
    );
}

#[tokio::test]
async fn arguments_cannot_leave_their_place_in_the_path() {
    let server = answering(|| "x".into_response()).await;
    for hostile in ["..", ".", "", "../admin", "a/../../admin", "..\\admin", "a//b", " ", "a\nb", "a\0"] {
        assert_eq!(
            call(&server, look_up(), json!({"order_id": hostile})).await,
            failed("the arguments make the path unsafe: a part of it would be empty, `.` or `..`"),
            "{hostile}"
        );
    }
    assert_eq!(call(&server, look_up(), json!({})).await, failed("the argument `order_id` is missing"));
    assert_eq!(
        call(&server, look_up(), json!({"order_id": [1]})).await,
        failed("the argument `order_id` is a list or an object and cannot be part of a text")
    );
    assert_eq!(
        call(&server, look_up(), json!({"order_id": "x".repeat(9_000)})).await,
        failed("the request would be too large")
    );
    assert!(server.seen.lock().unwrap().is_empty(), "nothing was sent");

    for odd in ["a?admin=1", "a#b", "%2e%2e", "a@evil.test", "https://evil.test", "{order_id}", "a&b=c", "..."] {
        let outcome = call(&server, look_up(), json!({"order_id": odd})).await;
        // `//` in the middle would be an empty part.
        if odd.contains("//") {
            assert!(matches!(outcome, ToolOutcome::Failed(_)));
            continue;
        }
        let seen = server.seen.lock().unwrap().remove(0);
        assert_eq!(seen.line, format!("GET /api/orders/{}", template::encode(odd)));
    }
}

#[tokio::test]
async fn statuses_say_what_happened() {
    // Status, outcome of a write, outcome of a read: d(one), f(ailed), u(nknown).
    for (status, write, read) in [
        (200, 'd', 'd'),
        (201, 'd', 'd'),
        (202, 'd', 'd'),
        (302, 'u', 'f'),
        (400, 'f', 'f'),
        (401, 'f', 'f'),
        (404, 'f', 'f'),
        (408, 'u', 'f'),
        (409, 'f', 'f'),
        (422, 'f', 'f'),
        (429, 'f', 'f'),
        (500, 'u', 'f'),
        (502, 'u', 'f'),
        (503, 'u', 'f'),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let server = answering(move || (status, "order is\n closed, token shop-token-123456").into_response()).await;
        for (settings, expected) in [(refund(), write), (look_up(), read)] {
            let text = format!("status {status}: order is closed, token [secret]");
            let expected = match expected {
                'd' => done(json!({"text": "order is\n closed, token [secret]"})),
                'f' => failed(&text),
                _ => unknown(&text),
            };
            assert_eq!(call(&server, settings, json!({"order_id": "W1"})).await, expected);
        }
    }
    let empty = answering(|| StatusCode::NO_CONTENT.into_response()).await;
    assert_eq!(call(&empty, refund(), json!({"order_id": "W1"})).await, done(json!({"text": ""})));
    let silent = answering(|| StatusCode::NOT_FOUND.into_response()).await;
    assert_eq!(call(&silent, look_up(), json!({"order_id": "W1"})).await, failed("status 404 Not Found"));
}

#[tokio::test]
async fn a_write_without_a_clear_answer_is_unknown_and_a_read_has_failed() {
    let half = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"refu", true).await;
    let nothing = raw(b"", true).await;
    let rubbish = raw(b"SSH-2.0-OpenSSH_9.2\r\n", true).await;
    let not_json =
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n<html>", true).await;
    let binary = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe", true).await;
    let silent = raw(b"", false).await;
    let stuck = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{", false).await;
    for (name, server) in [
        ("half", &half),
        ("nothing", &nothing),
        ("rubbish", &rubbish),
        ("not json", &not_json),
        ("binary", &binary),
        ("silent", &silent),
        ("stuck", &stuck),
    ] {
        let limit = Duration::from_millis(300);
        let write = call(server, HttpSettings { timeout: limit, ..refund() }, json!({"order_id": "W1"})).await;
        assert!(matches!(write, ToolOutcome::Unknown(_)), "{name}: {write:?}");
        let idempotent = HttpSettings { timeout: limit, effect: Effect::Idempotent, ..refund() };
        let idempotent = call(server, idempotent, json!({"order_id": "W1"})).await;
        assert!(matches!(idempotent, ToolOutcome::Unknown(_)), "{name}: {idempotent:?}");
        let read = call(server, HttpSettings { timeout: limit, ..look_up() }, json!({"order_id": "W1"})).await;
        assert!(matches!(read, ToolOutcome::Failed(_)), "{name}: {read:?}");
    }
}

#[tokio::test]
async fn what_was_never_sent_has_failed_for_certain() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let outcome = call_source(source(gone), refund(), json!({"order_id": "W1"})).await;
    assert!(matches!(&outcome, ToolOutcome::Failed(text) if text.starts_with("no connection")), "{outcome:?}");

    let server = answering(|| "x".into_response()).await;
    let late = HttpSettings { timeout: Duration::ZERO, ..refund() };
    assert!(matches!(call(&server, late, json!({"order_id": "W1"})).await, ToolOutcome::Failed(_)));
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_for_a_write_and_refused_for_a_read() {
    let server = answering(|| "y".repeat(5_000).into_response()).await;
    assert_eq!(
        call(&server, refund(), json!({"order_id": "W1"})).await,
        done(json!({"text": "y".repeat(EXCERPT), "truncated": true})),
        "a success is a success, however long it talks"
    );
    assert_eq!(
        call(&server, look_up(), json!({"order_id": "W1"})).await,
        failed("the answer is larger than 1000 bytes")
    );
    let fits = answering(|| "y".repeat(1_000).into_response()).await;
    assert_eq!(call(&fits, look_up(), json!({"order_id": "W1"})).await, done(json!({"text": "y".repeat(1_000)})));
}

#[test]
fn requests_that_cannot_be_tools_say_why() {
    let source = source("127.0.0.1:9".parse().unwrap());
    let problem = |change: fn(&mut HttpSettings)| {
        let mut settings = refund();
        change(&mut settings);
        HttpTool::new(Arc::clone(&source), settings).unwrap_err()
    };
    assert_eq!(problem(|s| s.method = "TRACE".into()), RequestProblem::Method("TRACE".into()));
    assert_eq!(problem(|s| (s.method, s.body) = ("GET".into(), None)), RequestProblem::GetChangesThings);
    assert_eq!(problem(|s| s.method = "get".into()), RequestProblem::GetWithBody);
    assert_eq!(problem(|s| s.path = "orders".into()), RequestProblem::PathStart("orders".into()));
    assert_eq!(
        problem(|s| s.path = "https://evil.test/".into()),
        RequestProblem::PathStart("https://evil.test/".into())
    );
    for part in ["..", ".", "a?b=c", "a#b", "a b", "%2e%2e", "a\\b", "ä", "{{x}}"] {
        let mut settings = refund();
        settings.path = format!("/orders/{part}/x");
        let found = HttpTool::new(Arc::clone(&source), settings).unwrap_err();
        assert_eq!(found, RequestProblem::PathPart(part.to_owned()));
    }
    assert_eq!(problem(|s| s.path = "//evil.test/x".into()), RequestProblem::PathPart(String::new()));
    assert_eq!(problem(|s| s.path = "/{oder_id}".into()), RequestProblem::UnknownArgument("oder_id".into()));
    assert_eq!(problem(|s| s.body = Some(json!({"a": [{"b": "{x}"}]}))), RequestProblem::UnknownArgument("x".into()));
    assert_eq!(problem(|s| s.query = vec![("q".into(), "{y}".into())]), RequestProblem::UnknownArgument("y".into()));
    assert_eq!(
        problem(|s| s.body = Some(json!("{"))),
        RequestProblem::Template { text: "{".into(), problem: StrayBracket }
    );
    assert_eq!(problem(|s| s.body = Some((0..40).fold(json!(1), |inner, _| json!([inner])))), RequestProblem::TooDeep);
}

#[test]
fn sources_that_cannot_be_called_say_why_without_their_secrets() {
    let problem = |change: fn(&mut HttpSourceSettings)| {
        let mut settings = source_settings("https://api.example/v1");
        change(&mut settings);
        format!("{:?}", HttpSource::new(settings).err())
    };
    assert!(problem(|_| {}).contains("None"));
    for (found, expected) in [
        (problem(|s| s.base_url = "ftp://api.example".into()), "Url"),
        (problem(|s| s.base_url = "https://api.example/v1?x=1".into()), "BaseUrl"),
        (problem(|s| s.base_url = "https://anna:pw-123@api.example".into()), "Url"),
        (problem(|s| (s.base_url, s.allow_private) = ("http://127.0.0.1:1".into(), false)), "PrivateAddress"),
        (problem(|s| s.headers = vec![("host".into(), Secret::new("h-123"))]), "HeaderName(\"host\")"),
        (problem(|s| s.headers = vec![("Idempotency-Key".into(), Secret::new("h-123"))]), "HeaderName"),
        (problem(|s| s.headers = vec![("a b".into(), Secret::new("h-123"))]), "HeaderName(\"a b\")"),
        (problem(|s| s.headers = vec![("x-key".into(), Secret::new("h-123\r\nx: y"))]), "HeaderValue(\"x-key\")"),
        (problem(|s| s.headers.push(("Authorization".into(), Secret::new("h-123")))), "HeaderTwice"),
    ] {
        assert!(found.contains(expected), "{found}");
        assert!(!found.contains("123") && !found.contains("pw-"), "{found}");
    }
    let source = HttpSource::new(source_settings("https://api.example/v1")).unwrap();
    assert!(!format!("{source:?}").contains("shop-token"), "{source:?}");
}

#[test]
fn a_url_is_only_called_when_both_parsers_agree_on_it() {
    let source = HttpSource::new(source_settings("https://api.example/v1/")).unwrap();
    assert_eq!(
        source.url("/a-b_c.d~e/!$&'()*+,;=:@").as_deref(),
        Some("https://api.example/v1/a-b_c.d~e/!$&'()*+,;=:@")
    );
    assert_eq!(source.url("/x?q=%27a%20b%22").as_deref(), Some("https://api.example/v1/x?q=%27a%20b%22"));
    for wrong in ["/../x", "/%2e%2e/x", "/a b", "/ä", "/a\\b", "/x#y\n"] {
        assert_eq!(source.url(wrong), None, "{wrong}");
    }
}
