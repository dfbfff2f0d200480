//! What Mainstay adds to a model call, in one run: time per run, runs per second, start-up, memory.
//!
//! `cargo bench -p mainstay`. Machines are noisy: read the ratios, which compare things measured side by side.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench prints and fails loudly"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mainstay::config::scaffold;
use mainstay::{FinalState, Mainstay, Principal};
use mainstay_core::agent::Agent;
use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest, Finish, Provider, ProviderError};
use mainstay_core::runtime::Driven;
use mainstay_core::store::{Append, Journal as _, Lease};
use mainstay_core::tool::Effect;
use mainstay_store::{ConnectOptions, Store};
use mainstay_testkit::harness::{Harness, Scripted, agent, done, tool};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

const RUNS_ALONE: usize = 1_500;
const RUNS_TOGETHER: usize = 4_000;
const AT_ONCE: usize = 64;
const RUNS_OF_SOAK: usize = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.iter().position(|argument| argument == "--child") {
        Some(at) => runtime.block_on(child(&arguments[at + 1], Path::new(&arguments[at + 2]))),
        None => runtime.block_on(all()),
    }
}

async fn all() {
    alone().await;
    together().await;
    processes();
}

/// Answers at once: first with a tool call, then with an answer.
struct Instantly;

#[async_trait]
impl Provider for Instantly {
    fn name(&self) -> &str {
        "instantly"
    }

    async fn chat(&self, request: &ChatRequest, _: Instant) -> Result<ChatReply, ProviderError> {
        let was_called = request.messages.iter().any(|message| matches!(message, Message::Tool { .. }));
        let call = ToolCall { id: "1".into(), name: "get_order".into(), arguments: json!({"order_id": "7"}) };
        let answer =
            json!({"answer": "It is shipped.", "confidence": 0.9, "sources": [], "requires_human_review": false});
        Ok(ChatReply {
            text: if was_called { answer.to_string() } else { String::new() },
            calls: if was_called { Vec::new() } else { vec![call] },
            usage: Usage { input_tokens: 100, output_tokens: 20, ..Usage::default() },
            finish: if was_called { Finish::Stop } else { Finish::ToolCalls },
            model: "instantly-1".into(),
            response_id: None,
        })
    }
}

fn order_agent() -> Agent {
    let mut agent = agent(Arc::new(Instantly));
    let order = Scripted::new(|args| done(json!({"id": args["order_id"], "status": "shipped"})));
    agent
        .tools
        .insert("get_order".into(), tool("get_order", Effect::Read, json!({"order_id": {"type": "string"}}), order));
    agent
}

async fn harness(folder: &Path, options: &ConnectOptions) -> Harness {
    let url = format!("sqlite:{}", folder.join("bench.db").display());
    let store = Store::connect_with(&url, options).await.unwrap();
    Harness::over(store, Arc::new(order_agent()), Arc::default())
}

/// One run after the other.
async fn alone() {
    let folder = tempfile::tempdir().unwrap();
    let harness = harness(folder.path(), &ConnectOptions::default()).await;
    let mut took = Vec::with_capacity(RUNS_ALONE);
    let mut appends = 0;
    for n in 0..RUNS_ALONE + 100 {
        let started = Instant::now();
        let driven = harness.ask("Where is order 7?").await;
        if n >= 100 {
            took.push(started.elapsed());
        }
        let Driven::Ended { reply, .. } = driven else { panic!("{driven:?}") };
        assert_eq!(reply.state, FinalState::Answered);
        // The run itself, two model calls and the reply; the rest travels with them.
        appends = 4;
    }
    let sync = sync_time(folder.path());
    let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
    println!("one run after the other (two model calls, one tool call, journal on disk, provider answers in 0 ms):");
    println!("  time that the pipeline adds   p50 {:>9}   p99 {:>9}", show(p50), show(p99));
    println!(
        "  of that, the disk's own sync  p50 {:>9}   ({appends} syncs of {} each)",
        show(sync * appends),
        show(sync)
    );
    println!("  beyond the disk's sync        p50 {:>9}", show(p50.saturating_sub(sync * appends)));
}

/// What the disk takes to make a page of a growing file durable.
fn sync_time(folder: &Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let mut took: Vec<Duration> = (0..300)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_data().unwrap();
            started.elapsed()
        })
        .collect();
    percentile(&mut took, 50)
}

