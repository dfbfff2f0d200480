use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

mod http2;

/// A server of raw bytes.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Server {
    async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let accepting = spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream));
            }
        });
        Self { address, connections, accepting }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the server of a test ends with the test")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(work)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        seen.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(seen).unwrap()
}

async fn answer(stream: &mut TcpStream, bytes: &str) {
    let _ = stream.write_all(bytes.as_bytes()).await;
}

/// Keeps a connection open without saying anything.
async fn say_nothing(mut stream: TcpStream) {
    read_request(&mut stream).await;
    std::future::pending().await
}

fn policy() -> Policy {
    Policy {
        allowed_hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        allow_private: true,
        ..Policy::default()
    }
}

fn client(policy: Policy) -> Client {
    Client::new(policy).unwrap()
}

fn get(url: String) -> Request {
    Request { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(150)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn a_request_arrives_as_asked_and_its_answer_comes_back_whole() {
    let server = Server::start(|mut stream| async move {
        let request = read_request(&mut stream).await;
        let body = request.lines().next().unwrap_or_default().to_owned();
        answer(&mut stream, &format!("HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
            .await;
    })
    .await;
    let response = client(policy()).send(get(server.url("/a%20b?c=d#e")), later()).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.headers["x-a"], "b");
    assert_eq!(response.body, "GET /a%20b?c=d HTTP/1.1");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
            .await;
    })
    .await;
    let response = client(policy()).send(get(server.url("/")), later()).await.unwrap();
    assert_eq!(response.status, StatusCode::FOUND);
}

#[tokio::test]
async fn hosts_off_the_list_and_odd_urls_are_refused_before_anything_is_sent() {
    let client = client(Policy { allowed_hosts: vec!["api.example.com".to_owned()], ..Policy::default() });
    for (url, expected) in [
        ("https://other.example.com/", EgressError::NotAllowed("other.example.com".to_owned())),
        ("https://user@api.example.com/", EgressError::InvalidUrl("it holds user information")),
        ("https://user:pw@api.example.com/", EgressError::InvalidUrl("it holds user information")),
        ("https://api.example.com@evil.test/", EgressError::InvalidUrl("it holds user information")),
        ("ftp://api.example.com/", EgressError::InvalidUrl("its scheme is neither http nor https")),
        ("file:///etc/passwd", EgressError::InvalidUrl("its scheme is neither http nor https")),
        ("//api.example.com/", EgressError::InvalidUrl("it does not parse")),
        // Digits of other scripts are no way round the address filter.
        ("http://127。0。0。1/", EgressError::InvalidUrl("it does not parse")),
        ("http://①②⑦.0.0.1/", EgressError::InvalidUrl("it does not parse")),
        ("https://", EgressError::InvalidUrl("it does not parse")),
        ("https://api.example.com:99999/", EgressError::InvalidUrl("it does not parse")),
    ] {
        let error = client.send(get(url.to_owned()), later()).await.unwrap_err();
        assert_eq!(error, expected, "{url}");
        assert!(!error.sent());
    }
}

#[test]
fn a_backslash_ends_the_host_as_it_does_for_browsers() {
    let client = client(Policy { allowed_hosts: vec!["api.example.com".to_owned()], ..Policy::default() });
    let url = client.check_url("https://api.example.com\\@evil.test/").unwrap();
    assert_eq!(url.as_str(), "https://api.example.com/@evil.test/");
}

#[tokio::test]
async fn every_spelling_of_a_private_address_is_refused() {
    // The list allows whatever these are normalised to, so only the address filter stands between.
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[::]/",
        "http://[fd00:ec2::254]/",
    ] {
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        let client = client(Policy { allowed_hosts: vec![host.clone()], ..Policy::default() });
        let error = client.send(get(url.to_owned()), later()).await.unwrap_err();
        assert_eq!(error, EgressError::PrivateAddress(host), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused_when_it_is_resolved() {
    let server = Server::start(|_| async {}).await;
    let client = client(Policy { allow_private: false, ..policy() });
    let url = format!("http://localhost:{}/", server.address.port());
    assert!(client.check_url(&url).is_ok(), "the name alone says nothing");
    let error = client.send(get(url), later()).await.unwrap_err();
    assert_eq!(error, EgressError::PrivateAddress("localhost".to_owned()));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn headers_that_frame_the_message_or_choose_another_host_are_refused() {
    for name in ["host", "content-length", "transfer-encoding", "connection"] {
        let mut request = get("http://127.0.0.1:1/".to_owned());
        request.headers.insert(HeaderName::from_static(name), "x".parse().unwrap());
        let error = client(policy()).send(request, later()).await.unwrap_err();
        assert!(matches!(error, EgressError::InvalidRequest(_)), "{name}: {error}");
    }
    let request = Request { method: Method::CONNECT, ..get("http://127.0.0.1:1/".to_owned()) };
    assert!(matches!(client(policy()).send(request, later()).await.unwrap_err(), EgressError::InvalidRequest(_)));
}

#[tokio::test]
async fn a_closed_port_and_a_server_without_tls_are_unreachable_and_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = client(policy()).send(get(closed), later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable(_)), "{error}");

    let server = Server::start(|mut stream| async move { answer(&mut stream, "HTTP/1.1 400 Bad\r\n\r\n").await }).await;
    let url = format!("https://127.0.0.1:{}/", server.address.port());
    let error = client(policy()).send(get(url), later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_unreachable_after_the_connect_timeout() {
    let server = Server::start(|stream| async move {
        let _open = stream;
        std::future::pending().await
    })
    .await;
    let client = client(Policy { connect_timeout: Duration::from_millis(100), ..policy() });
    let url = format!("https://127.0.0.1:{}/", server.address.port());
    let error = client.send(get(url), later()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(reason) if reason.contains("100ms")), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_times_out_and_may_have_seen_the_request() {
    let server = Server::start(say_nothing).await;
    let error = client(policy()).send(get(server.url("/")), soon()).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_deadline_in_the_past_sends_nothing() {
    let server = Server::start(|_| async {}).await;
    let error = client(policy()).send(get(server.url("/")), Instant::now()).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { sent: false, .. }), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_broken_and_may_have_been_seen() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let error = client(policy()).send(get(server.url("/")), later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Broken { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_request_on_a_pooled_connection_that_dies_is_never_sent_a_second_time() {
    // It answers once, reads a second request and hangs up. Sending that again would need a second connection.
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        read_request(&mut stream).await;
    })
    .await;
    let client = client(policy());
    client.send(get(server.url("/1")), later()).await.unwrap();
    let post = Request { method: Method::POST, body: Bytes::from_static(b"\r\n\r\n"), ..get(server.url("/2")) };
    let error = client.send(post, later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Broken { sent: true, .. }), "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_is_broken_not_short() {
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let body = if head.contains("chunked") { "5\r\nhello\r\n" } else { "hello" };
        let server = Server::start(move |mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, &format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")).await;
        })
        .await;
        let error = client(policy()).send(get(server.url("/")), later()).await.unwrap_err();
        assert!(matches!(error, EgressError::Broken { sent: true, .. }), "{head}: {error}");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_whether_it_says_its_length_or_not() {
    for head in ["content-length: 11\r\n", "", "transfer-encoding: chunked\r\n"] {
        let body = if head.contains("chunked") { "b\r\nhello world\r\n0\r\n\r\n" } else { "hello world" };
        let server = Server::start(move |mut stream| async move {
            read_request(&mut stream).await;
            answer(&mut stream, &format!("HTTP/1.1 200 OK\r\n{head}connection: close\r\n\r\n{body}")).await;
        })
        .await;
        let small = client(Policy { max_response_bytes: 10, ..policy() });
        assert_eq!(small.send(get(server.url("/")), later()).await.unwrap_err(), EgressError::TooLarge { limit: 10 });
        let enough = client(Policy { max_response_bytes: 11, ..policy() });
        assert_eq!(enough.send(get(server.url("/")), later()).await.unwrap().body, "hello world");
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(format!("x: {}\r\n", "y".repeat(8000)).as_bytes()).await.is_ok() {}
    })
    .await;
    let error = client(policy()).send(get(server.url("/")), later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Broken { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_stream_that_goes_quiet_times_out_though_its_deadline_is_far() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
        std::future::pending().await
    })
    .await;
    let idle_timeout = Duration::from_millis(100);
    let client = client(Policy { idle_timeout, ..policy() });
    let mut streaming = client.open(get(server.url("/")), later()).await.unwrap();
    assert_eq!(streaming.next().await.unwrap().unwrap(), "hello");
    assert_eq!(streaming.next().await.unwrap_err(), EgressError::TimedOut { sent: true, after: idle_timeout });
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_keeps_dripping() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let mut drip = tokio::time::interval(Duration::from_millis(5));
        loop {
            drip.tick().await;
            answer(&mut stream, "1\r\nx\r\n").await;
        }
    })
    .await;
    let mut streaming = client(policy()).open(get(server.url("/")), soon()).await.unwrap();
    let error = loop {
        match streaming.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream has no end"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, EgressError::TimedOut { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_stream_ends_properly_with_none() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n").await;
    })
    .await;
    let mut streaming = client(policy()).open(get(server.url("/")), later()).await.unwrap();
    assert_eq!(streaming.next().await.unwrap().unwrap(), "ab");
    assert_eq!(streaming.next().await.unwrap(), None);
}
