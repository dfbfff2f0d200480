//! Entries, what is written with them, and who may write.
#![expect(missing_docs, reason = "each name is a sentence")]

use mainstay_core::clock::Timestamp;
use mainstay_core::error::{Retry, StoreError};
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::{Entry, FinalState, Payload};
use mainstay_core::money::MicroUsd;
use mainstay_core::store::{Append, Change, EffectRow, EffectState, Lease, RunState};
use serde_json::{Value, json};

use super::{Stores, approval_id, approvals, at_once, finished, plain, question, run_id};

pub async fn entries_come_back_exactly_as_they_were_appended(stores: Stores) {
    let lease = stores.held(1).await;
    let texts = [
        "",
        "\0",
        "\u{1a}0\u{1a}",
        "\"quoted\" \\ \u{8}\u{c}\n\r\t\u{7f}",
        "e\u{301} vs \u{e9}; \u{202E}right to left; \u{200B}",
        "\u{FFFE}\u{FFFF}\u{10FFFF}\u{D7FF}\u{E000}",
        "'); drop table entries; -- $1 ?1 :a",
        "👩\u{200D}👩\u{200D}👧 नमस्ते ไทย",
    ];
    let floats = [0.1 + 0.2, 1e-320, f64::MAX, f64::MIN_POSITIVE, -0.0, 1e16, 123_456_789.123_456_79, 5e-324];
    let body = json!({ "floats": floats, "texts": texts, "big": u64::MAX, "small": i64::MIN, texts[4]: null });
    let entries: Vec<Entry> = texts
        .iter()
        .zip(0..)
        .map(|(text, position)| {
            let answer =
                json!({ "text": text, "confidence": floats[position as usize], "sources": texts, "body": body });
            let validated = json!({ "kind": "validated", "answer": answer, "verdicts": [], "faults": [] });
            let mut entry = Entry { payload: payload(validated), ..plain(position, "w") };
            entry.at = Timestamp([0, i64::MAX, i64::MIN, -1][position as usize % 4]);
            entry.took_us = [0, u64::MAX, 1, u64::MAX / 2 + 1][position as usize % 4];
            entry
        })
        .collect();
    let run = stores.record(lease.run).await;
    let mut previous = chain::seed(&run);
    let entries: Vec<Entry> = entries
        .into_iter()
        .map(|mut entry| {
            entry.hash = chain::hash(&previous, &entry);
            previous = entry.hash;
            entry
        })
        .collect();
    stores.journal.append(&Append { lease, entries: entries.clone(), changes: vec![] }).await.unwrap();

    let stored = stores.journal.entries(run.id, 0).await.unwrap();
    assert_eq!(stored, entries);
    chain::verify(&run, &stored).unwrap();
    assert_eq!(stores.journal.entries(run_id(2), 0).await.unwrap(), []);
}

pub async fn every_kind_of_payload_comes_back(stores: Stores) {
    let lease = stores.held(1).await;
    let entries: Vec<Entry> = every_payload()
        .into_iter()
        .zip(0..)
        .map(|(payload, position)| Entry { payload, ..plain(position, "") })
        .collect();
    stores.journal.append(&Append { lease, entries: entries.clone(), changes: vec![] }).await.unwrap();
    assert_eq!(stores.journal.entries(run_id(1), 0).await.unwrap(), entries);
}

pub async fn a_long_append_comes_back_whole(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..1, vec![]).await.unwrap();
    stores.append(&lease, 1..39, vec![]).await.unwrap();
    let expected: Vec<Entry> = (0..39).map(|position| plain(position, "w")).collect();
    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap(), expected);
}

pub async fn an_append_is_all_or_nothing(stores: Stores) {
    let lease = stores.held(1).await;
    let other = stores.held(2).await;
    // An effect of a run that does not exist cannot be written, and it comes last.
    let changes = vec![
        Change::Effect(effect(1, EffectState::Dispatched)),
        Change::Park(question(1)),
        Change::Effect(effect(77, EffectState::Dispatched)),
    ];
    let error = stores.append(&lease, 0..12, changes).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { retry: Retry::No, .. }), "{error:?}");

    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap(), []);
    assert_eq!(stores.ledger.effects(None, 10).await.unwrap(), []);
    assert_eq!(stores.approvals.approvals(&approvals::all()).await.unwrap(), []);
    assert_eq!(stores.record(lease.run).await.state, RunState::Open);
    stores.append(&lease, 0..12, vec![]).await.unwrap();
    stores.append(&other, 0..1, vec![]).await.unwrap();
}

