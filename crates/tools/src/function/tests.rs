//! What a function may be given, and what is believed of how it ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mainstay_core::schema::Schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serializer};

use super::*;

/// What programmers read; the model does not.
#[derive(Deserialize, JsonSchema)]
struct Refund {
    /// The order, such as #W1234567
    #[schemars(regex(pattern = "^#W[0-9]{7}$"))]
    order_id: String,
    amount: f64,
}

const IN_A_MINUTE: Duration = Duration::from_secs(60);

async fn call(tool: &FunctionTool, arguments: Value, patience: Duration) -> ToolOutcome {
    let Value::Object(arguments) = arguments else { panic!("an object") };
    let principal = Principal::new("c-1");
    let call = Invocation { arguments: &arguments, principal: &principal, idempotency_key: "run/1", trace_parent: "" };
    tool.call(&call, Instant::now() + patience).await
}

fn order() -> Value {
    json!({"order_id": "#W1234567", "amount": 3})
}

#[tokio::test]
async fn a_function_gets_typed_arguments_and_the_caller_and_the_model_reads_what_it_returns() {
    let tool = FunctionTool::new(Effect::Write, |call: Refund, caller: Caller| async move {
        let by = format!("{} of {}, {}", caller.principal.id, caller.principal.tenant, caller.idempotency_key);
        Ok(BTreeMap::from([("order", call.order_id), ("amount", call.amount.to_string()), ("by", by)]))
    });
    let content = json!({"order": "#W1234567", "amount": "3", "by": "c-1 of default, run/1"});
    assert_eq!(call(&tool, order(), IN_A_MINUTE).await, done(content));
}

#[tokio::test]
async fn what_does_not_fit_the_type_reaches_no_function() {
    let tool = FunctionTool::new(Effect::Write, |_: Refund, _| async move { Ok("called") });
    let outcome = call(&tool, json!({"order_id": "#W1234567", "amount": "3"}), IN_A_MINUTE).await;
    let ToolOutcome::Failed(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("the arguments do not fit the function: invalid type"), "{why}");
}

#[tokio::test]
async fn the_function_says_whether_nothing_happened_or_nobody_knows_and_a_read_is_never_in_doubt() {
    let outcome = |effect, error: FunctionError| async move {
        let tool = FunctionTool::new(effect, move |_: Refund, _| {
            let error = error.clone();
            async move { Err::<(), _>(error) }
        });
        call(&tool, order(), IN_A_MINUTE).await
    };
    let refused = "the bank is\nclosed";
    assert_eq!(
        outcome(Effect::Write, FunctionError::failed(refused)).await,
        ToolOutcome::Failed("the bank is closed".into())
    );
    assert_eq!(outcome(Effect::Write, FunctionError::unknown("cut off")).await, ToolOutcome::Unknown("cut off".into()));
    assert_eq!(outcome(Effect::Read, FunctionError::unknown("cut off")).await, ToolOutcome::Failed("cut off".into()));
    let ToolOutcome::Failed(why) = outcome(Effect::Read, FunctionError::failed("x".repeat(5_000))).await else {
        panic!("failed")
    };
    assert_eq!(why.len(), EXCERPT, "words of a function are cut");
}

#[tokio::test]
async fn a_panic_ends_the_call_and_is_not_repeated_to_the_model() {
    let panics = |effect| {
        FunctionTool::new(effect, |call: Refund, _| async move {
            assert_ne!(call.order_id, "#W1234567", "a secret of the program");
            Ok(())
        })
    };
    let why = "the function panicked".to_owned();
    assert_eq!(call(&panics(Effect::Write), order(), IN_A_MINUTE).await, ToolOutcome::Unknown(why.clone()));
    assert_eq!(call(&panics(Effect::Idempotent), order(), IN_A_MINUTE).await, ToolOutcome::Unknown(why.clone()));
    assert_eq!(call(&panics(Effect::Read), order(), IN_A_MINUTE).await, ToolOutcome::Failed(why));
}

/// Counts who is still at work.
struct AtWork(Arc<AtomicUsize>);

