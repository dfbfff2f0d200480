//! Idempotency keys, feedback, API keys and the audit trail.
#![expect(missing_docs, reason = "each name is a sentence")]

use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::{FeedbackId, KeyId};
use mainstay_core::money::MicroUsd;
use mainstay_core::store::access::{AuditEvent, AuditFilter, Begun, Feedback, KeyRecord, NewRequest, Response, Role};
use uuid::Uuid;

use super::{Stores, at_once, new_run, run_id};

pub async fn of_fifty_requests_with_one_key_one_is_the_first(stores: Stores) {
    let begun = at_once((0..50).map(|n| {
        let stores = stores.clone();
        async move { (n, stores.requests.begin(&request(n)).await.unwrap()) }
    }))
    .await;
    let first: Vec<u32> = begun.iter().filter(|(_, begun)| *begun == Begun::Fresh).map(|(n, _)| *n).collect();
    assert_eq!(first.len(), 1, "{begun:?}");
    let again = Begun::Again { subject: uuid(first[0]), response: None };
    assert!(begun.iter().all(|(n, begun)| *n == first[0] || *begun == again), "{begun:?}");
}

pub async fn a_repeated_request_gets_the_first_answer_and_another_one_none(stores: Stores) {
    let requests = &stores.requests;
    assert_eq!(requests.begin(&request(1)).await.unwrap(), Begun::Fresh);
    let first = Response { status: 202, body: "{\"run\":\"\\u0000 \u{1a}1\"}".to_owned() };
    requests.finish("key_1", "k", &first).await.unwrap();
    requests.finish("key_1", "k", &Response { status: 500, body: String::new() }).await.unwrap();
    let again = Begun::Again { subject: uuid(1), response: Some(first) };
    assert_eq!(requests.begin(&request(2)).await.unwrap(), again, "the first answer stays");
    let other = NewRequest { hash: "00".repeat(32), ..request(3) };
    assert_eq!(requests.begin(&other).await.unwrap(), Begun::OtherContent);
    let elsewhere = NewRequest { scope: "key_2".to_owned(), ..request(4) };
    assert_eq!(requests.begin(&elsewhere).await.unwrap(), Begun::Fresh, "keys of others are other keys");
    let error = requests.finish("key_1", "never", &Response { status: 200, body: String::new() }).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error:?}");
}

pub async fn old_requests_are_forgotten_and_only_those(stores: Stores) {
    const OLD: u32 = 501;
    at_once((0..OLD + 3).map(|n| {
        let stores = stores.clone();
        let request = NewRequest { key: format!("k{n}"), at: Timestamp(if n < OLD { 10 } else { 11 }), ..request(n) };
        async move { stores.requests.begin(&request).await.unwrap() }
    }))
    .await;
    assert_eq!(stores.requests.forget(Timestamp(10)).await.unwrap(), 0);
    assert_eq!(stores.requests.forget(Timestamp(11)).await.unwrap(), u64::from(OLD));
    let old = NewRequest { key: "k0".to_owned(), ..request(9) };
    assert_eq!(stores.requests.begin(&old).await.unwrap(), Begun::Fresh);
    let young = NewRequest { key: format!("k{OLD}"), ..request(9) };
    assert_eq!(stores.requests.begin(&young).await.unwrap(), Begun::Again { subject: uuid(OLD), response: None });
}

pub async fn what_was_said_of_a_run_is_kept_once_and_read_in_its_order(stores: Stores) {
    stores.journal.create(&new_run(1)).await.unwrap();
    stores.journal.create(&new_run(2)).await.unwrap();
    let said = |n: u32, run: u32, at: i64| Feedback {
        id: FeedbackId::from_uuid(uuid(n)),
        run: run_id(run),
        by: "c-1001".to_owned(),
        rating: [Some(-1), Some(1), None][n as usize % 3],
        correction: "30 days, not \0 14".to_owned(),
        reason: String::new(),
        at: Timestamp(at),
    };
    for feedback in [said(1, 1, 30), said(2, 1, 20), said(3, 1, 20), said(4, 2, 1)] {
        stores.requests.add_feedback(&feedback).await.unwrap();
    }
    let again = Feedback { reason: "changed".to_owned(), ..said(1, 1, 30) };
    stores.requests.add_feedback(&again).await.unwrap();
    let expected = [said(2, 1, 20), said(3, 1, 20), said(1, 1, 30)];
    assert_eq!(stores.requests.feedback(run_id(1), 10).await.unwrap(), expected);
    assert_eq!(stores.requests.feedback(run_id(1), 2).await.unwrap(), expected[..2]);
    assert_eq!(stores.requests.feedback(run_id(3), 10).await.unwrap(), []);
    let nowhere = stores.requests.add_feedback(&said(5, 3, 1)).await.unwrap_err();
    assert!(matches!(nowhere, StoreError::NotFound(_)), "{nowhere:?}");
}

