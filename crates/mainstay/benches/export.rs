//! What exporting traces costs the runs: runs per second without exporters, with every dialect on, and with destinations
//! that hang or refuse; then what a flood of offers does to memory while nobody takes anything.
//!
//! `cargo bench -p mainstay --bench export [-- --rounds 8 --seconds 4]`; `--rounds 0` is the flood alone. The turns are
//! in one process, each over a fresh store. `a'` is `a` once more: what it shows is noise, and nothing finer is shown.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench prints and fails loudly"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mainstay::clock::SystemClock;
use mainstay::config::scaffold;
use mainstay::{Mainstay, Principal, RunFilter, RunId};
use mainstay_core::error::StoreError;
use mainstay_core::journal::entry::Entry;
use mainstay_core::store::RunRecord;
use mainstay_telemetry::{
    Dialect, DropReason, ExporterSettings, Exporters, Redactor, TelemetrySettings, TraceOfRun, TraceSource,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const AT_ONCE: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
/// How long the exporters may take, after the load, to send the rest.
const DRAIN: Duration = Duration::from_secs(60);
const QUESTION: &str = "What are your opening hours?";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(default, |at| arguments[at + 1].parse().unwrap())
    };
    if arguments.iter().any(|argument| argument == "--sink") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(sink());
    }
    let (rounds, seconds) = (number("--rounds", 8), number("--seconds", 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // First, while the heap is small: memory that earlier work gave back would hide what this takes.
        flood(example().await).await;
        if rounds > 0 {
            turns(rounds, Duration::from_secs(seconds)).await;
        }
    });
}

#[derive(Clone, Copy, PartialEq)]
enum Arm {
    None,
    All,
    Deaf,
    Again,
}

impl Arm {
    const ALL: [Self; 4] = [Self::None, Self::All, Self::Deaf, Self::Again];
    /// Each comes right behind each other one equally often: what a turn leaves to the next, such as a busy disk, hits all.
    const ORDERS: [[usize; 4]; 4] = [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];

    const fn name(self) -> &'static str {
        match self {
            Self::None => "a  no exporter",
            Self::All => "b  every dialect, six destinations",
            Self::Deaf => "c  six that hang or refuse",
            Self::Again => "a' no exporter, once more",
        }
    }
}

/// What one round showed.
struct Round {
    rate: f64,
    runs: u64,
    /// CPU time of threads at normal priority, in milliseconds per run.
    cost: f64,
    /// CPU time of the exporters' threads during the load, as a part of the time.
    share: f64,
    exported_in_time: u64,
    drained: Option<Duration>,
    after: Counts,
}

/// What `/metrics` says of exporting.
#[derive(Default)]
struct Counts {
    /// Of the destination that got least.
    spans: u64,
    queue: u64,
    spooled: u64,
    dropped: BTreeMap<String, u64>,
}

/// One run and its journal.
async fn example() -> (RunRecord, Vec<Entry>) {
    let folder = tempfile::tempdir().unwrap();
    scaffold::scaffold(folder.path(), "helper").unwrap();
    let mainstay = Mainstay::open(folder.path()).await.unwrap();
    let reply = mainstay.ask("helper", &Principal::new("c-1"), QUESTION).await.unwrap();
    assert!(reply.answer.is_some(), "{reply:?}");
    let record = mainstay.runs(&RunFilter { limit: 1, ..RunFilter::default() }).await.unwrap().remove(0);
    let entries = mainstay.entries(record.id, 0).await.unwrap();
    mainstay.close(Duration::from_secs(5)).await;
    (record, entries)
}

