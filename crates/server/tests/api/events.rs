//! A run is followed live.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use mainstay_server::ApiSettings;
use mainstay_shop::data::known;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{CUSTOMER, Call, House, KeyOf, where_is};

/// An event as it came: id, kind, data.
type Event = (u32, String, Value);

/// Reads a stream until it ends, or until `enough` events came.
async fn read(body: &mut Incoming, text: &mut String, enough: usize) -> Vec<Event> {
    let read = async {
        while text.matches("\n\n").count() < enough {
            let Some(frame) = body.frame().await else { break };
            if let Ok(data) = frame.unwrap().into_data() {
                text.push_str(std::str::from_utf8(&data).unwrap());
            }
        }
    };
    timeout(Duration::from_secs(20), read).await.unwrap();
    text.split("\n\n").filter_map(event).collect()
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).unwrap();
    Some((field("id")?.parse().unwrap(), field("event")?.to_owned(), data))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_where_the_last_one_ended_and_ends_with_the_reply() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let secret = "mail me at someone@private.example";
    let question = format!("{} {secret}", where_is(known::SHIPPED));
    let answer = house.start(&key, &json!({"input": question, "principal": CUSTOMER})).await;
    let path = format!("/v1/runs/{}/events", answer.json["id"].as_str().unwrap());

    let (status, mut body) = house.open_stream(Call::get(&path).key(&key)).await;
    assert_eq!(status, 200);
    let all = read(&mut body, &mut String::new(), usize::MAX).await;
    let positions: Vec<u32> = all.iter().map(|(id, ..)| *id).collect();
    assert_eq!(positions, (0..u32::try_from(all.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!((all[0].1.as_str(), all.last().unwrap().1.as_str()), ("screened", "replied"));
    assert_eq!(all.last().unwrap().2["reply"], answer.json["reply"]);
    let schema = json!({"$ref": "#/components/schemas/EventShown"});
    for (_, kind, data) in &all {
        house.document().holds(&schema, data, kind);
        assert!(!data.to_string().contains("private.example"), "{kind} shows content: {data}");
        assert_eq!(data["reply"].is_null(), kind != "replied");
    }

    let resumed = Call::get(&path).key(&key).header("last-event-id", "2");
    let (_, mut body) = house.open_stream(resumed).await;
    assert_eq!(read(&mut body, &mut String::new(), usize::MAX).await, all[3..]);
    let (_, mut body) = house.open_stream(Call::get(format!("{path}?after=2")).key(&key)).await;
    assert_eq!(read(&mut body, &mut String::new(), usize::MAX).await, all[3..]);
    let last = Call::get(&path).key(&key).header("last-event-id", all.last().unwrap().0.to_string());
    let (_, mut body) = house.open_stream(last).await;
    assert_eq!(read(&mut body, &mut String::new(), usize::MAX).await, []);
    let wrong = house.call(Call::get(&path).key(&key).header("last-event-id", "soon")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "request_invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_waiting_run_sees_the_decision_and_the_end_as_they_happen() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let (run, approval) = house.parked(&key, None).await;
    let (_, mut body) = house.open_stream(Call::get(format!("/v1/runs/{run}/events")).key(&key)).await;
    let mut text = String::new();
    let parked = async {
        loop {
            let one_more = text.matches("\n\n").count() + 1;
            let so_far = read(&mut body, &mut text, one_more).await;
            if so_far.last().is_some_and(|(_, kind, _)| kind == "approval_asked") {
                return so_far;
            }
        }
    };
    let before = timeout(Duration::from_secs(20), parked).await.unwrap();
    assert_eq!(before.last().unwrap().2["facts"]["approval"], json!(approval));

    let decision = Call::post(format!("/v1/approvals/{approval}/decision"), &json!({"decision": "approve"}));
    assert_eq!(house.call(decision.key(&key)).await.status, 200);
    let all = read(&mut body, &mut text, usize::MAX).await;
    let kinds: Vec<&str> = all.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert!(kinds.contains(&"effect_intended") && kinds.ends_with(&["replied"]), "{kinds:?}");
    let decided = all.iter().find(|(_, kind, _)| kind == "approval_decided").unwrap();
    assert_eq!(decided.2["facts"], json!({"approval": approval, "decision": "approved"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_in_number_and_in_time_and_end_with_the_server() {
    let house = House::open_with(ApiSettings { streams: 1, ..ApiSettings::default() }).await;
    let key = house.key("app", KeyOf::default()).await;
    let (run, _) = house.parked(&key, None).await;
    let path = format!("/v1/runs/{run}/events");
    let (_, mut first) = house.open_stream(Call::get(&path).key(&key)).await;
    let mut text = String::new();
    read(&mut first, &mut text, 1).await;
    let refused = house.call(Call::get(&path).key(&key)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "overloaded"));
    assert!(refused.headers.contains_key("retry-after"));
    house.stop.cancel();
    read(&mut first, &mut text, usize::MAX).await;
    assert!(text.contains("retry: 3000"), "{text}");

    let brief = ApiSettings { stream_life: Duration::from_millis(200), ..ApiSettings::default() };
    let house = House::open_with(brief).await;
    let key = house.key("app", KeyOf::default()).await;
    let (run, _) = house.parked(&key, None).await;
    let (_, mut body) = house.open_stream(Call::get(format!("/v1/runs/{run}/events")).key(&key)).await;
    let mut text = String::new();
    read(&mut body, &mut text, usize::MAX).await;
    assert!(text.contains("retry: 3000"), "{text}");
}