impl AtWork {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_function_that_hangs_is_stopped_at_the_deadline() {
    let at_work = Arc::new(AtomicUsize::new(0));
    let hangs = |effect| {
        let at_work = Arc::clone(&at_work);
        FunctionTool::new(effect, move |_: Refund, _| {
            let working = AtWork::begin(&at_work);
            async move {
                std::future::pending::<()>().await;
                drop(working);
                Ok(())
            }
        })
    };
    let (began, patience) = (Instant::now(), Duration::from_millis(50));
    let why = "the function did not end in time".to_owned();
    assert_eq!(call(&hangs(Effect::Write), order(), patience).await, ToolOutcome::Unknown(why.clone()));
    assert_eq!(call(&hangs(Effect::Read), order(), patience).await, ToolOutcome::Failed(why));
    assert!(began.elapsed() >= patience * 2, "it had its whole time: {:?}", began.elapsed());
    tokio::task::yield_now().await;
    assert_eq!(at_work.load(Ordering::SeqCst), 0, "nothing is left running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_blocks_its_thread_does_not_hold_the_run() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let tool = FunctionTool::new(Effect::Write, move |_: Refund, _| {
        let held = Arc::clone(&held);
        async move { held.lock().unwrap().recv().map_err(FunctionError::unknown) }
    });
    let outcome = call(&tool, order(), Duration::from_millis(50)).await;
    assert_eq!(outcome, ToolOutcome::Unknown("the function did not end in time".into()), "while it still blocks");
    release.send(()).unwrap();
}

#[tokio::test]
async fn without_time_left_the_function_is_not_called() {
    let tool = FunctionTool::new(Effect::Write, |_: Refund, _| async move { Ok("called") });
    let outcome = call(&tool, order(), Duration::ZERO).await;
    assert_eq!(outcome, ToolOutcome::Failed("there is no time left to call the function".into()));
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_a_read_and_does_not_undo_a_write() {
    let large = |effect| FunctionTool::new(effect, |_: Refund, _| async move { Ok("x".repeat(MOST_BYTES)) });
    let why = "the result is larger than 65536 bytes".to_owned();
    assert_eq!(call(&large(Effect::Read), order(), IN_A_MINUTE).await, ToolOutcome::Failed(why.clone()));
    let written = json!({"status": "done", "result": why});
    assert_eq!(call(&large(Effect::Write), order(), IN_A_MINUTE).await, done(written));
    let fits = FunctionTool::new(Effect::Read, |_: Refund, _| async move { Ok("x".repeat(MOST_BYTES - 2)) });
    assert!(matches!(call(&fits, order(), IN_A_MINUTE).await, ToolOutcome::Done { .. }));
}

/// A list without an end.
struct Endless;

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat("again"))
    }
}

#[tokio::test]
async fn a_result_without_an_end_is_not_collected() {
    let tool = FunctionTool::new(Effect::Read, |_: Refund, _| async move { Ok(Endless) });
    let why = "the result is larger than 65536 bytes".to_owned();
    assert_eq!(call(&tool, order(), IN_A_MINUTE).await, ToolOutcome::Failed(why));
    let tool = FunctionTool::new(Effect::Read, |_: Refund, _| async move { Ok(BTreeMap::from([((1, 2), 3)])) });
    let why = "the result cannot be written as JSON".to_owned();
    assert_eq!(call(&tool, order(), IN_A_MINUTE).await, ToolOutcome::Failed(why), "JSON has no such keys");
}

#[test]
fn the_schema_is_closed_and_bounded_like_that_of_any_other_tool() {
    assert_eq!(
        parameters::<Refund>(),
        Ok(json!({
            "type": "object",
            "properties": {
                "order_id": {
                    "type": "string",
                    "description": "The order, such as #W1234567",
                    "pattern": "^#W[0-9]{7}$",
                    "maxLength": 4000,
                },
                "amount": {"type": "number"},
            },
            "required": ["order_id", "amount"],
            "additionalProperties": false,
        }))
    );
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Parcel {
    #[schemars(length(max = 20))]
    street: String,
    count: u32,
    offset: i32,
    weight: Option<u8>,
    size: Size,
    way: Option<Way>,
    labels: Vec<Label>,
    notes: BTreeMap<String, String>,
    #[serde(default)]
    is_gift: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "lowercase")]
