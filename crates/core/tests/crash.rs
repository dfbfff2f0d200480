//! Kills the process at every boundary of the journal and resumes: each run ends, and no write is made twice.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail loudly and say what they swept"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mainstay_core::agent::Agent;
use mainstay_core::journal::entry::FinalState;
use mainstay_core::runtime::Driven;
use mainstay_core::store::EffectState;
use mainstay_core::tool::{Effect, Probe};
use mainstay_store::Store;
use mainstay_testkit::clock::ManualClock;
use mainstay_testkit::crash::{Death, Mortal};
use mainstay_testkit::harness::{Harness, Scripted, agent, condition, done, tool};
use mainstay_testkit::postgres::Schema;
use mainstay_testkit::script::{Line, Script, answers, calls};
use serde_json::json;

/// What the far side did, counted by the far side.
struct World {
    refunds: Arc<AtomicU32>,
}

/// An agent whose model says the same lines in every life: one request costs the same calls, however often it resumes.
fn flow(write: bool, probed: bool, world: &World) -> Agent {
    let lines = |write: bool| -> Vec<Line> {
        let look = calls("get_order", json!({}));
        if write { vec![look, calls("refund", json!({"amount": 80}))] } else { vec![look] }
    };
    // Each crash may lose a reply that was not journaled yet, so the script must be able to say a line again: it is
    // chosen by how far the conversation got, and the last one by what the tool said.
    let script = Arc::new(Replaying(move |at: usize, last: &str| match lines(write).into_iter().nth(at) {
        Some(line) => line,
        None if last.contains("error") => answers(NOT_DONE),
        None => answers(DONE),
    }));
    let mut agent = agent(script);
    let seen = world.refunds.clone();
    let order = Scripted::new(move |_| done(json!({"refunded": seen.load(Ordering::SeqCst) * 80})));
    agent.tools.insert("get_order".into(), tool("get_order", Effect::Read, json!({}), order));
    if write {
        let done_there = world.refunds.clone();
        let refund = Scripted::new(move |_| {
            done_there.fetch_add(1, Ordering::SeqCst);
            done(json!({"ok": true}))
        });
        let mut refund = tool("refund", Effect::Write, json!({"amount": {"type": "number"}}), refund);
        if probed {
            refund.probe =
                Some(Probe { tool: "get_order".into(), happened: condition("result.refunded >= args.amount") });
        }
        agent.tools.insert("refund".into(), refund);
    }
    agent
}

const DONE: &str = "It is done.";
const NOT_DONE: &str = "It could not be done.";

struct Replaying<F>(F);

#[async_trait::async_trait]
impl<F: Fn(usize, &str) -> Line + Send + Sync> mainstay_core::provider::Provider for Replaying<F> {
    fn name(&self) -> &str {
        "replaying"
    }

    async fn chat(
        &self,
        request: &mainstay_core::provider::ChatRequest,
        deadline: tokio::time::Instant,
    ) -> Result<mainstay_core::provider::ChatReply, mainstay_core::provider::ProviderError> {
        let said = |message: &&_| matches!(message, mainstay_core::message::Message::Assistant { .. });
        let at = request.messages.iter().filter(said).count();
        let last = match request.messages.last() {
            Some(mainstay_core::message::Message::Tool { content, .. }) => content.as_str(),
            _ => "",
        };
        Script::new([self.0(at, last)]).chat(request, deadline).await
    }
}

/// Where the runs of a sweep are stored, and the time there.
type Place = (Store, Arc<ManualClock>);

