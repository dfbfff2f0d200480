//! The orderly end: what is at work is finished, what is quiet is closed, and what hangs is cut in time and counted.

use std::time::Duration;

use crate::harness::Server;
use mainstay_server::listen::{Drained, ListenSettings};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[tokio::test]
async fn a_request_at_work_finishes_a_newcomer_is_refused_and_a_quiet_connection_is_closed() {
    let server = Server::start(ListenSettings::default()).await;
    let mut quiet = server.connect().await;
    quiet.get("/hello").await;
    let mut silent = server.connect().await;
    let mut worker = server.connect().await;
    worker.send("GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    server.desk.one_has_begun().await;

    server.stop.cancel();
    assert_eq!(quiet.rest().await, "", "closed at once, while the other still works");
    assert_eq!(silent.rest().await, "");
    assert!(TcpStream::connect(server.address).await.is_err());

    server.desk.let_one_end();
    let answer = worker.answer().await;
    assert!(answer.ends_with("waited") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(worker.rest().await, "");
    assert_eq!(server.drained().await.cut, 0);
}

#[tokio::test]
async fn a_hanging_request_is_cut_after_the_drain_and_counted() {
    let drain = Duration::from_millis(300);
    let server = Server::start(ListenSettings { drain, ..ListenSettings::default() }).await;
    // Half a head is nobody's work.
    let mut half = server.connect().await;
    half.send("GET /hel").await.unwrap();
    let mut hanging = server.connect().await;
    hanging.send("GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    server.desk.one_has_begun().await;

    let began = Instant::now();
    server.stop.cancel();
    let drained = server.drained().await;
    assert!(began.elapsed() >= drain && began.elapsed() < drain + Duration::from_secs(5));
    assert_eq!(drained, Drained { open: 2, cut: 1 });
    assert_eq!(hanging.rest().await, "");
    assert_eq!(half.rest().await, "");
}

#[tokio::test]
async fn nothing_open_means_nothing_to_wait_for() {
    let server = Server::start(ListenSettings::default()).await;
    server.stop.cancel();
    assert_eq!(server.drained().await, Drained { open: 0, cut: 0 });
}

#[tokio::test]
async fn a_caller_who_hangs_up_drops_their_handler() {
    let server = Server::start(ListenSettings::default()).await;
    let mut gone = server.connect().await;
    gone.send("GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    server.desk.one_has_begun().await;
    drop(gone);
    server.desk.one_was_dropped().await;
    server.stop.cancel();
    assert_eq!(server.drained().await.cut, 0);
}