async fn turns(rounds: u64, seconds: Duration) {
    let sink = Sink::start();
    let deaf = Deaf::start();
    let mut rates: [Vec<f64>; 4] = Default::default();
    let mut costs: [Vec<f64>; 4] = Default::default();
    println!("{AT_ONCE} runs at once, {} s each turn, {rounds} turns of each:", seconds.as_secs());
    for round in 0..rounds {
        for at in Arm::ORDERS[usize::try_from(round).unwrap() % 4] {
            let arm = Arm::ALL[at];
            let seen = one(arm, &sink, &deaf, seconds).await;
            rates[at].push(seen.rate);
            costs[at].push(seen.cost);
            println!(
                "  {:<36} {:>7.0} runs/s, {:.3} ms CPU per run{}",
                arm.name(),
                seen.rate,
                seen.cost,
                details(arm, &seen)
            );
        }
    }
    let paired = |of: usize| -> Vec<f64> { rates[of].iter().zip(&rates[0]).map(|(this, none)| this / none).collect() };
    let none = median(rates[0].clone());
    for arm in Arm::ALL {
        let at = arm as usize;
        let rate = median(rates[at].clone());
        let pairs = paired(at);
        let (least, most) = pairs.iter().fold((f64::MAX, 0.0_f64), |(least, most), of| (least.min(*of), most.max(*of)));
        let pairs = format!("round by round {:.3}, from {least:.2} to {most:.2}", median(pairs.clone()));
        let ratio = format!("median {rate:>7.0} runs/s, {:.3} of a ({pairs})", rate / none);
        let cost = median(costs[at].clone());
        println!("{:<38} {ratio}; {cost:.3} ms CPU per run beside the exporters' own threads", arm.name());
    }
}

fn details(arm: Arm, seen: &Round) -> String {
    let Round { runs, share, exported_in_time, drained, after, .. } = seen;
    let dropped: Vec<String> = after.dropped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let dropped = if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") };
    let cpu = share * 100.0;
    match arm {
        Arm::None | Arm::Again => String::new(),
        Arm::All => {
            let drained =
                drained.map_or_else(|| "not all sent".into(), |took| format!("all after {:.1} s", took.as_secs_f64()));
            format!(
                "; of {runs} sent {exported_in_time} under load ({cpu:.1} % of a core), {drained}; dropped: {dropped}"
            )
        }
        Arm::Deaf => {
            format!(
                "; {cpu:.1} % of a core; queue {}, spool {} KB, dropped: {dropped}",
                after.queue,
                after.spooled / 1024
            )
        }
    }
}

/// One installation from its first to its last run.
async fn one(arm: Arm, sink: &Sink, deaf: &Deaf, seconds: Duration) -> Round {
    let folder = tempfile::tempdir().unwrap();
    scaffold::scaffold(folder.path(), "helper").unwrap();
    match arm {
        Arm::None | Arm::Again => {}
        Arm::All => exporters(folder.path(), "10s", |_| (sink.http, sink.grpc)),
        Arm::Deaf => exporters(folder.path(), "1s", |number| {
            let address = if number % 2 == 0 { deaf.hangs } else { deaf.refuses };
            (address, address)
        }),
    }
    // What earlier turns wrote is not to be written in this one.
    drop(Command::new("sync").status());
    let mainstay = Arc::new(Mainstay::open(folder.path()).await.unwrap());
    let mut runs = load(&mainstay, WARM_UP).await;
    let (runs_cpu, exporters_cpu) = cpu();
    let started = Instant::now();
    let measured = load(&mainstay, seconds).await;
    let took = started.elapsed().as_secs_f64();
    let (cost, share) = (cpu().0 - runs_cpu, (cpu().1 - exporters_cpu) / took);
    let cost = cost * 1e3 / measured as f64;
    runs += measured;
    let record = mainstay.runs(&RunFilter { limit: 1, ..RunFilter::default() }).await.unwrap().remove(0);
    let spans = mainstay.trace(record.id).await.unwrap().len() as u64;
    let exported_in_time = counts(&mainstay).await.spans / spans;
    let drained = if arm == Arm::All { drain(&mainstay, runs * spans).await } else { None };
    let after = counts(&mainstay).await;
    let closed = mainstay.close(Duration::from_secs(5)).await;
    assert!(closed, "runs did not end");
    let rate = measured as f64 / took;
    Round { rate, runs, cost, share, exported_in_time, drained, after }
}

