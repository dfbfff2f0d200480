//! What people do to a run: they change a call, answer in the agent's place, or cancel it.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::agent::Agent;
use mainstay_core::code;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::{Decision, FinalState, Payload};
use mainstay_core::runtime::{Driven, Runtime};
use mainstay_core::store::access::CancelNoted;
use mainstay_core::store::{ApprovalFilter, EffectState, Journal as _, RunState, Verdict};
use mainstay_core::tool::{Binding, BoundArgument, Effect, Invocation, Tool, ToolOutcome};
use mainstay_testkit::crash::{Death, Mortal};
use mainstay_testkit::harness::{Harness, agent, condition, done, ended, model, tool};
use mainstay_testkit::script::{Line, Script, answers, calls};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// Pays back, remembers what it was told, and cancels the run that it works for when it is told to.
#[derive(Default)]
struct Refund {
    made: Mutex<Vec<Value>>,
    cancels: OnceLock<(Arc<Runtime>, RunId)>,
}

impl Refund {
    fn made(&self) -> Vec<Value> {
        self.made.lock().unwrap().clone()
    }
}

#[async_trait]
impl Tool for Refund {
    async fn call(&self, call: &Invocation<'_>, _: Instant) -> ToolOutcome {
        if let Some((runtime, run)) = self.cancels.get() {
            assert_eq!(runtime.cancel(*run, "ann").await.unwrap(), CancelNoted::Noted);
        }
        self.made.lock().unwrap().push(Value::Object(call.arguments.clone()));
        done(json!({"ok": true}))
    }
}

/// An agent that may refund up to 500, with approval from 50 on, and always to whoever asks.
fn refunds(lines: impl IntoIterator<Item = Line>) -> (Arc<Script>, Arc<Refund>, Agent) {
    let (script, refund) = (Arc::new(Script::new(lines)), Arc::new(Refund::default()));
    (script.clone(), refund.clone(), refund_agent(script, refund))
}

fn refund_agent(script: Arc<Script>, refund: Arc<Refund>) -> Agent {
    let mut agent = agent(script);
    let mut write = tool("refund", Effect::Write, json!({"amount": {"type": "number", "maximum": 500}}), refund);
    write.bound = vec![BoundArgument { name: "user".into(), from: Binding::PrincipalId }];
    write.when = Some(condition("args.amount > 5"));
    write.approve = Some(condition("args.amount > 50"));
    agent.tools.insert("refund".into(), write);
    agent
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn an_edited_call_is_made_with_the_persons_arguments_and_never_with_the_models() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 80})), answers("You get 60 back.")]);
    let harness = Harness::new(agent).await;
    let Driven::Parked(approval) = harness.ask("refund 80").await else { panic!() };
    harness.rule(Verdict::Edit(arguments(json!({"amount": 60})))).await.unwrap();
    let reply = ended(harness.resume().await.remove(0));

    let call = json!({"amount": 60, "user": "c-1"});
    assert_eq!((reply.state, refund.made()), (FinalState::Answered, vec![call.clone()]));
    assert_eq!(reply.done_so_far, [r#"refund {"amount":60,"user":"c-1"}: done"#]);
    let effects = harness.runtime.ledger.effects(None, 10).await.unwrap();
    assert_eq!((effects.len(), effects[0].state), (1, EffectState::Confirmed));
    assert_eq!((&effects[0].authority, Value::Object(effects[0].arguments.clone())), (&approval.to_string(), call));
    let entries = harness.entries(effects[0].run).await;
    let decided = entries.iter().find_map(|entry| match &entry.payload {
        Payload::ApprovalDecided(decided) => Some(decided.clone()),
        _ => None,
    });
    let decided = decided.unwrap();
    assert_eq!((decided.decision, decided.by.as_str()), (Decision::Edited, "reviewer"));
    assert_eq!(decided.arguments.unwrap()["amount"], 60);
    script.assert_used_up();
}

#[tokio::test]
async fn what_the_runtime_sets_and_what_does_not_fit_the_tool_cannot_be_written_into_a_call() {
    let (_, refund, agent) = refunds([calls("refund", json!({"amount": 80})), answers("Done.")]);
    let harness = Harness::new(agent).await;
    harness.ask("refund 80").await;
    for (edited, why) in [
        (json!({"amount": 60, "user": "c-2"}), "`user` is set by the runtime"),
        (json!({"amount": 501}), "500"),
        (json!({"amount": "all"}), "amount"),
        (json!({"amount": 60, "account": "mine"}), "account"),
    ] {
        let refused = harness.rule(Verdict::Edit(arguments(edited.clone()))).await.unwrap_err();
        assert_eq!(refused.code(), code::REQUEST_INVALID, "{edited}");
        assert!(refused.to_string().contains(why), "{refused}");
        assert_eq!(harness.waiting().await.decision, None, "the question stays open");
    }
    harness.rule(Verdict::Edit(arguments(json!({"amount": 60, "user": "c-1"})))).await.unwrap();
    assert_eq!(ended(harness.resume().await.remove(0)).state, FinalState::Answered);
    assert_eq!(refund.made(), [json!({"amount": 60, "user": "c-1"})]);
}

#[tokio::test]
async fn an_edited_call_that_the_policy_denies_is_not_made() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 80})), answers("No.")]);
    let harness = Harness::new(agent).await;
    harness.ask("refund 80").await;
    harness.rule(Verdict::Edit(arguments(json!({"amount": 5})))).await.unwrap();
    assert_eq!(ended(harness.resume().await.remove(0)).state, FinalState::Answered);
    assert_eq!((refund.made(), harness.runtime.ledger.effects(None, 10).await.unwrap()), (vec![], vec![]));
    assert!(format!("{:?}", script.asked().pop().unwrap().messages).contains("denied"));
}

