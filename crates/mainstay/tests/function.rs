//! Rust functions as tools: called through playbooks, held by the same checks and the same policy as any other tool.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainstay::config::explain::explain;
use mainstay::config::load_with;
use mainstay::{
    Caller, Effect, FinalState, Function, FunctionError, Mainstay, OpenError, Principal, Reply, Status, Verdict,
};
use mainstay_core::store::EffectState;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

const AGENT: &str = r#"
[agent]
name = "returns"
purpose = "Pays orders back"
owner = "team@shop.example"
escalation = "support-oncall"

[models]
simple = ["embedded"]

[rollout]
phase = "production"
production = { autonomy = "supervised" }

[output]
grounding = "off"
"#;

const PLAYBOOKS: &str = r##"
[[playbook]]
intent = "refund"
examples = ["please refund {amount} for order {order_id}", "i want {amount} back for {order_id}", "refund my order"]
slots = { order_id = { pattern = '#W[0-9]{7}', ask = "Which order?" }, amount = { pattern = '\b[0-9]+\b', number = true, ask = "How much?" } }
calls = [{ tool = "refund", args = { order_id = "{order_id}", amount = "{amount}" } }]
answers = [
  { when = "has(refund.error)", text = "It is {refund.error}: {refund.reason}", confidence = 0.9 },
  { text = "I refunded {refund.refunded} for {order_id}.", confidence = 0.95 },
]

[[playbook]]
intent = "order_status"
examples = ["where is my order {order_id}", "status of {order_id}", "track my parcel"]
slots = { order_id = { pattern = '#W[0-9]{7}', ask = "Which order?" } }
calls = [{ tool = "get_order", args = { order_id = "{order_id}" } }]
answers = [
  { when = "has(get_order.error)", text = "It is {get_order.error}: {get_order.reason}", confidence = 0.9 },
  { text = "Order {order_id} of {get_order.customer} is {get_order.status}.", confidence = 0.95 },
]
"##;

/// An installation with one agent, whose playbooks name two functions.
fn shop() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("agents/returns");
    fs::create_dir_all(&agent).unwrap();
    fs::write(folder.path().join("mainstay.toml"), "").unwrap();
    fs::write(agent.join("agent.toml"), AGENT).unwrap();
    fs::write(agent.join("instructions.md"), "You pay orders back.").unwrap();
    fs::write(agent.join("playbooks.toml"), PLAYBOOKS).unwrap();
    folder
}

#[derive(Deserialize, JsonSchema)]
struct Refund {
    /// The order, such as #W1234567
    order_id: String,
    amount: f64,
}

#[derive(Deserialize, JsonSchema)]
struct Order {
    order_id: String,
}

/// What the program did, in order.
type Done = Arc<Mutex<Vec<String>>>;

/// A refund that a person must approve where it is large.
fn refund(done: &Done) -> Function {
    let done = Arc::clone(done);
    let refund = move |call: Refund, caller: Caller| {
        let done = Arc::clone(&done);
        async move {
            let Caller { principal, idempotency_key } = caller;
            let entry = format!("{} of {}, {}", call.order_id, principal.id, idempotency_key.contains('/'));
            done.lock().unwrap().push(entry);
            Ok(json!({"refunded": call.amount}))
        }
    };
    Function::new("refund", "Refunds an order", Effect::Write, refund)
        .approve("args.amount > 50.0")
        .claims(["refunded"])
}

fn get_order() -> Function {
    let get_order = |order: Order, caller: Caller| async move {
        match order.order_id.as_str() {
            "#W0000000" => Err(FunctionError::failed("there is no such order")),
            _ => Ok(json!({"customer": caller.principal.id, "status": "shipped"})),
        }
    };
    Function::new("get_order", "Looks up an order of the customer", Effect::Read, get_order).trusted()
}

async fn open(folder: &Path, functions: [Function; 2]) -> Mainstay {
    let builder = Mainstay::builder(folder);
    functions.into_iter().fold(builder, |builder, function| builder.function("returns", function)).open().await.unwrap()
}

