//! The shop's agent, its real tools and its real service: killed at every boundary of the journal, and resumed.
//!
//! What happened is asked of the shop, which keeps a ledger of its own and does not forgive a repeated request.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstay::{FinalState, RunId, assemble, config};
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::Payload;
use mainstay_core::principal::Principal;
use mainstay_core::runtime::{Driven, Request, Runtime, Unobserved};
use mainstay_core::store::{ApprovalFilter, Approvals as _, Claim, Journal, Ruling, Verdict};
use mainstay_shop::data;
use mainstay_shop::files;
use mainstay_shop::service::{DATABASE, Fault, Shop, ShopFaults, ShopOptions};
use mainstay_store::Store;
use mainstay_testkit::clock::ManualClock;
use mainstay_testkit::crash::{Death, Mortal};

struct Flow {
    name: &'static str,
    question: String,
    fault: Option<Fault>,
    writes: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shops_agent_killed_at_any_boundary_ends_and_the_shop_saw_each_write_once() {
    let original = tempfile::tempdir().unwrap();
    data::generate(7, &original.path().join(DATABASE)).await.unwrap();
    let flows = [
        Flow {
            name: "read only",
            question: format!("Where is my order {}?", data::known::SHIPPED),
            fault: None,
            writes: 0,
        },
        Flow {
            name: "approved write",
            question: format!("I want a refund for order {}", data::known::LARGE),
            fault: None,
            writes: 1,
        },
        Flow {
            name: "write whose answer is lost",
            question: format!("I want a refund for order {}", data::known::SMALL),
            fault: Some(Fault::DropAfterEffect),
            writes: 1,
        },
    ];
    let mut boundaries = 0;
    for flow in &flows {
        let (appends, state, effects) = live(original.path(), flow, Death::Never).await;
        assert_eq!((state, effects), (FinalState::Answered, flow.writes), "{} without a crash", flow.name);
        for n in 0..appends {
            for death in [Death::Before(n), Death::After(n)] {
                let (_, state, effects) = live(original.path(), flow, death).await;
                boundaries += 1;
                assert!(effects <= flow.writes, "{}: the shop saw {effects} effects, {death:?}", flow.name);
                // A person gets it only when nothing was sent, which the read-back proved.
                let fits = state == FinalState::Answered || (state == FinalState::Escalated && effects == 0);
                assert!(fits, "{}: {state:?} with {effects} effects, {death:?}", flow.name);
            }
        }
        println!("crash sweep `{}`: {} boundaries, the shop never saw a write twice", flow.name, 2 * appends);
    }
    println!("crash sweep: {boundaries} boundaries in all");
}

/// One request through as many lives as it takes; the first dies as told. Says how many appends that life made, how the
/// run ended, and how many effects the shop's own ledger has.
async fn live(original: &Path, flow: &Flow, death: Death) -> (u32, FinalState, usize) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(original.join(DATABASE), folder.path().join(DATABASE)).unwrap();
    let faults = ShopFaults { fault: flow.fault, times: None };
    let shop = Shop::start(folder.path(), ShopOptions { faults, ..ShopOptions::default() }).await.unwrap();
    files::write_agent(folder.path(), &shop.base_url, shop.token(), None).unwrap();
    let config = config::load(folder.path()).unwrap().config;
    let store = Store::connect(&format!("sqlite:{}", folder.path().join("mainstay.db").display())).await.unwrap();
    let clock = Arc::<ManualClock>::default();
    let process = async |journal: Arc<dyn Journal>| {
        let mut runtime = assemble(&config, &store, journal, Arc::new(Unobserved)).await.unwrap();
        runtime.clock = clock.clone();
        Arc::new(runtime)
    };

    let mortal = Mortal::new(Arc::new(store.clone()), death);
    let mut runtime = process(mortal.clone()).await;
    let principal = Principal::new(data::known::CUSTOMER);
    let request = Request::new("returns", principal, flow.question.as_str());
    let record = runtime.accept(request).await.unwrap();
    let run = record.id;
    let mut driven = runtime.drive(record).await;
    for _ in 0..8 {
        match driven {
            Driven::Ended { .. } => break,
            Driven::Parked(_) => {}
            Driven::Open => {
                clock.advance(Duration::from_secs(3_000));
                runtime = process(Arc::new(store.clone())).await;
            }
        }
        approve(&runtime).await;
        driven = resume(&runtime).await;
    }
    let state = end(&store, run, shop.effects().await.unwrap().len(), flow, death).await;
    let effects = shop.effects().await.unwrap().len();
    store.close().await;
    shop.stop().await;
    (mortal.appends(), state, effects)
}

/// A person says yes to whatever waits.
fn waiting_now() -> ApprovalFilter {
    ApprovalFilter { only_pending: true, limit: 10, ..ApprovalFilter::default() }
}

async fn approve(runtime: &Runtime) {
    for waiting in runtime.approvals.approvals(&waiting_now()).await.unwrap() {
        let ruling = Ruling {
            approval: waiting.asked.id,
            verdict: Verdict::Approve,
            arguments_hash: waiting.asked.arguments_hash,
            by: "reviewer".into(),
            reason: String::new(),
            now: runtime.clock.now(),
        };
        runtime.decide(ruling).await.unwrap().unwrap();
    }
}

async fn resume(runtime: &Arc<Runtime>) -> Driven {
    let now = runtime.clock.now();
    let claim = Claim { worker: runtime.worker.clone(), now, until: now.plus(runtime.lease_time), limit: 10 };
    let claimed = runtime.journal.claim(&claim).await.unwrap();
    match claimed.into_iter().next() {
        Some(record) => runtime.drive(record).await,
        None => Driven::Open,
    }
}

/// The end of the run: one reply, an unbroken chain, and an answer that says what the shop says.
async fn end(store: &Store, run: RunId, effects: usize, flow: &Flow, death: Death) -> FinalState {
    let record = store.run(run).await.unwrap().unwrap();
    let entries = store.entries(run, 0).await.unwrap();
    chain::verify(&record, &entries).unwrap();
    let Some(Payload::Replied(reply)) = entries.last().map(|entry| &entry.payload) else {
        unreachable!("{}: the run has no end, {death:?}", flow.name)
    };
    assert!(store.approvals(&waiting_now()).await.unwrap().is_empty());
    if flow.writes > 0 && reply.state == FinalState::Answered {
        let text = reply.answer.as_ref().unwrap().text.to_lowercase();
        let says_done = text.contains("refunded") && !text.contains("not");
        assert_eq!(says_done, effects == 1, "{}: `{text}` with {effects} effects, {death:?}", flow.name);
    }
    reply.state
}