pub async fn a_position_is_written_once(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..3, vec![]).await.unwrap();
    let before = stores.journal.entries(lease.run, 0).await.unwrap();
    // Again the same, again with more, and one that only ends on a written position.
    for (positions, taken) in [(2..3, 2), (1..20, 1), (0..1, 0)] {
        match stores.append(&lease, positions.clone(), vec![finished(FinalState::Failed, 0)]).await {
            Err(StoreError::Taken { position }) => assert_eq!(position, taken, "{positions:?}"),
            other => panic!("{positions:?}: {other:?}"),
        }
    }
    let gap = vec![plain(9, "w"), plain(2, "another")];
    match stores.journal.append(&Append { lease: lease.clone(), entries: gap, changes: vec![] }).await {
        Err(StoreError::Taken { position: 2 }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap(), before);
    assert_eq!(stores.record(lease.run).await.state, RunState::Open);
}

pub async fn of_many_that_write_one_position_one_succeeds(stores: Stores) {
    let lease = stores.held(1).await;
    let results = at_once((0..30).map(|n| {
        let (stores, lease) = (stores.clone(), lease.clone());
        async move {
            let entries = vec![plain(0, &format!("writer {n}")), plain(1, &format!("writer {n}"))];
            (n, stores.journal.append(&Append { lease, entries, changes: vec![] }).await)
        }
    }))
    .await;
    let winners: Vec<u32> = results.iter().filter(|(_, result)| result.is_ok()).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    for (_, result) in results {
        assert!(matches!(result, Ok(None) | Err(StoreError::Taken { position: 0 })), "{result:?}");
    }
    let by = format!("writer {}", winners[0]);
    assert_eq!(stores.journal.entries(run_id(1), 0).await.unwrap(), [plain(0, &by), plain(1, &by)]);
}

pub async fn a_worker_whose_run_was_taken_over_cannot_append(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..1, vec![]).await.unwrap();
    // The same worker again: only the epoch tells the leases apart.
    let claimed = stores.claim("w", 1_000_000, 1).await;
    assert_eq!(claimed[0].epoch, 2);
    let late = stores.append(&lease, 1..2, vec![]).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    let nobody = Lease { run: run_id(5), ..lease.clone() };
    let unknown = stores.append(&nobody, 0..1, vec![]).await;
    assert!(matches!(unknown, Err(StoreError::LeaseLost)), "{unknown:?}");

    let current = Lease { epoch: 2, ..lease };
    stores.append(&current, 1..2, vec![]).await.unwrap();
    assert_eq!(stores.journal.entries(current.run, 0).await.unwrap().len(), 2);
}

pub async fn a_lease_that_ran_out_is_good_until_somebody_takes_the_run(stores: Stores) {
    let lease = stores.held(1).await;
    stores.journal.renew(std::slice::from_ref(&lease), Timestamp(-1)).await.unwrap();
    stores.append(&lease, 0..1, vec![]).await.unwrap();
    stores.claim("other", 10, 1).await;
    let late = stores.append(&lease, 1..2, vec![]).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
}

pub async fn a_parked_run_takes_no_entries(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..1, vec![Change::Park(question(1))]).await.unwrap();
    let parked = stores.append(&lease, 1..2, vec![]).await;
    assert!(matches!(parked, Err(StoreError::LeaseLost)), "{parked:?}");
    let released = stores.journal.release(&lease, Timestamp(0)).await;
    assert!(matches!(released, Err(StoreError::LeaseLost)), "{released:?}");
    assert_eq!(stores.claim("other", 2_000_000, 1).await, []);
}

pub async fn an_ended_run_takes_no_entries_and_is_not_claimed(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..2, vec![finished(FinalState::Escalated, 42)]).await.unwrap();
    let run = stores.record(lease.run).await;
    assert_eq!(run.state, RunState::Ended(FinalState::Escalated));
    assert_eq!((run.ended_at, run.cost), (Some(Timestamp(900)), MicroUsd(42)));
    let ended = stores.append(&lease, 2..3, vec![]).await;
    assert!(matches!(ended, Err(StoreError::LeaseLost)), "{ended:?}");
    assert_eq!(stores.claim("other", 2_000_000, 1).await, []);
}