async fn ask(mainstay: &Mainstay, input: &str) -> Reply {
    mainstay.ask("returns", &Principal::new("c-1"), input).await.unwrap()
}

fn answer(reply: &Reply) -> &str {
    reply.answer.as_deref().unwrap_or(&reply.reason)
}

#[tokio::test]
async fn a_playbook_calls_the_function_of_the_program_for_the_one_who_asks() {
    let (folder, done) = (shop(), Done::default());
    let mainstay = open(folder.path(), [refund(&done), get_order()]).await;
    let reply = ask(&mainstay, "Where is my order #W1234567?").await;
    assert_eq!(answer(&reply), "Order #W1234567 of c-1 is shipped.");
    let reply = ask(&mainstay, "Where is my order #W0000000?").await;
    assert_eq!(answer(&reply), "It is failed: there is no such order");
    let reply = ask(&mainstay, "Please refund 20 for order #W1234567").await;
    assert_eq!(answer(&reply), "I refunded 20.0 for #W1234567.", "small enough that nobody is asked");
    assert_eq!(*done.lock().unwrap(), ["#W1234567 of c-1, true"]);
}

#[tokio::test]
async fn a_write_waits_for_a_person_and_is_done_once() {
    let (folder, done) = (shop(), Done::default());
    let mainstay = open(folder.path(), [refund(&done), get_order()]).await;
    let reply = ask(&mainstay, "Please refund 80 for order #W1234567").await;
    let Status::Parked(approval) = reply.status else { panic!("{reply:?}") };
    assert!(done.lock().unwrap().is_empty(), "nothing is done before a person approved it");
    let asked = mainstay.approval(approval).await.unwrap().unwrap().asked;
    assert_eq!((asked.arguments["amount"].as_f64(), asked.tool.as_str()), (Some(80.0), "refund"));

    mainstay.close(Duration::from_secs(5)).await;
    let mainstay = open(folder.path(), [refund(&done), get_order()]).await;
    mainstay.decide(approval, Verdict::Approve, "anna", "fine", None).await.unwrap().unwrap();
    let replies = mainstay.resume_due().await;
    assert_eq!(replies.len(), 1);
    assert_eq!(answer(&replies[0]), "I refunded 80.0 for #W1234567.");
    assert!(mainstay.resume_due().await.is_empty());
    assert_eq!(*done.lock().unwrap(), ["#W1234567 of c-1, true"]);
    let effects = mainstay.effects(Some(reply.run), 10).await.unwrap();
    assert_eq!((effects.len(), effects[0].state), (1, EffectState::Confirmed));
}

