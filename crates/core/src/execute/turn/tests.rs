//! Every path of the loop, as a story; and for any sequence of replies, that it ends.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::answer::default_schema;
use crate::journal::entry::Said as Earlier;

const GOOD: &str = r#"{"answer": "Yes.", "confidence": 0.9, "sources": [], "requires_human_review": false}"#;

fn turn() -> Turn {
    turn_after(Vec::new())
}

fn turn_after(history: Vec<Earlier>) -> Turn {
    let input = Input::screened("where is it?".to_owned(), history);
    Turn::new(&input, Schema::compile(default_schema()).unwrap())
}

fn text(text: &str) -> Said {
    Said { text: text.to_owned(), calls: Vec::new(), was_cut: false }
}

fn calls(arguments: &[Value]) -> Said {
    let call = |arguments: &Value| ToolCall { id: "1".into(), name: "get_order".into(), arguments: arguments.clone() };
    Said { text: String::new(), calls: arguments.iter().map(call).collect(), was_cut: false }
}

#[test]
fn a_question_a_call_and_an_answer() {
    let mut turn = turn();
    assert_eq!(turn.next(), Next::CallModel { news: &[Message::User("where is it?".into())] });
    turn.model_said(calls(&[json!({"order_id": "7"})]));
    assert!(matches!(turn.next(), Next::CallTools(calls) if calls.len() == 1));
    turn.tools_said(vec!["{}".into()]);
    assert!(matches!(turn.next(), Next::CallModel { news: [Message::Tool { .. }] }), "only the result is news");
    turn.model_said(text(GOOD));
    assert_eq!(turn.next(), Next::Done(GOOD));
    assert_eq!(turn.messages().len(), 4);
}

#[test]
fn earlier_turns_come_first_and_are_news_once() {
    let earlier = |by, text: &str| Earlier { by, text: text.to_owned() };
    let mut turn = turn_after(vec![earlier(Speaker::Principal, "hello"), earlier(Speaker::Agent, "hi")]);
    let hello = [
        Message::User("hello".into()),
        Message::Assistant { text: "hi".into(), calls: Vec::new() },
        Message::User("where is it?".into()),
    ];
    assert_eq!(turn.next(), Next::CallModel { news: &hello });
    turn.model_said(calls(&[json!({"order_id": "7"})]));
    turn.tools_said(vec!["{}".into()]);
    assert!(matches!(turn.next(), Next::CallModel { news: [Message::Tool { .. }] }));
}

#[test]
fn a_draft_of_the_wrong_shape_gets_one_repair_turn_and_no_second() {
    let mut turn = turn();
    turn.model_said(Said { was_cut: true, ..text("{\"answer\": \"Ye") });
    assert!(matches!(turn.next(), Next::CallModel { news: [Message::User(fault)] } if fault.contains("cut off")));
    turn.model_said(text("still wrong"));
    assert_eq!(turn.next(), Next::Done("still wrong"));
}

#[test]
fn a_call_written_into_the_text_is_made_like_any_other() {
    let mut turn = turn();
    turn.model_said(text("```json\n{\"name\": \"get_order\", \"arguments\": {\"order_id\": \"7\"}}\n```"));
    assert!(
        matches!(turn.next(), Next::CallTools([call]) if call.name == "get_order" && call.arguments["order_id"] == "7")
    );
    turn.tools_said(vec!["{}".into()]);
    assert!(matches!(turn.next(), Next::CallModel { news: [Message::Tool { .. }] }));
    turn.model_said(text(GOOD));
    assert_eq!(turn.next(), Next::Done(GOOD));
}

#[test]
fn the_same_call_a_third_time_ends_the_attempt_and_other_arguments_do_not() {
    let mut turn = turn();
    for n in 0..5 {
        turn.model_said(calls(&[json!({"order_id": n})]));
        turn.tools_said(vec!["{}".into()]);
    }
    for _ in 0..SAME_CALL_LIMIT - 1 {
        turn.model_said(calls(&[json!({"order_id": 0})]));
        turn.tools_said(vec!["{}".into()]);
    }
    turn.model_said(calls(&[json!({"order_id": 0})]));
    assert!(matches!(turn.next(), Next::GaveUp(why) if why.contains("get_order")));
}

#[test]
fn a_flood_of_calls_in_one_reply_ends_the_attempt() {
    let mut turn = turn();
    let flood: Vec<Value> = (0..=CALLS_PER_REPLY_LIMIT).map(|n| json!({"n": n})).collect();
    turn.model_said(calls(&flood));
    assert!(matches!(turn.next(), Next::GaveUp(_)));
}

proptest! {
    #[test]
    fn whatever_a_model_says_the_loop_is_consistent_and_the_same_call_is_never_made_three_times(
        replies in prop::collection::vec((prop::collection::vec(0_u8..3, 0..3), ".{0,20}", any::<bool>()), 1..40)
    ) {
        let mut turn = turn();
        let mut made: HashMap<u8, u32> = HashMap::new();
        for (arguments, said, was_cut) in replies {
            let Next::CallModel { .. } = turn.next() else { break };
            let wanted: Vec<Value> = arguments.iter().map(|n| json!({"n": n})).collect();
            turn.model_said(Said { text: said, was_cut, ..calls(&wanted) });
            if let Next::CallTools(now) = turn.next() {
                prop_assert_eq!(now.len(), arguments.len());
                for n in &arguments {
                    *made.entry(*n).or_default() += 1;
                }
                turn.tools_said(vec![String::new(); arguments.len()]);
            }
        }
        prop_assert!(made.values().all(|times| *times <= SAME_CALL_LIMIT));
        // Every call in the conversation is answered exactly once.
        if !matches!(turn.next(), Next::GaveUp(_)) {
            let asked: usize = turn.messages().iter().map(|m| match m { Message::Assistant { calls, .. } => calls.len(), _ => 0 }).sum();
            let answered = turn.messages().iter().filter(|m| matches!(m, Message::Tool { .. })).count();
            prop_assert_eq!(asked, answered);
        }
    }
}
