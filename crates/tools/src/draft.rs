//! The draft tool: an agent writes down a proposal for a person. It changes nothing; the run's journal is where the
//! proposal is kept.

use async_trait::async_trait;
use mainstay_core::tool::{Invocation, Tool, ToolOutcome};
use serde_json::json;
use tokio::time::Instant;

/// Returns `{"draft": <the arguments>, "status": "noted for a person; nothing was changed"}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DraftTool;

#[async_trait]
impl Tool for DraftTool {
    async fn call(&self, call: &Invocation<'_>, _deadline: Instant) -> ToolOutcome {
        let content = json!({"draft": call.arguments, "status": "noted for a person; nothing was changed"});
        ToolOutcome::Done { content, citations: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::principal::Principal;
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_draft_says_what_was_written_and_that_nothing_happened() {
        let arguments = json!({"text": "Refund #W1?", "amount": 3});
        let Value::Object(arguments) = arguments else { panic!("an object") };
        let principal = Principal::new("c-1");
        let call =
            Invocation { arguments: &arguments, principal: &principal, idempotency_key: "run/1", trace_parent: "" };
        let outcome = DraftTool.call(&call, Instant::now()).await;
        assert_eq!(
            outcome,
            ToolOutcome::Done {
                content: json!({
                    "draft": {"text": "Refund #W1?", "amount": 3},
                    "status": "noted for a person; nothing was changed",
                }),
                citations: vec![],
            }
        );
    }
}
