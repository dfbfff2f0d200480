//! The trace is a projection of the journal: where spans lie in time, and what they are called.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use mainstay_core::clock::Timestamp;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::{Entry, FinalState, RunContext};
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{RunRecord, RunState};
use mainstay_core::trace::{Span, SpanKind, context, name, spans};
use serde_json::{Value, json};

fn run(trace_parent: &str) -> RunRecord {
    RunRecord {
        id: RunId::from_uuid(uuid::Uuid::from_u128(7)),
        agent: "returns".into(),
        version: "v1".into(),
        principal: Principal::new("c-1"),
        input: "Where is it? ann@shop.example".into(),
        context: RunContext { trace_parent: trace_parent.into(), ..RunContext::default() },
        created_at: Timestamp(1000),
        state: RunState::Ended(FinalState::Answered),
        ended_at: None,
        epoch: 1,
        failures: 0,
        approval: None,
        cost: MicroUsd(5),
        cancelled_by: None,
    }
}

fn entries(steps: &[(i64, u64, Value)]) -> Vec<Entry> {
    let entry = |(position, (at, took_us, payload)): (u32, &(i64, u64, Value))| Entry {
        position,
        at: Timestamp(*at),
        took_us: *took_us,
        payload: serde_json::from_value(payload.clone()).unwrap(),
        hash: [0; 32],
    };
    (0..).zip(steps).map(entry).collect()
}

fn ruled() -> Value {
    json!({"kind": "ruled", "escalate": ""})
}

fn verdict(took_us: u64) -> Value {
    json!({"guard": "pii", "channel": "request", "mode": "enforce", "verdict": "pass", "took_us": took_us})
}

fn places(spans: &[Span]) -> Vec<(i64, u64)> {
    spans.iter().map(|span| (span.start_us, span.took_us)).collect()
}

#[test]
fn a_step_that_seems_to_begin_in_the_last_millisecond_of_the_one_before_begins_where_that_one_ended() {
    let steps =
        [(1000, 300, ruled()), (1000, 200, ruled()), (1000, 700, ruled()), (1001, 50, ruled()), (1005, 0, ruled())];
    let spans = spans(&run(""), &entries(&steps));
    let expected =
        [(1_000_000, 5_000), (1_000_000, 300), (1_000_300, 200), (1_000_500, 700), (1_001_200, 50), (1_005_000, 0)];
    assert_eq!(places(&spans), expected);
}

#[test]
fn a_clock_that_was_set_back_moves_no_step_before_the_run_and_none_behind_a_step_it_overlaps() {
    let steps = [(900, 10, ruled()), (1010, 5_000, ruled()), (1012, 10, ruled())];
    let spans = spans(&run(""), &entries(&steps));
    assert_eq!(places(&spans), [(1_000_000, 15_000), (1_000_000, 10), (1_010_000, 5_000), (1_012_000, 10)]);
}

#[test]
fn what_happened_inside_a_step_lies_inside_it_and_guards_of_a_result_come_last() {
    let screened = json!({"kind": "screened", "text": "hi", "verdicts": [verdict(40), verdict(90)]});
    let tool = json!({"kind": "tool_called", "tool": "get_order", "call_id": "c", "purpose": "call", "effect": "read",
        "arguments": {}, "outcome": "done", "content": {}, "verdicts": [verdict(40)]});
    let spans = spans(&run(""), &entries(&[(1000, 100, screened), (1010, 500, tool)]));
    let inside: Vec<_> = spans.iter().filter(|span| span.kind == SpanKind::Guard).cloned().collect();
    // The second guard is cut where its step ends.
    assert_eq!(places(&inside), [(1_000_000, 40), (1_000_040, 60), (1_010_460, 40)]);
    assert_eq!(inside.iter().map(|span| span.parent).collect::<Vec<_>>(), [Some(1), Some(1), Some(4)]);
}

#[test]
fn ids_come_from_the_run_and_the_position_and_the_root_hangs_on_the_caller_s_span() {
    let screened = json!({"kind": "screened", "text": "hi", "verdicts": [verdict(40)]});
    let run = run("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let spans = spans(&run, &entries(&[(1000, 100, screened)]));
    let ids: Vec<_> = spans.iter().map(|span| span.id).collect();
    let expected = [context::root_span_id(run.id), context::span_id(run.id, 0, 0), context::span_id(run.id, 0, 1)];
    assert_eq!(ids, expected);
    let parents: Vec<_> = spans.iter().map(|span| span.parent_id.unwrap().to_string()).collect();
    assert_eq!(parents, ["00f067aa0ba902b7".to_owned(), expected[0].to_string(), expected[1].to_string()]);
    assert!(spans.iter().all(|span| span.trace.to_string() == "4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[test]
fn the_raw_request_is_in_no_span_whatever_became_of_the_screening() {
    let stopped = json!({"kind": "screened", "text": "", "verdicts": [],
        "stopped": {"escalate": false, "code": "input_blocked", "reason": "injection"}});
    for steps in [vec![], vec![(1000, 100, stopped)]] {
        let spans = spans(&run(""), &entries(&steps));
        assert!(!format!("{spans:?}").contains("ann@shop.example"));
    }
}

#[test]
fn values_that_a_guard_masked_are_in_no_span() {
    let kept = json!([{"placeholder": "[email_1]", "value": "ann@shop.example"}]);
    let screened = json!({"kind": "screened", "text": "[email_1]", "kept": kept, "verdicts": []});
    let replied = json!({"kind": "replied", "state": "answered", "origin": "model", "usage": {"input": 0,
        "output": 0}, "cost": 0,
        "done_so_far": ["mail {\"to\":\"ann@shop.example\"}: done"]});
    let spans = spans(&run(""), &entries(&[(1000, 1, screened), (1000, 1, replied)]));
    assert!(!format!("{spans:?}").contains("ann@shop.example"));
}

#[test]
fn messages_have_the_convention_s_shape() {
    let called = json!({"kind": "model_called", "model": "small", "provider": "openai",
        "input": [{"role": "user", "text": "hi"}, {"role": "tool", "call_id": "c0", "name": "t",
            "content": "{\"a\":1}"},
            {"role": "tool", "call_id": "c1", "name": "t", "content": "denied: no"}],
        "result": {"reply": {"text": "", "calls": [{"id": "c2", "name": "t", "arguments": {"b": 2}}],
            "finish": "tool_calls",
            "model": "gpt-5-mini-2026"}},
        "usage": {"input": 1, "output": 1}, "cost": 0});
    let spans = spans(&run(""), &entries(&[(1000, 1, called)]));
    assert_eq!(
        spans[1].attributes[name::INPUT_MESSAGES],
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c0", "response": {"a": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "denied: no"}]},
        ])
    );
    assert_eq!(
        spans[1].attributes[name::OUTPUT_MESSAGES],
        json!([{"role": "assistant", "finish_reason": "tool_call",
            "parts": [{"type": "tool_call", "id": "c2", "name": "t", "arguments": {"b": 2}}]}])
    );
}

#[test]
fn what_failed_says_what_kind_of_failure_it_was() {
    let failed = json!({"kind": "tool_called", "tool": "refund", "call_id": "c", "purpose": "call", "effect": "write",
        "arguments": {}, "outcome": "failed", "content": "status 409"});
    let spans = spans(&run(""), &entries(&[(1000, 1, failed)]));
    assert_eq!(spans[1].error.as_deref(), Some("failed: status 409"));
    assert_eq!(spans[1].attributes[name::ERROR_TYPE], "tool_failed");
    assert!(!name::is_content(name::ERROR_TYPE));
}
