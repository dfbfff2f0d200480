//! Deny, ask, allow, by autonomy and expression.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::*;
use crate::provider::ToolSpec;
use crate::schema::Schema;
use crate::tool::{Invocation, Probe, Tool, ToolOutcome};

struct Never;

#[async_trait]
impl Tool for Never {
    async fn call(&self, _: &Invocation<'_>, _: Instant) -> ToolOutcome {
        panic!("the policy calls nothing");
    }
}

fn tool(effect: Effect, when: Option<&str>, approve: Option<&str>, probe: bool) -> AgentTool {
    let compile = |source: &str| Expression::compile(source, &["args", "principal", "order"]).unwrap();
    AgentTool {
        spec: ToolSpec { name: "refund".into(), description: String::new(), parameters: json!({}) },
        effect,
        schema: Schema::compile(json!({})).unwrap(),
        bound: Vec::new(),
        facts: vec![("order".into(), "get_order".into())],
        when: when.map(compile),
        approve: approve.map(compile),
        probe: probe.then(|| Probe { tool: "get_order".into(), happened: compile("args.amount == 1") }),
        claims: Vec::new(),
        trusted: true,
        shared: false,
        timeout: Duration::from_secs(1),
        tool: Arc::new(Never),
    }
}

fn ruling(tool: &AgentTool, amount: u32, order: Value, autonomy: Autonomy) -> ToolRuling {
    let arguments = json!({"amount": amount});
    let facts = BTreeMap::from([("order".to_owned(), order)]);
    rule(tool, arguments.as_object().unwrap(), &Principal::new("c-1"), &facts, autonomy).0
}

#[test]
fn by_default_a_person_approves_every_write_and_reads_go_through() {
    for autonomy in [Autonomy::Propose, Autonomy::Supervised] {
        assert_eq!(ruling(&tool(Effect::Write, None, None, true), 1, Value::Null, autonomy), ToolRuling::Ask);
        assert_eq!(ruling(&tool(Effect::Read, None, None, false), 1, Value::Null, autonomy), ToolRuling::Allow);
        assert_eq!(ruling(&tool(Effect::Draft, None, None, false), 1, Value::Null, autonomy), ToolRuling::Allow);
    }
}

#[test]
fn approve_relaxes_supervised_but_never_propose_and_autonomy_never_removes_an_approval() {
    let refund = tool(Effect::Write, None, Some("args.amount > 50"), true);
    for (amount, autonomy, expected) in [
        (10, Autonomy::Propose, ToolRuling::Ask),
        (10, Autonomy::Supervised, ToolRuling::Allow),
        (60, Autonomy::Supervised, ToolRuling::Ask),
        (10, Autonomy::Autonomous, ToolRuling::Allow),
        (60, Autonomy::Autonomous, ToolRuling::Ask),
    ] {
        assert_eq!(ruling(&refund, amount, Value::Null, autonomy), expected, "{amount} {autonomy:?}");
    }
    let irreversible = tool(Effect::Write, None, Some("args.amount > 50"), false);
    assert_eq!(ruling(&irreversible, 10, Value::Null, Autonomy::Autonomous), ToolRuling::Ask);
}

#[test]
fn when_denies_and_what_cannot_be_judged_is_denied_or_asked() {
    let refund = tool(Effect::Write, Some("order.status == 'delivered'"), Some("args.nothing > 1"), true);
    assert_eq!(ruling(&refund, 1, json!({"status": "shipped"}), Autonomy::Autonomous), ToolRuling::Deny);
    assert_eq!(ruling(&refund, 1, Value::Null, Autonomy::Autonomous), ToolRuling::Deny, "no order, no refund");
    assert_eq!(ruling(&refund, 1, json!({"status": "delivered"}), Autonomy::Autonomous), ToolRuling::Ask);
}
