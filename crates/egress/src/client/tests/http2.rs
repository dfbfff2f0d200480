//! HTTP/2 and what only it has: shared connections, trailers, resets.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Frame, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::*;

/// A body of ready frames; of none, it never ends.
struct Frames(Vec<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() { Poll::Pending } else { Poll::Ready(Some(Ok(self.0.remove(0)))) }
    }

    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Answers every request with its `te` header in `x-te`, then `body`, then the trailer `x-after`.
async fn serve(stream: TcpStream, body: &'static str) {
    let service = service_fn(move |request: http::Request<Incoming>| async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-after", HeaderValue::from_static("the body"));
        let frames = Frames(vec![Frame::data(Bytes::from_static(body.as_bytes())), Frame::trailers(trailers)]);
        let mut response = http::Response::new(frames);
        if let Some(te) = request.headers().get(header::TE) {
            response.headers_mut().insert("x-te", te.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

fn http2_policy() -> Policy {
    Policy { protocol: Protocol::Http2, ..policy() }
}

#[tokio::test]
async fn trailers_are_read_and_the_client_says_that_it_reads_them() {
    let server = Server::start(|stream| serve(stream, "hello")).await;
    let response = client(http2_policy()).send(get(server.url("/")), later()).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(response.trailers["x-after"], "the body");
    assert_eq!(response.headers["x-te"], "trailers");
}

#[tokio::test]
async fn trailers_of_a_chunked_answer_are_read_too() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-after: b\r\n\r\n")
            .await;
    })
    .await;
    let response = client(policy()).send(get(server.url("/")), later()).await.unwrap();
    assert_eq!((&response.body[..], &response.trailers["x-after"]), (&b"ab"[..], &HeaderValue::from_static("b")));
}

#[tokio::test]
async fn requests_share_one_connection() {
    let server = Server::start(|stream| serve(stream, "hello")).await;
    let client = client(http2_policy());
    for _ in 0..3 {
        client.send(get(server.url("/")), later()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let server = Server::start(|stream| serve(stream, "hello world")).await;
    let small = client(Policy { max_response_bytes: 10, ..http2_policy() });
    assert_eq!(small.send(get(server.url("/")), later()).await.unwrap_err(), EgressError::TooLarge { limit: 10 });
}

#[tokio::test]
async fn a_private_address_is_refused_whatever_is_spoken() {
    let server = Server::start(|stream| serve(stream, "hello")).await;
    let careful = client(Policy { allow_private: false, ..http2_policy() });
    let error = careful.send(get(server.url("/")), later()).await.unwrap_err();
    assert_eq!(error, EgressError::PrivateAddress("127.0.0.1".to_owned()));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_server_that_never_answers_times_out_and_may_have_seen_the_request() {
    let server = Server::start(|stream| async move {
        let never = service_fn(|_| std::future::pending::<Result<http::Response<Frames>, Infallible>>());
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), never).await;
    })
    .await;
    let error = client(http2_policy()).send(get(server.url("/")), soon()).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_never_ends_times_out_at_the_deadline() {
    let server = Server::start(|stream| async move {
        let open = service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(Frames(Vec::new()))) });
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), open).await;
    })
    .await;
    let error = client(http2_policy()).send(get(server.url("/")), soon()).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_only_the_older_protocol_is_an_error_and_not_an_answer() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        answer(&mut stream, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = client(http2_policy()).send(get(server.url("/")), later()).await.unwrap_err();
    assert!(matches!(error, EgressError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn over_tls_only_the_newer_protocol_is_offered_by_a_client_that_speaks_it() {
    for (protocol, offers) in [(Protocol::Http1, false), (Protocol::Http2, true)] {
        let (said, hello) = tokio::sync::oneshot::channel();
        let said = Arc::new(std::sync::Mutex::new(Some(said)));
        let server = Server::start(move |mut stream| {
            let said = said.clone();
            async move {
                let mut record = vec![0; 4096];
                let count = stream.read(&mut record).await.unwrap();
                record.truncate(count);
                if let Some(said) = said.lock().unwrap().take() {
                    said.send(record).unwrap();
                }
            }
        })
        .await;
        let url = format!("https://127.0.0.1:{}/", server.address.port());
        let error = client(Policy { protocol, ..policy() }).send(get(url), later()).await.unwrap_err();
        assert!(matches!(error, EgressError::Unreachable(_)), "{error}");
        // The ALPN extension: number 16, 5 bytes, a list of 3, one name of 2.
        let alpn = b"\x00\x10\x00\x05\x00\x03\x02h2";
        assert_eq!(hello.await.unwrap().windows(alpn.len()).any(|part| part == alpn), offers, "{protocol:?}");
    }
}
