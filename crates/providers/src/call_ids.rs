//! Ids of tool calls on the wire.
//!
//! A conversation may have begun with another provider, and ids are not portable: Anthropic wants `[a-zA-Z0-9_-]+`
//! and none twice, Mistral exactly nine letters or digits, some servers give none at all. So each request numbers its
//! calls afresh, in order; the same conversation gets the same ids every time, which prompt caches like.

use std::collections::HashMap;

use mainstay_core::message::ToolCall;

/// Numbers the calls of one request.
#[derive(Debug, Default)]
pub(crate) struct CallIds<'a> {
    latest: HashMap<&'a str, String>,
    count: usize,
}

impl<'a> CallIds<'a> {
    /// The wire's id for a call that the model made.
    pub(crate) fn of_call(&mut self, call: &'a ToolCall) -> String {
        self.count += 1;
        let id = format!("call{:05}", self.count);
        self.latest.insert(&call.id, id.clone());
        id
    }

    /// The wire's id of the call that a result answers: the latest one with that id, or `None` where no call has it.
    pub(crate) fn of_result(&self, call_id: &str) -> Option<String> {
        self.latest.get(call_id).cloned()
    }
}

/// Makes the ids of one reply present and unique: a missing or repeated one becomes `call_1`, `call_2` and so on.
pub(crate) fn complete(calls: &mut [ToolCall]) {
    let mut seen: Vec<String> = Vec::with_capacity(calls.len());
    let mut number = 0;
    for call in calls {
        while call.id.is_empty() || seen.contains(&call.id) {
            number += 1;
            call.id = format!("call_{number}");
        }
        seen.push(call.id.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: "x".to_owned(), arguments: json!({}) }
    }

    #[test]
    fn missing_and_repeated_ids_of_a_reply_are_replaced_without_meeting_another() {
        let mut calls = [call(""), call("call_2"), call("call_2"), call("a"), call("a"), call("")];
        complete(&mut calls);
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["call_1", "call_2", "call_3", "a", "call_4", "call_5"]);
    }

    #[test]
    fn a_result_belongs_to_the_latest_call_with_its_id() {
        let (first, second) = (call("call_1"), call("call_1"));
        let mut ids = CallIds::default();
        assert_eq!(ids.of_call(&first), "call00001");
        assert_eq!(ids.of_result("call_1").as_deref(), Some("call00001"));
        assert_eq!(ids.of_call(&second), "call00002");
        assert_eq!(ids.of_result("call_1").as_deref(), Some("call00002"));
        assert_eq!(ids.of_result("other"), None);
    }
}