pub async fn keys_are_kept_once_by_id_and_by_name_and_end_for_good(stores: Stores) {
    let keys = &stores.keys;
    let plain = key(1);
    let narrow = KeyRecord {
        roles: vec![Role::Auditor, Role::Caller],
        tenant: Some(String::new()),
        agents: vec!["returns".to_owned(), "\0 \"quoted\"".to_owned()],
        requests_per_minute: Some(u32::MAX),
        usd_per_day: Some(MicroUsd(20_000_000)),
        hash: [0; 32],
        ..key(2)
    };
    keys.add_key(&plain).await.unwrap();
    keys.add_key(&narrow).await.unwrap();
    for taken in [KeyRecord { name: key(1).name, ..key(3) }, KeyRecord { id: key(1).id, ..key(3) }] {
        let error = keys.add_key(&taken).await.unwrap_err();
        assert!(matches!(error, StoreError::Exists(_)), "{error:?}");
    }
    assert_eq!(keys.key(plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(keys.key(key(3).id).await.unwrap(), None);
    assert_eq!(keys.keys(10).await.unwrap(), [narrow.clone(), plain.clone()]);
    assert_eq!(keys.keys(1).await.unwrap(), [narrow]);

    assert!(keys.revoke_key(plain.id, Timestamp(70)).await.unwrap());
    assert!(keys.revoke_key(plain.id, Timestamp(80)).await.unwrap());
    let ended = KeyRecord { revoked_at: Some(Timestamp(70)), ..plain };
    assert_eq!(keys.key(ended.id).await.unwrap(), Some(ended), "the first time stays");
    assert!(!keys.revoke_key(key(3).id, Timestamp(70)).await.unwrap());
    let again = keys.add_key(&KeyRecord { name: key(1).name, ..key(3) }).await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "an ended key keeps its name: {again:?}");
}

pub async fn who_did_what_is_listed_newest_first_and_narrowed_down(stores: Stores) {
    let event = |n: u32| AuditEvent {
        id: uuid(n),
        at: Timestamp(n.into()),
        actor: "ops \0 key".to_owned(),
        tenant: ["", "north"][n as usize % 2].to_owned(),
        action: if n.is_multiple_of(3) { "run.read" } else { "approval.decide" }.to_owned(),
        subject: run_id(n).to_string(),
        allowed: n.is_multiple_of(2),
        detail: String::new(),
    };
    stores.audit.note(&[]).await.unwrap();
    stores.audit.note(&[event(0), event(1), event(2)]).await.unwrap();
    // Whoever did not hear that it was noted notes it again.
    stores.audit.note(&[event(2), event(3), event(4), event(5)]).await.unwrap();
    let list = async |filter: AuditFilter| stores.audit.audit(&filter).await.unwrap();
    let all = AuditFilter { limit: 100, ..AuditFilter::default() };
    let expected = |numbers: &[u32]| numbers.iter().copied().map(event).collect::<Vec<_>>();
    assert_eq!(list(all.clone()).await, expected(&[5, 4, 3, 2, 1, 0]));
    assert_eq!(list(AuditFilter { tenant: Some("north".into()), ..all.clone() }).await, expected(&[5, 3, 1]));
    assert_eq!(list(AuditFilter { action: Some("run.read".into()), ..all.clone() }).await, expected(&[3, 0]));
    let page = AuditFilter { tenant: Some("north".into()), before: Some(uuid(5)), limit: 1, ..all };
    assert_eq!(list(page).await, expected(&[3]));
}

fn uuid(n: u32) -> Uuid {
    Uuid::from_u128(0x0194_0000_0000_7000_8000_0000_0000_0000 + u128::from(n))
}

/// The same request each time, with a subject of its own.
fn request(n: u32) -> NewRequest {
    NewRequest {
        scope: "key_1".to_owned(),
        key: "k".to_owned(),
        hash: "ab".repeat(32),
        subject: uuid(n),
        at: Timestamp(10),
    }
}

fn key(n: u32) -> KeyRecord {
    KeyRecord {
        id: KeyId::from_uuid(uuid(n)),
        name: format!("key {n}"),
        hash: [7; 32],
        roles: Role::ALL.to_vec(),
        tenant: None,
        agents: Vec::new(),
        requests_per_minute: None,
        usd_per_day: None,
        created_at: Timestamp(n.into()),
        revoked_at: None,
    }
}
