//! Peers that are slow, silent or wordy have their bounds, and others do not suffer from them.

use std::time::Duration;

use crate::harness::{Client, FOREVER, Server};
use mainstay_server::listen::{Drained, ListenError, ListenSettings, bind, serve};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const SHORT: Duration = Duration::from_millis(300);

async fn half_open(server: &Server, count: usize) -> Vec<Client<TcpStream>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = server.connect().await;
        client.send("GET /hello HTTP/1.1\r\nhost: local").await.unwrap();
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn two_hundred_half_open_requests_do_not_keep_others_out() {
    let server = Server::start(ListenSettings { connections: 300, ..ListenSettings::default() }).await;
    let _slow = half_open(&server, 200).await;
    for _ in 0..20 {
        assert!(server.connect().await.get("/hello").await.ends_with("hello"));
    }
    assert_eq!(server.counts.read().made_room, 0);
}

#[tokio::test]
async fn when_half_open_requests_hold_every_place_the_oldest_make_room() {
    let server =
        Server::start(ListenSettings { connections: 50, head: FOREVER * 3, ..ListenSettings::default() }).await;
    let mut slow = half_open(&server, 200).await;
    // Whoever came in the last moments is spared, so the first tries may be turned away.
    let mut served = 0;
    let began = Instant::now();
    while served < 20 {
        assert!(began.elapsed() < FOREVER);
        let mut client = server.connect().await;
        let _ = client.send("GET /hello HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        served += usize::from(client.rest().await.ends_with("hello"));
    }
    assert!(server.counts.read().made_room > 0);
    assert!(server.counts.read().open <= 50);
    let mut oldest = slow.swap_remove(0);
    assert_eq!(oldest.rest().await, "", "it was closed long before its time was over");
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_though_it_never_rests() {
    let server = Server::start(ListenSettings { head: SHORT, ..ListenSettings::default() }).await;
    let mut slow = server.connect().await;
    let began = Instant::now();
    while slow.send("x").await.is_ok() {
        assert!(began.elapsed() < FOREVER);
        let mut byte = [0];
        if let Ok(read) = tokio::time::timeout(SHORT / 10, slow.0.read(&mut byte)).await {
            assert_eq!(read.unwrap_or(0), 0);
            break;
        }
    }
    assert!(began.elapsed() >= SHORT);
    assert_eq!(server.counts.read().too_slow, 1);
}

#[tokio::test]
async fn a_silent_connection_has_the_time_of_a_head_at_first_and_more_after_an_answer() {
    let server = Server::start(ListenSettings { head: SHORT, idle: FOREVER * 3, ..ListenSettings::default() }).await;
    let began = Instant::now();
    let mut silent = server.connect().await;
    assert_eq!(silent.rest().await, "");
    assert!(began.elapsed() >= SHORT);

    let server = Server::start(ListenSettings { head: SHORT, idle: SHORT * 4, ..ListenSettings::default() }).await;
    let began = Instant::now();
    let mut kept = server.connect().await;
    kept.get("/hello").await;
    assert_eq!(kept.rest().await, "");
    assert!(began.elapsed() >= SHORT * 4);
    assert_eq!(server.counts.read().too_slow, 1);
}

#[tokio::test]
async fn a_kept_connection_that_begins_a_head_has_the_time_of_a_head() {
    let server = Server::start(ListenSettings { head: SHORT, idle: FOREVER * 3, ..ListenSettings::default() }).await;
    let mut client = server.connect().await;
    client.get("/hello").await;
    client.send("GET /hel").await.unwrap();
    assert_eq!(client.rest().await, "");
    assert_eq!(server.counts.read().too_slow, 1);
}

#[tokio::test]
async fn a_trickled_body_is_cut_and_the_handler_can_say_why() {
    let settings = ListenSettings { body: SHORT, body_idle: FOREVER * 3, ..ListenSettings::default() };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    client.send("POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\na").await.unwrap();
    let (mut reader, mut writer) = client.0.into_split();
    let began = Instant::now();
    let trickle = async {
        while tokio::io::AsyncWriteExt::write_all(&mut writer, b"a").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let answer = async {
        let mut answer = [0; 1024];
        let length = reader.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let answer = tokio::select! { answer = answer => answer, () = trickle => panic!("cut without an answer") };
    assert!(answer.ends_with("too slow"), "{answer}");
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_body_that_rests_is_cut_before_its_whole_time_is_over() {
    let settings = ListenSettings { body_idle: SHORT, ..ListenSettings::default() };
    let server = Server::start(settings).await;
    let mut client = server.connect().await;
    client.send("POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    assert!(client.answer().await.ends_with("too slow"));
    assert_eq!(client.rest().await, "", "what may still come belongs to no request");
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_cut() {
    let server = Server::start(ListenSettings { stall: SHORT, ..ListenSettings::default() }).await;
    let mut client = server.connect().await;
    let began = Instant::now();
    client.send("GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(client.0.read_u8().await.unwrap(), b'H');
    let counts = server.counts.clone();
    server.stop.cancel();
    // The answer on its way holds the end up until it is given up.
    assert_eq!(server.drained().await, Drained { open: 1, cut: 0 });
    assert!(began.elapsed() >= SHORT);
    assert_eq!(counts.read().too_slow, 1);
}

#[tokio::test]
async fn a_large_answer_reaches_whoever_takes_it() {
    let server = Server::start(ListenSettings { stall: SHORT, ..ListenSettings::default() }).await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(client.rest().await.len() > 64 * 1024 * 1024);
}

#[tokio::test]
async fn heads_that_are_too_large_or_have_too_many_headers_are_refused() {
    let settings = ListenSettings { head_bytes: 16 * 1024, headers: 20, ..ListenSettings::default() };
    let server = Server::start(settings).await;
    let send = async |headers: String| {
        let mut client = server.connect().await;
        // It may be refused before it is all sent.
        let _ = client.send(&format!("GET /hello HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.0).await;
        client.rest().await
    };
    let one = |bytes: usize| format!("x-one: {}\r\n", "a".repeat(bytes));
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: a\r\n")).collect::<String>();
    for headers in [one(17 * 1024), one(200 * 1024), many(21)] {
        let answer = send(headers).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    let mut client = server.connect().await;
    for headers in [one(15 * 1024), many(19)] {
        client.send(&format!("GET /hello HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await.unwrap();
        assert!(client.answer().await.ends_with("hello"));
    }
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_arrives_though_the_peer_goes_on_sending() {
    let server = Server::start(ListenSettings::default()).await;
    let mut client = server.connect().await;
    client.send("POST /refuse HTTP/1.1\r\nhost: localhost\r\ncontent-length: 700000\r\n\r\n").await.unwrap();
    // Most clients look at the answer only when they have sent everything, and give up if they cannot.
    client.0.peek(&mut [0]).await.unwrap();
    for _ in 0..70 {
        client.send(&"a".repeat(10_000)).await.expect("the server takes what is still coming");
    }
    assert!(client.rest().await.ends_with("too large"));
}

#[tokio::test]
async fn when_every_place_is_at_work_a_newcomer_is_told_to_come_back() {
    let when_full = r#"{"error":"full"}"#.to_owned();
    let server = Server::start(ListenSettings { connections: 2, when_full, ..ListenSettings::default() }).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    let work = async { tokio::join!(first.get("/wait"), second.get("/wait")) };
    let rest = async {
        server.desk.one_has_begun().await;
        server.desk.one_has_begun().await;
        let mut newcomer = server.connect().await;
        newcomer.send("GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let answer = newcomer.rest().await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.ends_with(r#"{"error":"full"}"#), "{answer}");
        server.desk.let_one_end();
        server.desk.let_one_end();
    };
    let ((one, other), ()) = tokio::join!(work, rest);
    assert!(one.ends_with("waited") && other.ends_with("waited"));
    let counted = server.counts.read();
    assert_eq!((counted.turned_away, counted.made_room, counted.accepted), (1, 0, 2));
}

#[tokio::test]
async fn an_address_that_is_taken_and_a_setting_without_sense_are_said() {
    let server = Server::start(ListenSettings::default()).await;
    let taken = bind(server.address).await.unwrap_err();
    assert_eq!(taken.to_string(), format!("cannot listen on {}", server.address));

    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let settings = ListenSettings { connections: 0, ..ListenSettings::default() };
    let refused = serve(axum::Router::new(), listener, settings, CancellationToken::new()).await;
    assert!(matches!(refused, Err(ListenError::Setting { setting: "connections", .. })), "{refused:?}");
}
