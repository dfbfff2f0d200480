//! The same request sent twice is done once.

use futures_util::future::join_all;
use mainstay::access::{Begun, NewRequest, Role};
use mainstay_shop::data::known;
use serde_json::{Value, json};

use crate::support::{AGENT, CUSTOMER, Call, House, KeyOf, refund, where_is};

fn start(body: &Value, key: &str, idempotency: &str) -> Call {
    Call::post(format!("/v1/agents/{AGENT}/runs"), body).key(key).header("idempotency-key", idempotency)
}

async fn runs(house: &House, key: &str) -> usize {
    house.call(Call::get("/v1/runs").key(key)).await.json["runs"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_gets_the_first_answer_and_another_body_is_refused() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let body = json!({"input": refund(known::LARGE), "principal": CUSTOMER});
    let first = house.call(start(&body, &key, "k-1")).await;
    assert_eq!(first.status, 202);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = house.call(start(&body, &key, "k-1")).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));

    let other = house.call(start(&json!({"input": "Hello", "principal": CUSTOMER}), &key, "k-1")).await;
    assert_eq!((other.status.as_u16(), other.code()), (409, "idempotency_conflict"));
    assert_eq!(runs(&house, &key).await, 1);

    let second = house.key("other app", KeyOf::default()).await;
    let theirs = house.call(start(&body, &second, "k-1")).await;
    assert_ne!(theirs.json["id"], first.json["id"], "keys belong to whoever sent them");
    let without = house.start(&key, &body).await;
    assert_eq!(without.status, 202);
    assert_eq!(runs(&house, &key).await, 3);
    for bad in ["", "ü", "a b", &"x".repeat(201)] {
        let refused = house.call(start(&body, &key, bad)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "request_invalid"), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_make_one_run_and_all_hear_of_it() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let body = json!({"input": where_is(known::SHIPPED), "principal": CUSTOMER});
    let answers = join_all((0..20).map(|_| house.call(start(&body, &key, "burst")))).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.json["id"]), (200, &answers[0].json["id"]), "{}", answer.text);
        assert_eq!(answer.json["reply"], answers[0].json["reply"]);
    }
    assert_eq!(runs(&house, &key).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_process_died_before_it_did_anything_is_done_by_its_repetition() {
    let house = House::open().await;
    let body = json!({"input": where_is(known::SHIPPED), "principal": CUSTOMER});
    // What a process leaves behind that died between noting a request and starting its run: the note, found by sending the
    // same request from a key whose note is copied.
    let key = house.key("app", KeyOf::default()).await;
    let done = house.call(start(&body, &key, "before")).await;
    let subject = house.mainstay.new_uuid();
    let request = NewRequest {
        scope: house.mainstay.keys().await.unwrap()[0].id.to_string(),
        key: "orphan".to_owned(),
        hash: hash(&body),
        subject,
        at: house.mainstay.now(),
    };
    assert_eq!(house.mainstay.begin(&request).await.unwrap(), Begun::Fresh);
    let first = house.call(start(&body, &key, "orphan")).await;
    assert_eq!((first.status.as_u16(), first.json["state"].as_str().unwrap()), (200, "answered"));
    assert_eq!(first.json["id"], json!(format!("run_{}", subject.simple())), "the promised id");
    let second = house.call(start(&body, &key, "orphan")).await;
    assert_eq!(second.text, first.text);
    assert_ne!(done.json["id"], first.json["id"]);
    assert_eq!(runs(&house, &key).await, 2);
}

/// As the server hashes a request: each part with its length in front.
fn hash(body: &Value) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    let (path, body) = (format!("/v1/agents/{AGENT}/runs"), body.to_string());
    for part in ["POST", &path, &body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    mainstay_core::canonical::hex(&hasher.finalize())
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_cancellations_and_feedback_are_done_once() {
    let house = House::open().await;
    let key = house.key("app", KeyOf { roles: &Role::ALL, ..KeyOf::default() }).await;
    let (run, _) = house.parked(&key, None).await;
    let cancel = Call::post_bytes(format!("/v1/runs/{run}/cancel"), "{}").key(&key).header("idempotency-key", "c");
    let first = house.call(cancel.clone()).await;
    house.ended(&key, &run).await;
    let second = house.call(cancel).await;
    assert_eq!((second.status.as_u16(), &second.text), (202, &first.text), "not `run_ended`");

    let (run, approval) = house.parked(&key, None).await;
    let decision = Call::post(format!("/v1/approvals/{approval}/decision"), &json!({"decision": "approve"}));
    let decision = decision.key(&key).header("idempotency-key", "d");
    let answers = join_all((0..5).map(|_| house.call(decision.clone()))).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.json["state"]), (200, &json!("approved")), "{}", answer.text);
    }
    house.ended(&key, &run).await;
    assert_eq!(house.shop.effects().await.unwrap().len(), 1);

    let feedback = Call::post(format!("/v1/runs/{run}/feedback"), &json!({"rating": 1}));
    let feedback = feedback.key(&key).header("idempotency-key", "f");
    let (first, second) = (house.call(feedback.clone()).await, house.call(feedback).await);
    assert_eq!((first.status.as_u16(), &first.text), (201, &second.text));
    let shown = house.call(Call::get(format!("/v1/runs/{run}")).key(&key)).await;
    assert_eq!(shown.json["feedback"].as_array().unwrap().len(), 1);
}