#[tokio::test]
async fn a_person_who_takes_over_answers_in_the_agents_place_and_nothing_is_done() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 80}))]);
    let harness = Harness::new(agent).await;
    harness.ask("refund 80").await;
    let empty = harness.rule(Verdict::TakeOver(" \n".into())).await.unwrap_err();
    assert_eq!(empty.code(), code::REQUEST_INVALID);
    harness.rule(Verdict::TakeOver("I will call you today.".into())).await.unwrap();
    let Driven::Ended { reply, answer } = harness.resume().await.remove(0) else { panic!() };
    assert_eq!((reply.state, reply.origin.as_str()), (FinalState::Answered, "person"));
    assert_eq!(answer.unwrap().text, "I will call you today.");
    assert_eq!((refund.made(), harness.runtime.ledger.effects(None, 10).await.unwrap()), (vec![], vec![]));
    assert_eq!(harness.kinds().await[4..], ["approval_asked", "approval_decided", "replied"]);
    script.assert_used_up();
}

#[tokio::test]
async fn a_parked_run_that_is_cancelled_ends_and_its_question_with_it() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 80}))]);
    let harness = Harness::new(agent).await;
    let Driven::Parked(approval) = harness.ask("refund 80").await else { panic!() };
    let run = harness.waiting().await.asked.run;
    assert_eq!(harness.runtime.cancel(run, "ann").await.unwrap(), CancelNoted::Noted);
    assert_cancelled(&ended(harness.resume().await.remove(0)));
    assert_eq!(refund.made(), [] as [Value; 0]);
    harness.entries(run).await;
    let all = ApprovalFilter { limit: 10, ..ApprovalFilter::default() };
    let questions = harness.runtime.approvals.approvals(&all).await.unwrap();
    assert_eq!((questions[0].asked.id, questions[0].decision), (approval, Some(Decision::Cancelled)));
    assert_eq!(harness.runtime.cancel(run, "bob").await.unwrap(), CancelNoted::Ended);
    script.assert_used_up();
}

#[tokio::test]
async fn a_run_that_is_cancelled_elsewhere_ends_before_its_next_call() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 8}))]);
    let harness = Harness::new(agent).await;
    let record = harness.accept("c-1", "refund 8").await;
    // Another process notes it; this one hears of it with the model's reply.
    harness.store.cancel_elsewhere(record.id).await;
    assert_cancelled(&ended(harness.runtime.drive(record).await));
    assert_eq!(refund.made(), [] as [Value; 0]);
    assert_eq!(harness.kinds().await, ["screened", "routed", "model_called", "replied"]);
    script.assert_used_up();
}

#[tokio::test]
async fn a_model_that_is_still_thinking_is_not_waited_for_and_no_other_one_is_asked() {
    for has_another in [false, true] {
        let (script, _, mut agent) = refunds([Line::Hangs]);
        if has_another {
            agent.models.medium = vec![model("second", Arc::<Script>::default())];
        }
        let harness = Harness::new(agent).await;
        let record = harness.accept("c-1", "think").await;
        let run = record.id;
        let cancel = async {
            script.until_asked(1).await;
            assert_eq!(harness.runtime.cancel(run, "ann").await.unwrap(), CancelNoted::Noted);
        };
        let started = Instant::now();
        let (driven, ()) = tokio::join!(harness.runtime.drive(record), cancel);
        assert_cancelled(&ended(driven));
        assert!(started.elapsed() < Duration::from_secs(4), "the model had five seconds");
        harness.entries(run).await;
    }
}

#[tokio::test]
async fn of_several_calls_none_is_made_after_the_one_that_was_cancelled_under() {
    let both = Line::Calls(vec![("refund", json!({"amount": 8})), ("refund", json!({"amount": 9}))]);
    let (_, refund, agent) = refunds([both]);
    let harness = Harness::new(agent).await;
    let record = harness.accept("c-1", "refund 8 and 9").await;
    assert!(refund.cancels.set((harness.runtime.clone(), record.id)).is_ok());
    assert_cancelled(&ended(harness.runtime.drive(record).await));
    assert_eq!(refund.made(), [json!({"amount": 8, "user": "c-1"})]);
}

