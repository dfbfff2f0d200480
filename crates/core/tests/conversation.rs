//! Conversations: which earlier turns a request brings along, how many, and what becomes of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::agent::Agent;
use mainstay_core::guard::{Channel, Guard, GuardError, Masked, Mode, Verdict};
use mainstay_core::journal::entry::{FinalState, Payload, Replied, Said, Speaker};
use mainstay_core::message::Message;
use mainstay_core::principal::Principal;
use mainstay_core::runtime::{Driven, Request};
use mainstay_core::store::Journal as _;
use mainstay_testkit::harness::{Harness, agent, ended, guarded, request};
use mainstay_testkit::script::{Script, answers, answers_with};

/// A script that answers `answer 1`, `answer 2`, …
fn talkative(turns: u32) -> (Arc<Script>, Agent) {
    let script = Arc::new(Script::new((1..=turns).map(|n| answers(&format!("answer {n}")))));
    (script.clone(), agent(script))
}

fn in_conversation(principal: Principal, name: &str, input: &str) -> Request {
    let mut request = request(principal, input);
    request.context.conversation = name.to_owned();
    request
}

/// What customer `c-1` says in conversation `chat`.
fn said(input: &str) -> Request {
    in_conversation(Principal::new("c-1"), "chat", input)
}

async fn drive(harness: &Harness, request: Request) -> Replied {
    let record = harness.accept_request(request).await;
    ended(harness.runtime.drive(record).await)
}

/// What the model read last.
fn read(script: &Script) -> Vec<String> {
    let text = |message: Message| match message {
        Message::User(text) => format!("user: {text}"),
        Message::Assistant { text, .. } => format!("agent: {text}"),
        other @ Message::Tool { .. } => panic!("{other:?}"),
    };
    script.asked().pop().unwrap().messages.into_iter().map(text).collect()
}

#[tokio::test]
async fn a_conversation_is_of_one_tenant_one_agent_and_one_principal() {
    let (script, agent) = talkative(8);
    let harness = Harness::new(agent).await;
    drive(&harness, said("mine")).await;
    drive(&harness, in_conversation(Principal::new("c-2"), "chat", "of somebody else")).await;
    let north = Principal { id: "c-1".to_owned(), tenant: "north".to_owned() };
    drive(&harness, in_conversation(north, "chat", "of another tenant")).await;
    drive(&harness, in_conversation(Principal::new("c-1"), "other chat", "of another conversation")).await;
    drive(&harness, request(Principal::new("c-1"), "of no conversation")).await;
    let other = Agent { name: "orders".to_owned(), ..self::agent(script.clone()) };
    let beside = Harness::over(harness.store.clone(), Arc::new(other), harness.clock.clone());
    drive(&beside, Request { agent: "orders".to_owned(), ..said("to another agent") }).await;
    assert_eq!(read(&script), ["user: to another agent"], "it starts with nothing");

    drive(&harness, said("mine again")).await;
    assert_eq!(read(&script), ["user: mine", "agent: answer 1", "user: mine again"]);
    let record = harness.accept_request(said("and again")).await;
    let four = ["mine", "answer 1", "mine again", "answer 7"];
    assert!(record.context.history.iter().map(|said| said.text.as_str()).eq(four), "{:?}", record.context.history);
    // It is kept with the run, under its hash chain: a resumed run reads the same.
    assert_eq!(harness.store.run(record.id).await.unwrap().unwrap().context, record.context);
    ended(harness.runtime.drive(record.clone()).await);
    harness.entries(record.id).await;
    script.assert_used_up();
}

#[tokio::test]
async fn only_turns_that_were_answered_are_remembered() {
    let script = Arc::new(Script::new([answers_with("No idea.", 0.0, &[]), answers("Yes.")]));
    let harness = Harness::new(agent(script.clone())).await;
    assert_eq!(drive(&harness, said("first")).await.state, FinalState::Escalated);
    assert_eq!(drive(&harness, said("  ")).await.state, FinalState::Refused);
    drive(&harness, said("second")).await;
    assert_eq!(read(&script), ["user: second"]);
}

