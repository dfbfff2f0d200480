//! A person decides what an agent may do.

use mainstay::access::Role;
use mainstay_shop::data::known;
use serde_json::{Value, json};

use crate::support::{CUSTOMER, Call, House, KeyOf};

async fn decide(house: &House, key: &str, approval: &str, body: &Value) -> crate::support::Answer {
    house.call(Call::post(format!("/v1/approvals/{approval}/decision"), body).key(key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_is_done_once_and_answered() {
    let house = House::open().await;
    let app = house.key("app", KeyOf { roles: &[Role::Caller], ..KeyOf::default() }).await;
    let reviewer = house.key("ana", KeyOf { roles: &[Role::Reviewer], ..KeyOf::default() }).await;
    let (run, approval) = house.parked(&app, None).await;

    let waiting = house.call(Call::get("/v1/approvals").key(&reviewer)).await;
    let shown = &waiting.json["approvals"][0];
    assert_eq!(
        (&shown["id"], &shown["state"], &shown["tool"]),
        (&json!(approval), &json!("waiting"), &json!("refund"))
    );
    assert_eq!(shown["arguments"]["order_id"], known::LARGE);
    let hash = shown["arguments_hash"].clone();

    let stale = json!({"decision": "approve", "seen_hash": "0".repeat(64)});
    let refused = decide(&house, &reviewer, &approval, &stale).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "approval_changed"));
    let approved = decide(&house, &reviewer, &approval, &json!({"decision": "approve", "seen_hash": hash})).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    assert_eq!((&approved.json["state"], &approved.json["decided_by"]), (&json!("approved"), &json!("ana")));

    let run = house.ended(&app, &run).await;
    assert_eq!(run["state"], "answered");
    assert!(run["reply"]["answer"].as_str().unwrap().contains("refunded"), "{run:#}");
    assert_eq!((&run["effects"][0]["state"], &run["effects"][0]["authority"]), (&json!("confirmed"), &json!(approval)));
    assert_eq!(house.shop.effects().await.unwrap().len(), 1);
    let effects = house.call(Call::get("/v1/effects").key(&reviewer)).await;
    assert_eq!(effects.json["effects"], run["effects"]);

    let late = decide(&house, &reviewer, &approval, &json!({"decision": "reject"})).await;
    assert_eq!((late.status.as_u16(), late.code()), (409, "approval_taken"));
    let events = house.audited(3, |event| event.action == "approval.decide").await;
    let told: Vec<_> = events.iter().map(|event| (event.allowed, event.detail.as_str())).collect();
    assert_eq!(told, [(false, "approval_changed"), (true, "approved"), (false, "approval_taken")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_the_amount_and_that_is_what_is_paid() {
    let house = House::open().await;
    let key = house.key("ana", KeyOf::default()).await;
    let (run, approval) = house.parked(&key, None).await;
    let edit = |amount: Value| json!({"decision": "edit", "arguments": {"order_id": known::LARGE, "amount": amount}});
    for (bad, why) in [
        (edit(json!(501)), "over the tool's bound"),
        (edit(json!("all")), "no number"),
        (
            json!({"decision": "edit", "arguments": {"order_id": known::LARGE, "amount": 1, "user_id": "c-1002"}}),
            "bound",
        ),
        (json!({"decision": "edit"}), "no arguments"),
        (json!({"decision": "approve", "answer": "no"}), "an answer to an approval"),
        (json!({"decision": "take_over"}), "no answer"),
        (json!({"decision": "perhaps"}), "no decision"),
    ] {
        let refused = decide(&house, &key, &approval, &bad).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "request_invalid"), "{why}: {}", refused.text);
    }
    let edited = decide(&house, &key, &approval, &edit(json!(100.5))).await;
    assert_eq!((edited.status.as_u16(), &edited.json["state"]), (200, &json!("edited")), "{}", edited.text);
    house.ended(&key, &run).await;
    let effects = house.shop.effects().await.unwrap();
    assert_eq!(effects.len(), 1);
    assert!(format!("{effects:?}").contains("100.5") || format!("{effects:?}").contains("10050"), "{effects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_over_or_says_no_and_nothing_is_paid() {
    let house = House::open().await;
    let key = house.key("ana", KeyOf::default()).await;
    let (run, approval) = house.parked(&key, None).await;
    let words = "We will call you this afternoon.";
    let taken = decide(&house, &key, &approval, &json!({"decision": "take_over", "answer": words})).await;
    assert_eq!(taken.json["state"], "taken_over", "{}", taken.text);
    let run = house.ended(&key, &run).await;
    assert_eq!((&run["reply"]["answer"], &run["reply"]["origin"]), (&json!(words), &json!("person")));

    let (run, approval) = house.parked(&key, None).await;
    let rejected = decide(&house, &key, &approval, &json!({"decision": "reject", "reason": "worn"})).await;
    assert_eq!(rejected.json["decision_reason"], "worn");
    let run = house.ended(&key, &run).await;
    assert_ne!(run["state"], "parked");
    assert!(house.shop.effects().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_their_own_request() {
    let house = House::open().await;
    let own = house.key(CUSTOMER, KeyOf::default()).await;
    let (_, approval) = house.parked(&own, None).await;
    let refused = decide(&house, &own, &approval, &json!({"decision": "approve"})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "approval_self"));
    assert!(house.shop.effects().await.unwrap().is_empty());
}