/// Many runs at once, against the same entries written one transaction each, without any pipeline around them.
async fn together() {
    let before = rate().await;
    let single = one_transaction_each().await;
    let runs = f64::midpoint(before, rate().await);
    println!("{AT_ONCE} runs at once:");
    println!("  whole runs, group commit      {runs:>9.0} runs per second");
    println!("  their entries, one by one     {single:>9.0} runs per second (a transaction each, nothing else)");
    println!("  ratio                         {:>9.1}", runs / single);
}

async fn rate() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let harness = Arc::new(harness(folder.path(), &ConnectOptions::default()).await);
    let started = Instant::now();
    many(&harness, RUNS_TOGETHER).await;
    RUNS_TOGETHER as f64 / started.elapsed().as_secs_f64()
}

/// Writes what the journal holds of one run, for many runs, each entry in a transaction of its own.
async fn one_transaction_each() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let harness = Arc::new(harness(folder.path(), &ConnectOptions { max_batch: 1, ..ConnectOptions::default() }).await);
    let record = harness.accept("c-1", "Where is order 7?").await;
    let run = record.id;
    harness.runtime.drive(record).await;
    let entries = Arc::new(harness.entries(run).await);
    let runs = RUNS_TOGETHER / 8;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (harness, entries) = (Arc::clone(&harness), Arc::clone(&entries));
        tasks.spawn(async move {
            for _ in 0..runs / AT_ONCE {
                let run = harness.accept("c-1", "Where is order 7?").await.id;
                for entry in &*entries {
                    let lease = Lease { run, worker: harness.runtime.worker.clone(), epoch: 1 };
                    let append = Append { lease, entries: vec![entry.clone()], changes: Vec::new() };
                    harness.store.append(&append).await.unwrap();
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    (runs / AT_ONCE * AT_ONCE) as f64 / started.elapsed().as_secs_f64()
}

async fn many(harness: &Arc<Harness>, runs: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let harness = Arc::clone(harness);
        tasks.spawn(async move {
            for _ in 0..runs / AT_ONCE {
                let driven = harness.ask("Where is order 7?").await;
                assert!(matches!(driven, Driven::Ended { .. }), "{driven:?}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// A process of its own, to be measured from outside.
fn processes() {
    let folder = tempfile::tempdir().unwrap();
    scaffold::scaffold(folder.path(), "helper").unwrap();
    let mut ready: Vec<Duration> = (0..7).map(|_| measured("ready", folder.path()).0).collect();
    let (_, lines) = measured("ready", folder.path());
    println!("a process with one agent and its knowledge base:");
    println!("  start to ready                p50 {:>9}", show(percentile(&mut ready, 50)));
    println!("  memory when idle              {:>9}", lines[1]);
    let (_, lines) = measured("soak", folder.path());
    println!("  memory after 2,000 runs       {:>9}", lines[1]);
    println!("  memory after {RUNS_OF_SOAK} more      {:>9}", lines[2]);
}

/// Starts this program as a child; says when it was ready and what it printed.
fn measured(what: &str, root: &Path) -> (Duration, Vec<String>) {
    let started = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--child", what])
        .arg(root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let ready = started.elapsed();
    let lines = std::iter::once(first).chain(lines.map(Result::unwrap)).collect();
    assert!(child.wait().unwrap().success());
    (ready, lines)
}

async fn child(what: &str, root: &Path) {
    let mainstay = Mainstay::open(root).await.unwrap();
    println!("ready");
    if what == "ready" {
        println!("{}", memory());
        return;
    }
    let mainstay = Arc::new(mainstay);
    soak(&mainstay, 2_000).await;
    println!("{}", memory());
    soak(&mainstay, RUNS_OF_SOAK).await;
    println!("{}", memory());
}

async fn soak(mainstay: &Arc<Mainstay>, runs: usize) {
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let mainstay = Arc::clone(mainstay);
        tasks.spawn(async move {
            for n in 0..runs / 16 {
                let customer = Principal::new(format!("c-{task}-{n}"));
                mainstay.ask("helper", &customer, "What are your opening hours?").await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Resident memory of this process.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
    kilobytes
        .and_then(|number| number.parse::<f64>().ok())
        .map_or_else(|| "unknown".into(), |kb| format!("{:.1} MB", kb / 1024.0))
}

fn percentile(took: &mut [Duration], percent: usize) -> Duration {
    took.sort_unstable();
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

fn show(took: Duration) -> String {
    format!("{:.3} ms", took.as_secs_f64() * 1e3)
}
