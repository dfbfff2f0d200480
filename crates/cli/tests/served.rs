//! The real binary serves the demo under load, and is killed or told to end: what it accepted is there afterwards.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use common::{Answer, Asking, Outcome, Serving, append, eventually, read_answer, shop};
use futures_util::StreamExt as _;
use futures_util::stream;
use mainstay::{Mainstay, RunFilter, RunState};
use mainstay_shop::requests::{DemoRequest, RequestKind, requests};
use mainstay_shop::service::{Fault, Shop, ShopFaults, ShopOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

const KILLS: usize = 4;
const PER_ROUND: usize = 90;
const AT_ONCE: usize = 40;
const DRAIN: Duration = Duration::from_secs(15);

/// A run that is asked for under a key and in a conversation of its own, so that it can be found whatever was answered.
struct Wish {
    name: String,
    asking: Asking<'static>,
}

impl Wish {
    async fn send(&self, to: std::net::SocketAddr) -> (&Self, Outcome) {
        (self, self.asking.send(to).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_what_it_accepted_and_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let shop = slow_shop(root, 5).await;
    let log = root.join("serve.log");
    let wishes = wishes(5, KILLS * PER_ROUND);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = |what, more: usize| *counts.entry(what).or_default() += more;

    for (round, wishes) in wishes.chunks(PER_ROUND).enumerate() {
        let mut serving = Serving::start(root, &log, &[], &[]).await;
        let address = serving.address;
        let mut load = stream::iter(wishes).map(|wish| wish.send(address)).buffer_unordered(AT_ONCE);
        let (mut accepted, mut lost) = (Vec::new(), Vec::new());
        while let Some((wish, outcome)) = load.next().await {
            match outcome {
                Outcome::Answered(answer) => accepted.push((wish, accepting(answer))),
                Outcome::Cut | Outcome::NotConnected => lost.push(wish),
            }
            if accepted.len() == 10 + round * 15 {
                serving.child.kill().unwrap();
                serving.child.wait().unwrap();
            }
        }
        drop(load);
        assert!(!lost.is_empty(), "the kill came too late");

        // What the dead process left on the disk, before anybody goes on with it.
        let left = by_conversation(root).await;
        count("open at a kill", left.values().flatten().filter(|(_, state)| *state == RunState::Open).count());
        for (wish, answer) in &accepted {
            assert_eq!(ids(&left, &wish.name), [answer.text("id")], "{} was accepted", wish.name);
        }

        // Everybody who heard nothing asks again at once, and so does everybody who heard something.
        let mut serving = Serving::start(root, &log, &[], &[]).await;
        let address = serving.address;
        let mut again: Vec<_> =
            stream::iter(&lost).map(|wish| wish.send(address)).buffer_unordered(AT_ONCE).collect().await;
        count("answers lost", again.len());
        for (wish, outcome) in again.drain(..) {
            let answer = accepting(outcome.answer());
            let before = ids(&left, &wish.name);
            count("of them with a run", before.len());
            if let Some(before) = before.first() {
                assert_eq!(*before, answer.text("id"), "the key of {} leads to its run", wish.name);
            }
            accepted.push((wish, answer));
        }
        nothing_is_open(address).await;
        let checks = stream::iter(&accepted).map(async |(wish, first)| {
            let second = accepting(wish.asking.send(address).await.answer());
            assert_eq!((second.text("id"), second.status), (first.text("id"), first.status), "{} again", wish.name);
            is_there(address, first).await;
        });
        checks.buffer_unordered(AT_ONCE).collect::<()>().await;
        count("accepted", accepted.len());
        serving.terminate();
        assert_eq!(serving.ended().await.code(), Some(0));

        let now = by_conversation(root).await;
        for wish in wishes {
            assert_eq!(ids(&now, &wish.name).len(), 1, "{} has one run", wish.name);
        }
    }
    assert!(counts["open at a kill"] > 0, "no kill met a run at work");
    assert!(counts["of them with a run"] > 0, "no kill came between a run and its answer");
    let states = nothing_twice(root, &shop).await;
    println!("{KILLS} kills: {counts:?}; afterwards {states:?}");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_end_refuses_what_is_new_and_ends_what_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let shop = slow_shop(root, 6).await;
    append(
        &root.join("mainstay.toml"),
        &format!("\n[server]\ndrain = \"{}s\"\nheader_timeout = \"60s\"\n", DRAIN.as_secs()),
    );
    let log = root.join("serve.log");
    let wishes = wishes(6, 200);
    let mut serving = Serving::start(root, &log, &[], &[]).await;
    let address = serving.address;
    assert_eq!(Asking::get("/readyz").send(address).await.answer().status, 200);
    // A probe that has begun to ask, so that its connection is not idle when the end comes.
    let mut probe = TcpStream::connect(address).await.unwrap();
    probe.write_all(b"GET /readyz HTTP/1.1\r\n").await.unwrap();

    let mut load = stream::iter(&wishes).map(|wish| wish.send(address)).buffer_unordered(AT_ONCE);
    let (mut told, mut is_asked) = (None, false);
    let (mut accepted, mut turned_away, mut cut) = (Vec::new(), BTreeMap::new(), Vec::new());
    while let Some((wish, outcome)) = load.next().await {
        match outcome {
            Outcome::Answered(answer) if answer.status == 503 => {
                assert!(told.is_some(), "turned away too early: {}", answer.body);
                assert_eq!(answer.json()["error"]["code"], "draining");
                turned_away.insert(wish.name.as_str(), "503");
            }
            Outcome::Answered(answer) => accepted.push((wish, accepting(answer))),
            Outcome::NotConnected => drop(turned_away.insert(wish.name.as_str(), "not connected")),
            Outcome::Cut => cut.push(wish),
        }
        if told.is_none() && accepted.len() == 40 {
            serving.terminate();
            told = Some(Instant::now());
        }
        // Only now is it sure that the server has heard of its end.
        if !turned_away.is_empty() && !is_asked {
            is_asked = true;
            probe.write_all(b"host: x\r\n\r\n").await.unwrap();
        }
    }
    drop(load);
    let status = serving.ended().await;
    let took = told.unwrap().elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(took < DRAIN, "{took:?}");
    assert!(!turned_away.is_empty(), "everything was answered before the end came");

    let mut bytes = Vec::new();
    probe.read_to_end(&mut bytes).await.unwrap();
    let probed = read_answer(&bytes).map(|answer| answer.status);
    assert_eq!(probed, Some(503), "not ready while draining");
    assert!(matches!(Asking::get("/readyz").send(address).await, Outcome::NotConnected));

    let left = by_conversation(root).await;
    for wish in wishes.iter().filter(|wish| turned_away.contains_key(wish.name.as_str())) {
        assert!(ids(&left, &wish.name).is_empty(), "{} was refused and has a run", wish.name);
    }
    let unheard = cut.iter().filter(|wish| !ids(&left, &wish.name).is_empty()).count();
    // Those were still before the door when it was closed.
    assert_eq!(unheard, 0, "requests that were at work are answered before the end");
    let open = left.values().flatten().filter(|(_, state)| *state == RunState::Open).count();

    let mut serving = Serving::start(root, &log, &[], &[]).await;
    nothing_is_open(serving.address).await;
    for (_, answer) in &accepted {
        is_there(serving.address, answer).await;
    }
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
    let states = nothing_twice(root, &shop).await;
    let mut how: BTreeMap<&str, usize> = BTreeMap::new();
    turned_away.values().for_each(|word| *how.entry(word).or_default() += 1);
    println!(
        "ended in {took:?}; {} accepted, turned away {how:?}, {} cut off unread, {open} left open; readyz {probed:?}; \
         afterwards {states:?}",
        accepted.len(),
        cut.len()
    );
    shop.stop().await;
}

/// Slow enough that an end meets calls on their way.
async fn slow_shop(root: &Path, seed: u64) -> Shop {
    let faults = ShopFaults { fault: Some(Fault::Delay(Duration::from_millis(150))), times: None };
    shop(root, seed, ShopOptions { faults, ..ShopOptions::default() }, None).await
}

/// Questions, changes that are done and changes that wait for a person; every other one waits for its answer.
fn wishes(seed: u64, count: usize) -> Vec<Wish> {
    let kinds = [RequestKind::Routine, RequestKind::Knowledge, RequestKind::Refund, RequestKind::AddressChange];
    let all = requests(seed, count * 3).into_iter().filter(|request| kinds.contains(&request.kind)).take(count);
    let wish = |(number, DemoRequest { principal, text, .. }): (usize, DemoRequest)| {
        let (name, wait) = (format!("wish-{number}"), if number % 2 == 0 { 5 } else { 0 });
        let body = json!({"input": text, "principal": principal, "conversation": name, "wait": wait});
        let asking = Asking::post("/v1/agents/returns/runs", body).header("idempotency-key", &name);
        Wish { name, asking }
    };
    let wishes: Vec<Wish> = all.enumerate().map(wish).collect();
    assert_eq!(wishes.len(), count);
    wishes
}

/// The answer, which must say that there is a run.
fn accepting(answer: Answer) -> Answer {
    assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.body);
    answer
}

async fn nothing_is_open(address: std::net::SocketAddr) {
    eventually("no run is open any more", async || {
        let open = Asking::get("/v1/runs?state=open&limit=1").send(address).await.answer();
        assert_eq!(open.status, 200, "{}", open.body);
        (open.json()["runs"] == json!([])).then_some(())
    })
    .await;
}

/// The run of an accepted request has ended or waits for a person, and what was said of it holds.
async fn is_there(address: std::net::SocketAddr, accepted: &Answer) {
    let id = accepted.text("id");
    let now = Asking::get(format!("/v1/runs/{id}")).send(address).await.answer();
    assert_eq!(now.status, 200, "{}", now.body);
    let (now, then) = (now.json(), accepted.json());
    assert!(!matches!(now["state"].as_str(), Some("open" | "failed")), "run {id}: {now}");
    assert_eq!(now["state"] == "parked", now["reply"] == Value::Null, "run {id}: {now}");
    for key in ["input", "principal", "conversation"] {
        assert_eq!(now[key], then[key]);
    }
    if accepted.status == 200 {
        assert_eq!((&now["reply"], &now["state"]), (&then["reply"], &then["state"]), "run {id}");
    }
}

type Runs = BTreeMap<String, Vec<(String, RunState)>>;

/// All runs of an installation that nobody serves.
async fn by_conversation(root: &Path) -> Runs {
    let mainstay = Mainstay::open(root).await.unwrap();
    let runs = mainstay.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap();
    mainstay.close(Duration::from_secs(5)).await;
    let mut found = Runs::new();
    for run in runs {
        found.entry(run.context.conversation).or_default().push((run.id.to_string(), run.state));
    }
    found
}

fn ids(runs: &Runs, conversation: &str) -> Vec<String> {
    runs.get(conversation).into_iter().flatten().map(|(id, _)| id.clone()).collect()
}

/// The shop did nothing twice, the ledger agrees with it, and every chain holds. Says how many runs are in which state.
async fn nothing_twice(root: &Path, shop: &Shop) -> BTreeMap<&'static str, usize> {
    let mainstay = Mainstay::open(root).await.unwrap();
    assert_eq!(mainstay.verify(None).await.unwrap().broken, []);
    let done = shop.effects().await.unwrap();
    let keys: BTreeSet<&str> = done.iter().map(|effect| effect.key.as_str()).collect();
    assert!(!keys.is_empty(), "nothing was done");
    assert_eq!(keys.len(), done.len(), "a write was sent twice");
    let ledger = mainstay.effects(None, 10_000).await.unwrap();
    for key in &keys {
        assert!(ledger.iter().any(|row| row.idempotency_key == *key), "the ledger does not know {key}");
    }
    for row in ledger.iter().filter(|row| row.state.as_str() == "confirmed") {
        assert!(keys.contains(row.idempotency_key.as_str()), "confirmed, but the shop never did {row:?}");
    }
    let mut states = BTreeMap::from([("effects in the shop", done.len())]);
    for run in mainstay.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap() {
        *states.entry(run.state.as_str()).or_default() += 1;
    }
    mainstay.close(Duration::from_secs(5)).await;
    states
}