/// Runs one request through as many lives as it needs; the first one dies as told. Returns the appends of that life, the
/// final state and what the ledger says.
async fn live(
    (store, clock): Place,
    write: bool,
    probed: bool,
    death: Death,
) -> (u32, FinalState, Vec<EffectState>, u32) {
    let world = World { refunds: Arc::default() };
    let agent = Arc::new(flow(write, probed, &world));
    let mortal = Mortal::new(Arc::new(store.clone()), death);
    let first = Harness::with_journal(store.clone(), mortal.clone(), agent.clone(), Arc::clone(&clock));
    let record = first.accept("c-1", "refund 80").await;
    let run = record.id;
    let mut driven = vec![first.runtime.drive(record).await];
    let mut process = first;
    for _ in 0..6 {
        match driven.pop() {
            Some(Driven::Ended { .. }) => break,
            Some(Driven::Parked(_)) => process.decide(true).await,
            Some(Driven::Open) | None => {
                // The next process, once the leases have run out.
                clock.advance(Duration::from_secs(600));
                process = Harness::over(store.clone(), agent.clone(), Arc::clone(&clock));
            }
        }
        if store.approvals_wait().await {
            process.decide(true).await;
        }
        driven = process.resume().await;
    }
    let entries = process.entries(run).await;
    let ends: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.payload {
            mainstay_core::journal::entry::Payload::Replied(reply) => Some(reply.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(ends.len(), 1, "one reply, death {death:?}");
    let effects = process.runtime.ledger.effects(Some(run), 10).await.unwrap();
    let states: Vec<_> = effects.iter().map(|effect| effect.state).collect();
    let refunds = world.refunds.load(Ordering::SeqCst);
    if ends[0].state == FinalState::Answered && write {
        let text = &ends[0].answer.as_ref().unwrap().text;
        let (expected, state) =
            if refunds == 1 { (DONE, EffectState::Confirmed) } else { (NOT_DONE, EffectState::Failed) };
        assert_eq!(
            (text.as_str(), states.as_slice()),
            (expected, [state].as_slice()),
            "the answer says what is true, {death:?}"
        );
    }
    (mortal.appends(), ends[0].state, states, refunds)
}

trait Waits {
    async fn approvals_wait(&self) -> bool;
}

impl Waits for Store {
    async fn approvals_wait(&self) -> bool {
        use mainstay_core::store::Approvals as _;
        self.waiting().await.unwrap().0 > 0
    }
}

async fn sweep(name: &str, write: bool, probed: bool, fresh: impl AsyncFn() -> Place) {
    let (appends, state, _, refunds) = live(fresh().await, write, probed, Death::Never).await;
    assert_eq!((state, refunds), (FinalState::Answered, u32::from(write)), "{name} without a crash");
    let mut boundaries = 0;
    for n in 0..appends {
        for death in [Death::Before(n), Death::After(n)] {
            let (_, state, effects, refunds) = live(fresh().await, write, probed, death).await;
            boundaries += 1;
            assert!(refunds <= 1, "{name}: {refunds} refunds, death {death:?}");
            match state {
                FinalState::Answered => {}
                FinalState::Escalated => assert_eq!(effects, [EffectState::Unknown], "{name}: {death:?}"),
                other => panic!("{name}: {other:?}, death {death:?}"),
            }
        }
    }
    println!("crash sweep `{name}`: {boundaries} boundaries, none lost, none twice");
}

async fn all_flows(engine: &str, fresh: impl AsyncFn() -> Place) {
    sweep(&format!("{engine}: read only"), false, false, &fresh).await;
    sweep(&format!("{engine}: approved write, read back"), true, true, &fresh).await;
    sweep(&format!("{engine}: approved write, unknown goes to a person"), true, false, &fresh).await;
}

#[tokio::test]
async fn a_run_killed_at_any_boundary_ends_and_writes_at_most_once_on_sqlite() {
    all_flows("sqlite", async || (Store::connect("sqlite::memory:").await.unwrap(), Arc::default())).await;
}

#[tokio::test]
async fn a_run_killed_at_any_boundary_ends_and_writes_at_most_once_on_postgresql() {
    let Some(schema) = Schema::fresh().await else { return };
    let store = Store::connect(&schema.url).await.unwrap();
    // One store for all runs, so one clock, which gives each an id of its own.
    let clock = Arc::<ManualClock>::default();
    all_flows("postgresql", async || (store.clone(), Arc::clone(&clock))).await;
    store.close().await;
    schema.remove().await;
}