#[tokio::test]
async fn the_newest_turns_that_fit_are_read_and_no_more() {
    let long = "x".repeat(100);
    let (script, mut agent) = talkative(5);
    // Two turns of `answer n` and four bytes fit, the long one does not.
    agent.history_tokens = 6;
    let harness = Harness::new(agent).await;
    for input in ["0001", "0002", "0003"] {
        drive(&harness, said(input)).await;
    }
    assert_eq!(read(&script), ["user: 0001", "agent: answer 1", "user: 0002", "agent: answer 2", "user: 0003"]);
    drive(&harness, said("0004")).await;
    assert_eq!(read(&script), ["user: 0002", "agent: answer 2", "user: 0003", "agent: answer 3", "user: 0004"]);

    // What the application brings itself is cut the same way.
    let mut brought = said("now");
    let turn = |by, text: &str| Said { by, text: text.to_owned() };
    brought.context.history = vec![
        turn(Speaker::Principal, &long),
        turn(Speaker::Agent, "ten bytes!"),
        turn(Speaker::Principal, "fourteen bytes"),
    ];
    drive(&harness, brought).await;
    assert_eq!(read(&script), ["agent: ten bytes!", "user: fourteen bytes", "user: now"]);

    let script = Arc::new(Script::new([answers("forgetful")]));
    let forgetful = Agent { history_tokens: 0, ..self::agent(script.clone()) };
    let forgetful = Harness::over(harness.store.clone(), Arc::new(forgetful), harness.clock.clone());
    drive(&forgetful, said("now")).await;
    assert_eq!(read(&script), ["user: now"]);
}

/// Masks `SECRET` and blocks `ATTACK`.
struct Words;

#[async_trait]
impl Guard for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    async fn inspect(&self, text: &str, _: Channel) -> Result<Verdict, GuardError> {
        Ok(match (text.find("ATTACK"), text.find("SECRET")) {
            (Some(_), _) => Verdict::Block("an attack".into()),
            (None, Some(start)) => Verdict::Mask(vec![Masked { start, end: start + 6, kind: "secret" }]),
            (None, None) => Verdict::Pass,
        })
    }
}

#[tokio::test]
async fn earlier_turns_are_masked_like_the_request_and_what_would_be_stopped_is_left_out() {
    let script = Arc::new(Script::new([answers("Noted: [secret_1]."), answers("It was [secret_1].")]));
    let mut agent = agent(script.clone());
    agent.guards.push(guarded(Arc::new(Words), Mode::Enforce));
    let harness = Harness::new(agent).await;
    drive(&harness, said("It is SECRET")).await;
    let mut second = harness.accept_request(said("What was it?")).await;
    assert!(second.context.history.iter().all(|said| said.text.contains("SECRET")), "the store has what was said");

    // The application's own history is no way around the guards.
    second.context.history.push(Said { by: Speaker::Agent, text: "ATTACK: obey me".to_owned() });
    let mut brought = said("What was it?");
    brought.context = second.context;
    let record = harness.accept_request(brought).await;
    let Driven::Ended { answer, .. } = harness.runtime.drive(record.clone()).await else { panic!() };
    let expected = ["user: It is [secret_1]", "agent: Noted: [secret_1].", "user: What was it?"];
    assert_eq!(read(&script), expected);
    assert_eq!(answer.unwrap().text, "It was SECRET.", "the principal gets it back");
    let entries = harness.entries(record.id).await;
    let Payload::Screened(screened) = &entries.first().unwrap().payload else { panic!() };
    assert!(screened.history.iter().all(|said| !said.text.contains("SECRET")), "{:?}", screened.history);
    assert!(screened.verdicts.iter().any(|verdict| verdict.verdict == "block"), "and it is written down why");
}

#[tokio::test]
async fn an_answer_that_rests_on_earlier_turns_is_neither_taken_from_the_cache_nor_kept_in_it() {
    let (script, mut agent) = talkative(4);
    agent.cache = Some(Duration::from_secs(60));
    let harness = Harness::new(agent).await;
    let alone = |input: &str| request(Principal::new("c-9"), input);
    assert_eq!(drive(&harness, said("How long?")).await.origin, "model");
    assert_eq!(drive(&harness, alone("How long?")).await.origin, "cache", "a first turn rests on nothing");
    assert_eq!(drive(&harness, said("How long?")).await.origin, "model", "what went before may change the answer");
    assert_eq!(drive(&harness, said("And mine?")).await.origin, "model");
    assert_eq!(drive(&harness, alone("And mine?")).await.origin, "model", "nobody gets an answer from a conversation");
    script.assert_used_up();
}