async fn load(mainstay: &Arc<Mainstay>, time: Duration) -> u64 {
    let until = Instant::now() + time;
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..AT_ONCE {
        let (mainstay, done) = (Arc::clone(mainstay), Arc::clone(&done));
        tasks.spawn(async move {
            let customer = Principal::new(format!("c-{task}"));
            while Instant::now() < until {
                let reply = mainstay.ask("helper", &customer, QUESTION).await.unwrap();
                assert!(reply.answer.is_some(), "{reply:?}");
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    done.load(Ordering::Relaxed)
}

/// Waits until every destination has got so many spans.
async fn drain(mainstay: &Mainstay, spans: u64) -> Option<Duration> {
    let started = Instant::now();
    while started.elapsed() < DRAIN {
        if counts(mainstay).await.spans >= spans {
            return Some(started.elapsed());
        }
        sleep(Duration::from_millis(50)).await;
    }
    None
}

async fn counts(mainstay: &Mainstay) -> Counts {
    let mut counts = Counts { spans: u64::MAX, ..Counts::default() };
    for line in mainstay.metrics().await.lines() {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let value = value.parse::<f64>().unwrap_or(0.0) as u64;
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let label =
            |wanted: &str| labels.split_once(&format!("{wanted}=\"")).and_then(|(_, rest)| rest.split('"').next());
        match name {
            "mainstay_telemetry_exported_spans_total" => counts.spans = counts.spans.min(value),
            "mainstay_telemetry_spooled_bytes" => counts.spooled += value,
            "mainstay_queue_depth" if label("queue") == Some("telemetry") => counts.queue = value,
            "mainstay_telemetry_dropped_total" if value > 0 => {
                *counts.dropped.entry(label("reason").unwrap().to_owned()).or_default() += value;
            }
            _ => {}
        }
    }
    if counts.spans == u64::MAX {
        counts.spans = 0;
    }
    counts
}

/// Writes `[telemetry]`: every dialect, and `otel` over both transports.
fn exporters(root: &Path, timeout: &str, address: impl Fn(usize) -> (SocketAddr, SocketAddr)) {
    let secret = "api_key = { file = \"destination.key\" }";
    let more = [
        ("collector", "otel", String::new()),
        ("collector-grpc", "otel", "protocol = \"grpc\"".to_owned()),
        ("phoenix", "openinference", "project = \"bench\"".to_owned()),
        ("langfuse", "langfuse", format!("public_key = \"pk-lf-bench\"\n{secret}")),
        ("langsmith", "langsmith", secret.to_owned()),
        ("agentops", "agentops", secret.to_owned()),
    ];
    std::fs::write(root.join("destination.key"), "key-of-the-bench").unwrap();
    let mut text = std::fs::read_to_string(root.join("mainstay.toml")).unwrap();
    for (number, (name, dialect, more)) in more.iter().enumerate() {
        let (http, grpc) = address(number);
        let endpoint =
            if more.contains("grpc") { format!("http://{grpc}") } else { format!("http://{http}/v1/traces") };
        text.push_str(&format!(
            "\n[telemetry.exporters.{name}]\ndialect = \"{dialect}\"\nendpoint = \"{endpoint}\"\nallow_private = true\n\
             timeout = \"{timeout}\"\n{more}\n"
        ));
        if *dialect == "agentops" {
            text.push_str(&format!("auth_endpoint = \"http://{http}/token\"\n"));
        }
    }
    std::fs::write(root.join("mainstay.toml"), text).unwrap();
}

/// A process of its own, at the lowest priority, that takes everything and looks at nothing.
struct Sink {
    child: Child,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Sink {
    fn start() -> Self {
        let mut child = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe().unwrap())
            .arg("--sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address: SocketAddr = line.parse().unwrap();
        Self { child, http: address, grpc: address }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn sink() {
    async fn take(request: Request<Body>) -> Response {
        let is_grpc =
            request.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        to_bytes(request.into_body(), usize::MAX).await.unwrap();
        if is_grpc {
            return ([("content-type", "application/grpc"), ("grpc-status", "0")], "").into_response();
        }
        ([("content-type", "application/x-protobuf")], "").into_response()
    }
    async fn token() -> Response {
        ([("content-type", "application/json")], r#"{"token":"t","project_id":"bench"}"#).into_response()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    // The parent holds the other end of stdin: gone with it.
    let gone = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
    let router = Router::new().route("/", get(|| async {})).route("/token", post(token)).fallback(take);
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.unwrap(),
        _ = gone => {}
    }
}

/// Destinations that take connections and never answer, and that take none.
struct Deaf {
    hangs: SocketAddr,
    refuses: SocketAddr,
}

impl Deaf {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hangs = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let connections: Vec<_> = listener.incoming().collect();
            drop(connections);
        });
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { hangs, refuses: closed.local_addr().unwrap() }
    }
}

/// Always the same trace.
struct Same(RunRecord, Vec<Entry>);

#[async_trait]
impl TraceSource for Same {
    async fn trace(&self, run: RunId) -> Result<Option<TraceOfRun>, StoreError> {
        let record = RunRecord { id: run, ..self.0.clone() };
        Ok(Some(TraceOfRun::new(record, &self.1)))
    }
}

struct Nothing;

impl Redactor for Nothing {
    fn redact<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        text.into()
    }
}

/// Many more runs than fit, while nobody takes anything: what stays in memory and on disk.
async fn flood((record, entries): (RunRecord, Vec<Entry>)) {
    const OFFERS: u128 = 100_000;
    const QUEUE: usize = 1_000;
    const SPOOL: u64 = 4 * 1024 * 1024;
    let deaf = Deaf::start();
    let folder = tempfile::tempdir().unwrap();
    let exporter = |name: &str, address: SocketAddr| ExporterSettings {
        allow_private: true,
        timeout: Duration::from_secs(1),
        ..ExporterSettings::new(name, Dialect::Otel, format!("http://{address}"))
    };
    let settings = TelemetrySettings {
        exporters: vec![exporter("hangs", deaf.hangs), exporter("refuses", deaf.refuses)],
        queue: QUEUE,
        spool_bytes: SPOOL,
        ..TelemetrySettings::new(folder.path().to_owned())
    };
    let before = memory();
    let exporters =
        Exporters::start(settings, Arc::new(Same(record, entries)), Arc::new(Nothing), Arc::new(SystemClock)).unwrap();
    let mut deepest = 0;
    let mut most = before;
    for number in 0..OFFERS {
        exporters.offer(RunId::from_uuid(Uuid::from_u128(number)));
        if number % 500 == 0 {
            deepest = deepest.max(exporters.counters()[0].queue_depth);
            most = most.max(memory());
            sleep(Duration::from_millis(20)).await;
        }
    }
    println!(
        "{OFFERS} offers in a few seconds, a queue of {QUEUE}, a spool of {} KB each, nobody answers:",
        SPOOL / 1024
    );
    println!("  memory {before:.1} MB before, {most:.1} MB at most; the queue held {deepest} at most");
    for counters in exporters.counters() {
        let dropped: Vec<String> = DropReason::ALL
            .iter()
            .filter(|reason| counters.dropped(**reason) > 0)
            .map(|reason| format!("{} {}", reason.as_str(), counters.dropped(*reason)))
            .collect();
        let (name, spooled) = (&counters.name, counters.spooled_bytes / 1024);
        println!("  {name:<8} dropped: {}; spool {spooled} KB", dropped.join(", "));
    }
    exporters.close(Duration::ZERO).await;
    assert!(deepest <= QUEUE, "the queue is not bounded");
}

/// CPU time of this process so far, in seconds: of threads at normal priority, and of those at the lowest.
fn cpu() -> (f64, f64) {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return (0.0, 0.0) };
    let (mut normal, mut lowest) = (0.0, 0.0);
    for thread in threads {
        let thread = thread.unwrap().path();
        let read = |file: &str| std::fs::read_to_string(thread.join(file)).unwrap_or_default();
        let nanos = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0);
        // What follows the name: state, and sixteen fields later the niceness.
        let is_lowest = read("stat").rsplit(") ").next().and_then(|rest| rest.split(' ').nth(16)) == Some("19");
        *if is_lowest { &mut lowest } else { &mut normal } += nanos / 1e9;
    }
    (normal, lowest)
}

/// Resident memory of this process, in megabytes.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}