enum Way {
    Road { road: String },
    Air(Flight),
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Flight {
    number: u16,
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Label {
    text: String,
    #[serde(flatten)]
    way: Way,
}

#[test]
fn nested_types_are_closed_and_bounded_in_every_part_and_take_what_serde_takes() {
    let schema = parameters::<Parcel>().unwrap();
    let part = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {schema:#}")).clone();
    assert_eq!(part("/properties/street/maxLength"), 20);
    assert_eq!(
        (part("/properties/count/maximum"), part("/properties/offset/minimum")),
        (json!(u32::MAX), json!(i32::MIN))
    );
    assert_eq!(part("/properties/labels/maxItems"), 100);
    assert_eq!(part("/required"), json!(["street", "count", "offset", "size", "labels", "notes"]));
    for word in ["$ref", "$defs", "$schema", "title", "uint32", "double"] {
        assert!(!schema.to_string().contains(&format!("\"{word}\"")), "{word} in {schema:#}");
    }

    let compiled = Schema::compile(schema).unwrap();
    let parcel = |change: &dyn Fn(&mut Value)| {
        let mut parcel = json!({
            "street": "Elm 1", "count": 1, "offset": -1, "weight": null, "size": "small",
            "way": {"by": "air", "number": 7}, "labels": [{"text": "a", "by": "road", "road": "A1"}], "notes": {"a": "b"},
        });
        change(&mut parcel);
        parcel
    };
    let takes =
        |parcel: &Value| (compiled.check(parcel).is_ok(), serde_json::from_value::<Parcel>(parcel.clone()).is_ok());
    assert_eq!(takes(&parcel(&|_| ())), (true, true), "{:?}", compiled.check(&parcel(&|_| ())));
    let refused: [&dyn Fn(&mut Value); 12] = [
        &|parcel| parcel["street"] = json!("x".repeat(21)),
        &|parcel| parcel["count"] = json!(-1),
        &|parcel| parcel["count"] = json!(1_u64 << 32),
        &|parcel| parcel["offset"] = json!(1_i64 << 31),
        &|parcel| parcel["weight"] = json!(256),
        &|parcel| parcel["size"] = json!("huge"),
        &|parcel| parcel["way"] = json!({"by": "sea"}),
        &|parcel| parcel["way"]["more"] = json!(1),
        &|parcel| parcel["labels"][0]["more"] = json!(1),
        &|parcel| parcel["labels"] = vec![json!({"text": "a", "by": "road", "road": "A1"}); 101].into(),
        &|parcel| parcel["notes"]["a"] = json!("x".repeat(4_001)),
        &|parcel| parcel["more"] = json!(1),
    ];
    for (index, change) in refused.into_iter().enumerate() {
        let parcel = parcel(change);
        assert!(!takes(&parcel).0, "{index}: {}", parcel.to_string().chars().take(300).collect::<String>());
    }
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Comment {
    text: String,
    replies: Vec<Comment>,
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Page {
    comments: Vec<Comment>,
}

#[expect(dead_code, reason = "only its shape matters")]
#[derive(Deserialize, JsonSchema)]
struct Anything {
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

#[test]
fn what_is_no_struct_with_names_or_has_no_end_is_refused() {
    assert_eq!(parameters::<Comment>(), Err(ParametersError::Recursive));
    assert_eq!(parameters::<Page>(), Err(ParametersError::Recursive), "also deeper down");
    assert_eq!(parameters::<String>(), Err(ParametersError::NotAStruct));
    assert_eq!(parameters::<Vec<Refund>>(), Err(ParametersError::NotAStruct));
    assert_eq!(parameters::<Way>(), Err(ParametersError::NotAStruct), "no model's API takes a choice at the top");
    assert_eq!(parameters::<Label>(), Err(ParametersError::NotAStruct));
    assert_eq!(parameters::<Anything>(), Err(ParametersError::NotAStruct));
    assert_eq!(parameters::<Value>(), Err(ParametersError::NotAStruct));
    let empty = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    assert_eq!(parameters::<Nothing>(), Ok(empty));
}