#[tokio::test]
async fn arguments_of_the_wrong_type_are_denied_and_reach_no_function() {
    let (folder, done) = (shop(), Done::default());
    let path = folder.path().join("agents/returns/playbooks.toml");
    fs::write(&path, PLAYBOOKS.replace("number = true, ", "")).unwrap();
    let mainstay = open(folder.path(), [refund(&done), get_order()]).await;
    let reply = ask(&mainstay, "Please refund 20 for order #W1234567").await;
    assert!(answer(&reply).starts_with("It is denied: `/amount`"), "{reply:?}");
    assert!(done.lock().unwrap().is_empty());
    assert!(mainstay.effects(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_panic_is_survived_and_what_it_may_have_done_goes_to_a_person() {
    let folder = shop();
    let panics = |call: Refund, _| async move {
        assert!(call.amount < 0.0, "a secret of the program");
        Ok(())
    };
    let read_panics = |order: Order, _| async move {
        assert!(order.order_id.is_empty(), "a secret of the program");
        Ok(())
    };
    let refund = Function::new("refund", "Refunds an order", Effect::Write, panics).approve("args.amount > 50.0");
    let get_order = Function::new("get_order", "Looks up an order", Effect::Read, read_panics);
    let mainstay = open(folder.path(), [refund, get_order]).await;

    let reply = ask(&mainstay, "Please refund 20 for order #W1234567").await;
    assert_eq!(reply.status, Status::Ended(FinalState::Escalated), "{reply:?}");
    let effects = mainstay.effects(Some(reply.run), 10).await.unwrap();
    assert_eq!((effects[0].state, effects[0].evidence.as_str()), (EffectState::Unknown, "the function panicked"));

    let reply = ask(&mainstay, "Where is my order #W1234567?").await;
    assert_eq!(answer(&reply), "It is failed: the function panicked", "a read is never in doubt");
}

#[tokio::test]
async fn a_hang_is_survived_and_the_probe_says_whether_it_happened() {
    let (folder, done) = (shop(), Done::default());
    let hanging = Arc::clone(&done);
    // It does its work and then never says so.
    let hangs = move |call: Refund, _| {
        hanging.lock().unwrap().push(call.order_id);
        std::future::pending::<Result<(), FunctionError>>()
    };
    let state = Arc::clone(&done);
    let reads = move |order: Order, _| {
        let count = state.lock().unwrap().iter().filter(|id| **id == order.order_id).count();
        async move { Ok(json!({"refunds": count})) }
    };
    let refund = Function::new("refund", "Refunds an order", Effect::Write, hangs)
        .approve("args.amount > 50.0")
        .probe("get_order", "result.refunds == 1")
        .timeout(Duration::from_millis(50));
    let get_order = Function::new("get_order", "Looks up an order", Effect::Read, reads);
    let mainstay = open(folder.path(), [refund, get_order]).await;
    let reply = ask(&mainstay, "Please refund 20 for order #W1234567").await;
    let effects = mainstay.effects(Some(reply.run), 10).await.unwrap();
    assert_eq!(effects[0].state, EffectState::Confirmed, "{effects:?}");
    assert_eq!(*done.lock().unwrap(), ["#W1234567"], "it is never called twice");
}

#[tokio::test]
async fn conditions_see_facts_that_other_functions_read() {
    let (folder, done) = (shop(), Done::default());
    let refund = refund(&done).fact("order", "get_order").when("order != null && order.status == 'delivered'");
    let mainstay = open(folder.path(), [refund, get_order()]).await;
    let reply = ask(&mainstay, "Please refund 20 for order #W1234567").await;
    assert!(answer(&reply).starts_with("It is denied: not allowed: `order != null"), "{reply:?}");
    assert!(done.lock().unwrap().is_empty());
}

/// What is said when these functions are given to an agent.
fn problems(folder: &Path, functions: Vec<(&str, Function)>) -> String {
    let functions: Vec<_> = functions.into_iter().map(|(agent, function)| (agent.to_owned(), function)).collect();
    load_with(folder, &functions).unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_wrong_with_functions_and_files_is_said_at_once() {
    let folder = shop();
    let agent = folder.path().join("agents/returns/agent.toml");
    let table = "\n[tools.note]\ndescription = \"Writes a note\"\neffect = \"draft\"\n[tools.note.draft]\n";
    fs::write(&agent, AGENT.replace("team@shop.example", "") + table).unwrap();
    let nothing = |_: Order, _: Caller| async move { Ok(()) };
    let done = Done::default();
    let functions = vec![
        ("returns", refund(&done).approve("args.amuont > 50.0").when("order.total >")),
        ("retruns", get_order().when("args.order == '#W1'")),
        ("returns", get_order().claims(["("])),
        ("returns", Function::new("note", "Writes a note", Effect::Draft, nothing)),
        ("returns", Function::new("get_order", "Once more", Effect::Read, nothing)),
        (
            "returns",
            Function::new("Pay", " ", Effect::Read, |_: String, _| async move { Ok(()) }).when("args.text != ''"),
        ),
        (
            "returns",
            Function::new("pay", "Pays", Effect::Write, nothing)
                .timeout(Duration::from_secs(600))
                .fact("args", "refund")
                .fact("order", "get_order")
                .fact("order", "get_order")
                .probe("get_oder", "result.done")
                .claims(["paid"]),
        ),
        ("returns", Function::new("ship", "Ships", Effect::Write, |_: Ship, _| async move { Ok(()) }).claims(["sent"])),
    ];
    let said = problems(folder.path(), functions);
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs/functions.expected.txt");
    if std::env::var_os("MAINSTAY_BLESS").is_some() {
        fs::write(expected, said).unwrap();
    } else {
        assert_eq!(said, fs::read_to_string(expected).unwrap_or_default());
    }
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Ship {
    order_id: String,
}

#[tokio::test]
async fn a_playbook_that_names_a_function_nobody_gave_is_refused() {
    let folder = shop();
    let Err(OpenError::Config(problems)) =
        Mainstay::builder(folder.path()).function("returns", get_order()).open().await
    else {
        panic!("it opened")
    };
    let said = problems.to_string();
    assert!(said.contains("there is no tool `refund`"), "{said}");
    assert_eq!(problems.len(), 1, "{said}");
}

#[test]
fn a_function_whose_type_is_broken_raises_no_false_alarms() {
    let folder = shop();
    let refund = Function::new("refund", "Refunds an order", Effect::Write, |_: Value, _| async move { Ok(()) })
        .fact("order", "get_order")
        .when("args.amount > 1.0 && order != null");
    let said = problems(folder.path(), vec![("returns", refund), ("returns", get_order())]);
    assert_eq!(said.matches("function `refund`: ").count(), 1, "{said}");
    assert!(said.contains("the arguments must be a struct with named fields"), "{said}");
    assert!(!said.contains("playbooks.toml"), "{said}");
}

#[test]
fn the_version_changes_with_all_that_a_function_says_of_itself() {
    let folder = shop();
    let version = |functions: Vec<Function>| {
        let functions: Vec<_> = functions.into_iter().map(|function| ("returns".to_owned(), function)).collect();
        load_with(folder.path(), &functions).unwrap().config.agents["returns"].version.clone()
    };
    let done = Done::default();
    let refund = || refund(&done);
    let same = version(vec![refund(), get_order()]);
    assert_eq!(same, version(vec![get_order(), refund()]), "the order does not matter");
    let body = |_: Refund, _: Caller| async move { Ok(Value::Null) };
    let other_type = |_: Ordered, _: Caller| async move { Ok(Value::Null) };
    let like = |description: &str, effect| {
        Function::new("refund", description, effect, body).approve("args.amount > 50.0").claims(["refunded"])
    };
    assert_eq!(
        same,
        version(vec![like("Refunds an order", Effect::Write), get_order()]),
        "what it does inside is not seen"
    );
    let mut versions = std::collections::BTreeSet::from([same]);
    let changed = [
        like("Refunds one order", Effect::Write),
        like("Refunds an order", Effect::Idempotent),
        Function::new("refund", "Refunds an order", Effect::Write, other_type)
            .approve("args.amount > 50.0")
            .claims(["refunded"]),
        refund().approve("args.amount > 51.0"),
        refund().when("args.amount > 1.0"),
        refund().fact("order", "get_order"),
        refund().probe("get_order", "result.done"),
        refund().claims(["paid"]),
        refund().trusted(),
        refund().shared(),
        refund().timeout(Duration::from_secs(11)),
    ];
    for (index, function) in changed.into_iter().enumerate() {
        assert!(versions.insert(version(vec![function, get_order()])), "change {index} does not show");
    }
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Ordered {
    /// The order
    order_id: String,
    amount: f64,
}

#[test]
fn a_function_is_explained_like_any_other_tool() {
    let (folder, done) = (shop(), Done::default());
    let functions = [("returns".to_owned(), refund(&done)), ("returns".to_owned(), get_order())];
    let loaded = load_with(folder.path(), &functions).unwrap();
    let said = explain(&loaded.config.agents["returns"]);
    for line in [
        "  - read from the program with `get_order`: Looks up an order of the customer\n",
        "  - change something in the program with `refund`: Refunds an order\n      a person approves it where args.amount > 50.0\n",
        "  - send `refund` twice to find out whether it worked\n",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    let warnings = loaded.warnings.to_string();
    assert!(warnings.contains("function `refund`: `refund` is irreversible in doubt"), "{warnings}");
}