pub async fn appends_that_fail_harm_none_of_those_beside_them(stores: Stores) {
    let leases = at_once((0..48).map(|n| {
        let stores = stores.clone();
        async move { stores.held(n).await }
    }))
    .await;
    let results = at_once(leases.into_iter().map(|lease| {
        let stores = stores.clone();
        async move {
            let n = (0..48).find(|n| run_id(*n) == lease.run).unwrap();
            let changes = match n % 3 {
                // An effect of a run that does not exist, after one of its own.
                0 => vec![
                    Change::Effect(effect(n, EffectState::Dispatched)),
                    Change::Effect(effect(777, EffectState::Failed)),
                ],
                _ => vec![Change::Effect(effect(n, EffectState::Dispatched))],
            };
            (n, stores.append(&lease, 0..3, changes).await)
        }
    }))
    .await;
    for (n, result) in results {
        let written = stores.journal.entries(run_id(n), 0).await.unwrap().len();
        let effects = stores.ledger.effects(Some(run_id(n)), 10).await.unwrap().len();
        let expected = if n % 3 == 0 { (false, 0, 0) } else { (true, 3, 1) };
        assert_eq!((result.is_ok(), written, effects), expected, "run {n}: {result:?}");
    }
}

pub async fn an_entry_that_could_not_be_read_back_is_refused(stores: Stores) {
    let lease = stores.held(1).await;
    let nested = |levels| (0..levels).fold(Value::Null, |inner, _| json!([inner]));
    let with = |content| Entry { payload: tool_called(content), ..plain(0, "w") };
    let append = |entry| Append { lease: lease.clone(), entries: vec![entry], changes: vec![] };

    let error = stores.journal.append(&append(with(nested(200)))).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { retry: Retry::No, .. }), "{error:?}");
    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap(), []);
    let deepest = with(nested(126));
    stores.journal.append(&append(deepest.clone())).await.unwrap();
    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap(), [deepest]);
}

pub async fn the_cost_of_a_run_is_current(stores: Stores) {
    let lease = stores.held(1).await;
    for (position, cost) in [(0, 20), (1, 22)] {
        let call = Entry { payload: model_called(cost), ..plain(position, "w") };
        let entries = vec![call, plain(position + 10, "w")];
        stores.journal.append(&Append { lease: lease.clone(), entries, changes: vec![] }).await.unwrap();
    }
    assert_eq!(stores.record(lease.run).await.cost, MicroUsd(42));
    stores.append(&lease, 20..21, vec![finished(FinalState::Answered, 45)]).await.unwrap();
    assert_eq!(stores.record(lease.run).await.cost, MicroUsd(45), "the reply's sum has the last word");
}

pub async fn an_effect_is_one_row_from_intent_to_outcome(stores: Stores) {
    let (one, two) = (stores.held(1).await, stores.held(2).await);
    let sent = effect(1, EffectState::Dispatched);
    let done =
        EffectRow { state: EffectState::Confirmed, evidence: "\0 {\"id\":7}".into(), at: Timestamp(9), ..sent.clone() };
    let open = EffectRow { at: Timestamp(8), ..effect(2, EffectState::Unknown) };
    stores.append(&one, 0..1, vec![Change::Effect(sent.clone())]).await.unwrap();
    assert_eq!(stores.ledger.effects(Some(one.run), 10).await.unwrap(), [sent]);
    stores.append(&one, 1..2, vec![Change::Effect(done.clone())]).await.unwrap();
    stores.append(&two, 0..1, vec![Change::Effect(open.clone())]).await.unwrap();

    assert_eq!(stores.ledger.effects(Some(one.run), 10).await.unwrap(), std::slice::from_ref(&done));
    assert_eq!(stores.ledger.effects(None, 10).await.unwrap(), [done.clone(), open]);
    assert_eq!(stores.ledger.effects(None, 1).await.unwrap(), [done]);
    assert_eq!(stores.ledger.effects(Some(run_id(3)), 10).await.unwrap(), []);
}