#[tokio::test]
async fn a_call_that_was_approved_is_not_made_any_more_once_the_run_is_cancelled() {
    let (_, refund, agent) = refunds([calls("refund", json!({"amount": 80}))]);
    let harness = Harness::new(agent).await;
    harness.ask("refund 80").await;
    let run = harness.waiting().await.asked.run;
    harness.decide(true).await;
    assert_eq!(harness.runtime.cancel(run, "ann").await.unwrap(), CancelNoted::Noted);
    assert_cancelled(&ended(harness.resume().await.remove(0)));
    assert_eq!(refund.made(), [] as [Value; 0]);
    harness.entries(run).await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_during_an_effect_ends_with_the_effects_outcome() {
    let (script, refund, agent) = refunds([calls("refund", json!({"amount": 8}))]);
    let harness = Harness::new(agent).await;
    let record = harness.accept("c-1", "refund 8").await;
    let run = record.id;
    assert!(refund.cancels.set((harness.runtime.clone(), run)).is_ok());
    let reply = ended(harness.runtime.drive(record).await);
    assert_cancelled(&reply);
    assert_eq!(reply.done_so_far, [r#"refund {"amount":8,"user":"c-1"}: done"#], "whoever reads it knows");
    assert_eq!(refund.made().len(), 1);
    assert_eq!(harness.runtime.ledger.effects(Some(run), 10).await.unwrap()[0].state, EffectState::Confirmed);
    let kinds = harness.kinds().await;
    assert_eq!(kinds[kinds.len() - 3..], ["effect_intended", "tool_called", "replied"]);
    script.assert_used_up();
}

#[tokio::test]
async fn a_cancelled_run_whose_process_died_ends_wherever_it_is_found_and_leaves_no_effect_open() {
    let lives = async |death| {
        let lines = [calls("refund", json!({"amount": 8})), answers("Done.")];
        let (_, refund, agent) = refunds(lines);
        let harness = Harness::new(agent).await;
        let mortal = Mortal::new(Arc::new(harness.store.clone()), death);
        let agent = harness.runtime.agents["returns"].clone();
        let first = Harness::with_journal(harness.store.clone(), mortal.clone(), agent.clone(), harness.clock.clone());
        let record = first.accept("c-1", "refund 8").await;
        let run = record.id;
        let driven = first.runtime.drive(record).await;
        if death == Death::Never {
            assert_eq!(ended(driven).state, FinalState::Answered);
            return mortal.appends();
        }
        let noted = harness.runtime.cancel(run, "ann").await.unwrap();
        harness.clock.advance(Duration::from_secs(600));
        // The next process asks no model any more.
        let silent = Arc::new(refund_agent(Arc::default(), refund.clone()));
        let second = Harness::over(harness.store.clone(), silent, harness.clock.clone());
        let driven = second.resume().await;
        let state = second.store.run(run).await.unwrap().unwrap().state;
        let kinds = second.kinds().await;
        let intended = kinds.iter().filter(|kind| **kind == "effect_intended").count();
        let called = kinds.iter().filter(|kind| **kind == "tool_called").count();
        assert_eq!(intended, called, "{death:?}: {kinds:?}");
        assert!(refund.made().len() <= intended, "{death:?}");
        match noted {
            // It had ended before anybody heard of it.
            CancelNoted::Ended => assert_eq!((state, driven), (RunState::Ended(FinalState::Answered), vec![])),
            // What a dead process may have done is in doubt, and that goes before everything.
            CancelNoted::Noted if state == RunState::Ended(FinalState::Escalated) => {
                assert_eq!(second.runtime.ledger.effects(None, 1).await.unwrap()[0].state, EffectState::Unknown);
            }
            CancelNoted::Noted => assert_eq!(state, RunState::Ended(FinalState::Cancelled), "{death:?}"),
            CancelNoted::Unknown => panic!("{death:?}"),
        }
        0
    };
    for n in 0..lives(Death::Never).await {
        for death in [Death::Before(n), Death::After(n)] {
            lives(death).await;
        }
    }
}

fn assert_cancelled(reply: &mainstay_core::journal::entry::Replied) {
    assert_eq!((reply.state, reply.code.as_str()), (FinalState::Cancelled, code::RUN_CANCELLED), "{}", reply.reason);
    assert_eq!(reply.reason, "cancelled by ann");
}

trait Elsewhere {
    async fn cancel_elsewhere(&self, run: RunId);
}

impl Elsewhere for mainstay_store::Store {
    async fn cancel_elsewhere(&self, run: RunId) {
        use mainstay_core::store::access::Requests as _;
        let now = mainstay_core::clock::Timestamp(0);
        assert_eq!(self.cancel(run, "ann", now).await.unwrap(), CancelNoted::Noted);
    }
}
