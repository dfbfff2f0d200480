//! `kill -9` of the real binary with two hundred runs in flight, ten times over: nothing is lost, nothing is done twice.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mainstay::{Mainstay, RunFilter, RunState};
use mainstay_shop::data;
use mainstay_shop::files;
use mainstay_shop::requests::{RequestKind, requests};
use mainstay_shop::service::{DATABASE, Fault, Shop, ShopFaults, ShopOptions};

const KILLS: u64 = 10;
const RUNS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_run_and_repeats_no_write() {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    let mut killed_in_flight = 0;
    let mut effects = 0;
    for seed in 0..KILLS {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path(), seed).await;
        let file = folder.path().join("requests.jsonl");
        std::fs::write(&file, lines(seed)).unwrap();

        let mut child = start(folder.path(), &file);
        let open = wait_for_open_runs(folder.path(), 40 + usize::try_from(seed).unwrap() * 15).await;
        child.kill().unwrap();
        child.wait().unwrap();
        killed_in_flight += open;

        finish(folder.path());
        let mainstay = Mainstay::open(folder.path()).await.unwrap();
        let runs = mainstay.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap();
        for run in &runs {
            assert_ne!(run.state, RunState::Open, "run {} was lost", run.id);
            *states.entry(run.state.as_str()).or_default() += 1;
        }
        assert_eq!(mainstay.verify(None).await.unwrap().broken, []);

        let done = shop.effects().await.unwrap();
        effects += done.len();
        let mut keys: Vec<&str> = done.iter().map(|effect| effect.key.as_str()).collect();
        let sent = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), sent, "a write was sent twice");
        // Whatever the shop did is in the ledger, and nothing that the ledger confirms is missing in the shop.
        let ledger = mainstay.effects(None, 10_000).await.unwrap();
        for key in &keys {
            assert!(ledger.iter().any(|row| row.idempotency_key == *key), "the ledger does not know {key}");
        }
        for row in ledger.iter().filter(|row| row.state.as_str() == "confirmed") {
            assert!(keys.contains(&row.idempotency_key.as_str()), "confirmed, but the shop never did {row:?}");
        }
        mainstay.close(Duration::from_secs(5)).await;
        shop.stop().await;
    }
    assert!(killed_in_flight > 0, "no kill met a run at work");
    assert_eq!(states.get("failed"), None);
    println!(
        "{KILLS} kills with {killed_in_flight} runs at work; afterwards {states:?}; {effects} effects, none twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_starts_nothing_more_and_lets_what_is_at_work_end() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path(), 77).await;
    let file = folder.path().join("requests.jsonl");
    std::fs::write(&file, lines(77).repeat(20)).unwrap();
    let mut child = start(folder.path(), &file);
    wait_for_open_runs(folder.path(), 40).await;
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let mainstay = Mainstay::open(folder.path()).await.unwrap();
    let runs = mainstay.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap();
    assert!(runs.iter().all(|run| run.state != RunState::Open), "whatever was at work came to its end");
    assert!(runs.len() < RUNS * 20, "the rest of the file was not begun");
    mainstay.close(Duration::from_secs(5)).await;
    shop.stop().await;
}

async fn shop(folder: &Path, seed: u64) -> Shop {
    data::generate(seed, &folder.join(DATABASE)).await.unwrap();
    // Slow enough that kills meet calls on their way.
    let faults = ShopFaults { fault: Some(Fault::Delay(Duration::from_millis(150))), times: None };
    let shop = Shop::start(folder, ShopOptions { faults, ..ShopOptions::default() }).await.unwrap();
    files::write_agent(folder, &shop.base_url, shop.token(), None).unwrap();
    // A dead process's runs are free after this time, and a lost call is believed lost after twice its own.
    insert(&folder.join("mainstay.toml"), "[store]\n", "lease = \"1s\"\n");
    let agent = folder.join("agents/returns/agent.toml");
    insert(&agent, "[tools.refund]\n", "timeout = \"2s\"\n");
    insert(&agent, "[tools.change_address]\n", "timeout = \"2s\"\n");
    shop
}

fn insert(file: &Path, after: &str, what: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(after));
    std::fs::write(file, text.replace(after, &format!("{after}{what}"))).unwrap();
}

fn lines(seed: u64) -> String {
    let all = requests(seed, 4_000).into_iter();
    let wanted =
        all.filter(|request| matches!(request.kind, RequestKind::Refund | RequestKind::AddressChange)).take(RUNS);
    let line = |request: mainstay_shop::requests::DemoRequest| {
        serde_json::json!({"input": request.text, "principal": request.principal}).to_string() + "\n"
    };
    wanted.map(line).collect()
}

fn start(root: &Path, file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mainstay"))
        .args(["-C".as_ref(), root.as_os_str()])
        .args(["run", "returns", "--jsonl", "--at-once", "200", "--file"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until at least `accepted` runs exist; says how many of them are open.
async fn wait_for_open_runs(root: &Path, accepted: usize) -> usize {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..4_000 {
        tick.tick().await;
        if !root.join("mainstay.db").exists() {
            continue;
        }
        let Ok(mainstay) = Mainstay::open(root).await else { continue };
        let runs = mainstay.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap();
        let open = runs.iter().filter(|run| run.state == RunState::Open).count();
        mainstay.close(Duration::from_secs(5)).await;
        if runs.len() >= accepted.min(RUNS) {
            return open;
        }
    }
    unreachable!("the process accepted fewer than {accepted} runs")
}

/// Starts workers until no run is open; each ends when nothing is due.
fn finish(root: &Path) {
    for _ in 0..60 {
        let run = |arguments: &[&str]| {
            Command::new(env!("CARGO_BIN_EXE_mainstay")).arg("-C").arg(root).args(arguments).output().unwrap()
        };
        assert!(run(&["worker", "--until-idle"]).status.success());
        if run(&["runs", "list", "--state", "open"]).stdout.is_empty() {
            return;
        }
    }
}
