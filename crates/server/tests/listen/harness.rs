//! A listener on a free port of loopback, and a client that can misbehave.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use mainstay_server::limits::{BodyError, BodyLimits, read_body};
use mainstay_server::listen::{Drained, ListenCounts, ListenError, ListenSettings, bind, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here should take: a test that waits for it has failed.
pub(crate) const FOREVER: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) counts: Arc<ListenCounts>,
    pub(crate) desk: Desk,
    task: JoinHandle<Result<Drained, ListenError>>,
}

/// Where `/wait` tells that it has begun, and learns that it may end.
#[derive(Clone)]
pub(crate) struct Desk {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

impl Desk {
    fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self { begun: none(), may_end: none(), dropped: none() }
    }

    /// Completes when one more request was dropped before its end.
    pub(crate) async fn one_was_dropped(&self) {
        timeout(FOREVER, self.dropped.acquire()).await.expect("a dropped request").expect("open").forget();
    }

    /// Completes when one more request has begun.
    pub(crate) async fn one_has_begun(&self) {
        timeout(FOREVER, self.begun.acquire()).await.expect("a request").expect("open").forget();
    }

    pub(crate) fn let_one_end(&self) {
        self.may_end.add_permits(1);
    }
}

impl Server {
    pub(crate) async fn start(settings: ListenSettings) -> Self {
        let desk = Desk::new();
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, counts) = (CancellationToken::new(), settings.counts.clone());
        let serving = serve(router(desk.clone()), listener, settings, stop.clone());
        let task = TaskTracker::new().spawn(serving);
        Self { address, stop, counts, desk, task }
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Completes when serving has ended.
    pub(crate) async fn drained(self) -> Drained {
        timeout(FOREVER, self.task).await.expect("an end").unwrap().unwrap()
    }
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/large", get(async || vec![b'a'; 64 * 1024 * 1024]))
        .route("/refuse", post(async || (axum::http::StatusCode::PAYLOAD_TOO_LARGE, "too large")))
        .route("/read", post(read))
        .route("/wait", get(wait))
        .with_state(desk)
}

/// Reads with a patience of its own that is longer than the listener's.
async fn read(body: axum::body::Body) -> String {
    let limits = BodyLimits { whole: FOREVER, idle: FOREVER, ..BodyLimits::default() };
    match read_body(body, &limits).await {
        Ok(bytes) => format!("read {}", bytes.len()),
        Err(BodyError::TooSlow) => "too slow".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

async fn wait(State(desk): State<Desk>) -> &'static str {
    let mut waiting = Waiting { desk, has_ended: false };
    waiting.desk.begun.add_permits(1);
    waiting.desk.may_end.acquire().await.expect("open").forget();
    waiting.has_ended = true;
    "waited"
}

struct Waiting {
    desk: Desk,
    has_ended: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.has_ended {
            self.desk.dropped.add_permits(1);
        }
    }
}

pub(crate) struct Client<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes()).await
    }

    /// Asks, and gives the whole answer; the connection stays open.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await.unwrap();
        self.answer().await
    }

    /// One answer with a `content-length`.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let answered = timeout(FOREVER, async {
            loop {
                let byte = self.0.read_u8().await.expect("more of the answer");
                answer.push(byte);
                let Some(head) = answer.strip_suffix(b"\r\n\r\n") else { continue };
                let length = content_length(std::str::from_utf8(head).unwrap());
                let mut body = vec![0; length];
                self.0.read_exact(&mut body).await.expect("the body of the answer");
                answer.extend(body);
                return;
            }
        });
        answered.await.expect("an answer in time");
        String::from_utf8(answer).unwrap()
    }

    /// Everything until the connection is closed; a reset is as good as an end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = timeout(FOREVER, self.0.read_to_end(&mut rest)).await.expect("the end of the connection");
        String::from_utf8(rest).unwrap()
    }
}

fn content_length(head: &str) -> usize {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |length| length.parse().unwrap())
}
