//! How much is taken on, and what the rest is told.

use std::time::Duration;

use mainstay::access::Role;
use mainstay_server::ApiSettings;
use mainstay_server::shed::AdmissionSettings;
use mainstay_shop::data::known;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{CUSTOMER, Call, House, KeyOf, where_is};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_hurt() {
    let house = House::open().await;
    let eager = house.key("eager", KeyOf { requests_per_minute: Some(12), ..KeyOf::default() }).await;
    let other = house.key("other", KeyOf::default()).await;
    for _ in 0..2 {
        assert_eq!(house.call(Call::get("/v1/runs").key(&eager)).await.status, 200);
    }
    let refused = house.call(Call::get("/v1/runs").key(&eager)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "rate_limited"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(house.call(Call::get("/v1/runs").key(&other)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_turned_away_at_once_and_health_still_answers() {
    let admission = AdmissionSettings { at_work: 1, waiting: 0, ..AdmissionSettings::default() };
    let house = House::open_with(ApiSettings { admission, ..ApiSettings::default() }).await;
    let key = house.key("app", KeyOf::default()).await;
    // A caller who sends a body slowly is at work.
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST /v1/agents/returns/runs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let at_work = async {
        while !house.mainstay.metrics().await.contains("mainstay_http_in_flight 1\n") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), at_work).await.unwrap();
    let refused = house.call(Call::get("/v1/runs").key(&key)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "overloaded"));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(house.call(Call::get("/readyz")).await.status, 200);
    drop(slow);
    let freed = async {
        while house.call(Call::get("/v1/runs").key(&key)).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
    let metrics = house.call(Call::get("/metrics").key(&key)).await;
    let shed = metrics.text.lines().find_map(|line| line.strip_prefix("mainstay_http_shed_total ")).unwrap();
    assert!(shed.parse::<u64>().unwrap() >= 1, "{shed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_takes_no_new_run_and_says_so() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let (run, _) = house.parked(&key, None).await;
    house.stop.cancel();
    let refused = house.start(&key, &json!({"input": "Hello", "principal": CUSTOMER})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "draining"));
    let ready = house.call(Call::get("/readyz")).await;
    assert_eq!((ready.status.as_u16(), ready.code()), (503, "draining"));
    assert_eq!(house.call(Call::get("/healthz")).await.status, 200);
    assert_eq!(
        house.call(Call::get(format!("/v1/runs/{run}")).key(&key)).await.status,
        200,
        "what is there can be read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_out_and_a_wrong_one_was_never_in() {
    let house = House::open().await;
    let key = house.key("app", KeyOf { roles: &[Role::Caller], ..KeyOf::default() }).await;
    assert_eq!(house.call(Call::get("/v1/runs").key(&key)).await.status, 200);
    let mut wrong = key.clone();
    let last = if wrong.pop() == Some('A') { 'E' } else { 'A' };
    wrong.push(last);
    assert_eq!(house.call(Call::get("/v1/runs").key(&wrong)).await.status, 401);
    let id = house.mainstay.keys().await.unwrap()[0].id;
    assert!(house.mainstay.revoke_key(id).await.unwrap());
    let out = async {
        while house.call(Call::get("/v1/runs").key(&key)).await.status != 401 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), out).await.unwrap();
    assert_eq!(house.call(Call::get("/v1/runs")).await.status, 401, "there was a key once, so nobody is local");
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_name_routes_and_never_what_was_asked() {
    let house = House::open().await;
    let key = house.key("ops", KeyOf::default()).await;
    let asked = json!({"input": where_is(known::SHIPPED), "principal": "c-1001"});
    let run = house.start(&key, &asked).await.json["id"].as_str().unwrap().to_owned();
    house.call(Call::get(format!("/v1/runs/{run}")).key(&key)).await;
    house.call(Call::get("/nowhere/c-1001").key(&key)).await;
    let metrics = house.call(Call::get("/metrics").key(&key)).await;
    for line in [
        "mainstay_http_requests_total{method=\"GET\",route=\"/v1/runs/{id}\",status=\"200\"} 1",
        "mainstay_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "mainstay_http_requests_total{method=\"POST\",route=\"/v1/agents/{agent}/runs\",status=\"200\"} 1",
        "mainstay_runs_total{agent=\"returns\",state=\"answered\"} 1",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
    for content in [run.as_str(), "c-1001", known::SHIPPED, key.as_str()] {
        assert!(!metrics.text.contains(content), "{content}");
    }
    assert!(metrics.text.ends_with("# EOF\n"));
}
