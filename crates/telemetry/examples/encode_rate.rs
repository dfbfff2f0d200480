//! Prints how many microseconds it takes to project a run's journal, and to encode it in each dialect.
//!
//! `cargo run --release -p mainstay-telemetry --example encode_rate`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example, to be read by a person")]

#[path = "../tests/fixture/mod.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod fixture;

use std::hint::black_box;

use mainstay_telemetry::{Content, Dialect, TraceOfRun, encode};
use tokio::time::Instant;

const ROUNDS: u32 = 20_000;

fn main() {
    let (record, entries) = (fixture::record(), fixture::entries());
    let project = || TraceOfRun::new(record.clone(), &entries);
    line("once per run: project", per_round(|| project().spans.len()), "");
    for content in [Content::None, Content::Redacted] {
        let format = fixture::format(Dialect::Otel, content);
        let micros = per_round(|| encode(&[project()], &format).len());
        line(&format!("project, {content:?}, otel"), micros, "");
    }
    let trace = [project()];
    for (dialect, name) in fixture::DIALECTS {
        for content in [Content::None, Content::Redacted, Content::Full] {
            let format = fixture::format(dialect, content);
            let bytes = encode(&trace, &format).len();
            let micros = per_round(|| encode(&trace, &format).len());
            line(&format!("{name}, {content:?}"), micros, &format!("{bytes} bytes"));
        }
    }
    println!("{} spans", trace.first().map_or(0, |trace| trace.spans.len()));
}

fn line(what: &str, micros: f64, size: &str) {
    println!("{what:<30} {micros:>8.1} µs  {size}");
}

fn per_round(work: impl Fn() -> usize) -> f64 {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(work());
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}