fn effect(n: u32, state: EffectState) -> EffectRow {
    EffectRow {
        run: run_id(n),
        position: 4,
        agent: "returns".to_owned(),
        tool: "refund".to_owned(),
        arguments: json!({ "amount": 0.1, "\u{7f}": ["ü", null] }).as_object().unwrap().clone(),
        arguments_hash: "cd".repeat(32),
        idempotency_key: format!("{}/4", run_id(n)),
        authority: "policy".to_owned(),
        state,
        evidence: String::new(),
        at: Timestamp(5),
    }
}

fn model_called(cost: u64) -> Payload {
    payload(json!({
        "kind": "model_called", "model": "haiku", "provider": "anthropic",
        "input": [
            { "role": "user", "text": "Where?" },
            { "role": "assistant", "text": "", "calls": [{ "id": "c", "name": "get_order", "arguments": { "x": 1 } }] },
            { "role": "tool", "call_id": "c", "name": "get_order", "content": "{}" },
        ],
        "result": { "reply": { "text": "There.", "calls": [], "finish": "stop", "model": "m-1", "response_id": "r" } },
        "failures": [{ "model": "sonnet", "error": "overloaded", "took_us": 12 }],
        "usage": { "input": 9, "cached": 3, "cache_write": 1, "output": 2 }, "cost": cost,
    }))
}

fn tool_called(content: Value) -> Payload {
    payload(json!({
        "kind": "tool_called", "tool": "get_order", "call_id": "c", "purpose": "call", "effect": "read", "arguments": {},
        "outcome": "done", "content": content, "kept": [{ "placeholder": "[email_1]", "value": "a@example.org" }],
        "citations": [{ "id": "a.md#0-3", "document": "a.md", "start": 0, "end": 3, "text": "abc" }],
    }))
}

fn every_payload() -> Vec<Payload> {
    let verdict = json!({
        "guard": "pii", "channel": "request", "mode": "enforce", "verdict": "mask", "reason": "an e-mail", "took_us": 40,
    });
    let answer = json!({ "text": "a", "confidence": 0.3, "sources": ["a.md#0-3"], "body": { "answer": "a" } });
    let usage = json!({ "input": 1, "output": 1 });
    let asked = json!({
        "kind": "approval_asked", "approval": approval_id(1), "tool": "refund", "arguments": { "amount": 1.25 },
        "arguments_hash": "ab", "reason": "r", "expires": 1,
    });
    let intended = json!({
        "kind": "effect_intended", "tool": "refund", "call_id": "c", "effect": "write", "arguments": { "amount": 1.25 },
        "arguments_hash": "ab", "idempotency_key": "k", "authority": "policy", "sent_at": 5,
    });
    let over = json!({
        "kind": "model_called", "model": "haiku", "provider": "anthropic", "input": [], "usage": usage, "cost": 0,
        "result": { "over_budget": { "limit": "model_calls_per_run", "detail": "5 of 5" } },
    });
    let replied = json!({
        "kind": "replied", "state": "answered", "answer": answer, "origin": "model", "done_so_far": ["refunded"],
        "usage": usage, "cost": 1,
    });
    let others = [
        json!({ "kind": "screened", "text": "x", "verdicts": [verdict],
                "stopped": { "escalate": true, "code": "input_blocked", "reason": "an attack" } }),
        json!({ "kind": "cache_lookup", "key": "k", "answer": answer }),
        json!({ "kind": "cache_lookup", "key": "k" }),
        json!({ "kind": "routed", "tier": "simple", "reason": "short", "models": ["haiku"] }),
        json!({ "kind": "tool_judged", "tool": "t", "call_id": "c", "ruling": "ask", "reason": "r" }),
        json!({ "kind": "approval_decided", "approval": approval_id(1), "decision": "expired", "by": "" }),
        json!({ "kind": "validated", "answer": answer, "verdicts": [verdict],
                "faults": [{ "code": "answer_not_grounded", "detail": "d" }] }),
        json!({ "kind": "ruled", "escalate": "low confidence", "fired": ["low confidence"] }),
    ];
    let mut all: Vec<Payload> = others.into_iter().chain([asked, intended, over, replied]).map(payload).collect();
    all.extend([model_called(17), tool_called(json!([1.5, { "": "" }]))]);
    all
}

/// Payloads are made from JSON here, so that a field that is added later does not concern the store's suite.
fn payload(json: Value) -> Payload {
    serde_json::from_value(json).expect("a payload as it is journaled")
}
