//! What happens to runs while a destination is away, and to the other destinations meanwhile.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mainstay_core::id::RunId;
use mainstay_telemetry::{DestinationCounters, DropReason, ExporterSettings, TelemetrySettings};
use tokio::time::Instant;

use crate::receiver::{Journal, LONG, Receiver, Say, export, run, runs, settings, start, to};

/// Runs that a destination will never get.
fn dropped(counters: &DestinationCounters) -> u64 {
    counters.dropped_runs.iter().map(|(_, count)| count).sum()
}

fn spooled(folder: &Path, name: &str) -> usize {
    let names = fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".otlp")).count()
}

async fn hanging() -> Receiver {
    Receiver::start(|_, _| Say::Nothing).await
}

#[tokio::test]
async fn a_destination_that_hangs_delays_no_other_one_and_what_it_missed_waits_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let (dead, well) = (hanging().await, Receiver::taking().await);
    let exporters = vec![to("dead", &dead), to("well", &well)];
    let exporters = start(settings(folder.path(), exporters), Journal::open()).unwrap();
    let all = runs(0..2000);
    all.iter().for_each(|run| exporters.offer(*run));
    // The first request to the dead one is still open when the other one has everything.
    let before = Instant::now();
    well.requests(all.len().div_ceil(64)).await;
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    exporters.close(Duration::from_millis(10)).await;
    let counters = exporters.counters();
    assert_eq!(well.runs().len(), all.len());
    assert_eq!((counters[0].exported_runs, dropped(&counters[0])), (0, 0));
    assert!(spooled(folder.path(), "dead") > 0);
    drop(exporters);

    // It is the same destination for the spool only when it is at the same address.
    let aside = export(folder.path(), vec![to("dead", &well)], &[]).await;
    assert_eq!((aside[0].exported_runs, aside[0].dropped(DropReason::Unreadable)), (0, 2000));
}

#[tokio::test]
async fn what_a_process_left_behind_is_delivered_in_order_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let is_open = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_open_there = is_open.clone();
    let receiver = Receiver::start(move |_, _| {
        Say::status(if is_open_there.load(std::sync::atomic::Ordering::SeqCst) { 200 } else { 503 })
    })
    .await;
    let first = export(folder.path(), vec![to("there", &receiver)], &runs(0..200)).await;
    assert_eq!((first[0].exported_runs, dropped(&first[0])), (0, 0));
    assert!(first[0].spooled_bytes > 0 && first[0].last_error.is_some());
    is_open.store(true, std::sync::atomic::Ordering::SeqCst);
    let tries = receiver.seen().len();
    let next = export(folder.path(), vec![to("there", &receiver)], &[]).await;
    assert_eq!((next[0].exported_runs, next[0].spooled_bytes, next[0].last_error.clone()), (200, 0, None));
    let taken: Vec<RunId> = receiver.seen()[tries..].iter().flat_map(crate::receiver::Seen::runs).collect();
    assert_eq!(taken, runs(0..200));
}

#[tokio::test]
async fn a_destination_that_fails_and_recovers_gets_everything_in_order() {
    const FAILURES: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|before, _| Say::status(if before < FAILURES { 500 } else { 200 })).await;
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), Journal::open()).unwrap();
    runs(0..300).into_iter().for_each(|run| exporters.offer(run));
    receiver.requests(FAILURES + 1).await;
    exporters.close(LONG).await;
    let counters = exporters.counters().remove(0);
    assert_eq!((counters.exported_runs, dropped(&counters), counters.spooled_bytes), (300, 0, 0));
    let taken: Vec<RunId> = receiver.seen()[FAILURES..].iter().flat_map(crate::receiver::Seen::runs).collect();
    assert_eq!(taken, runs(0..300));
}

#[tokio::test]
async fn a_destination_that_asks_for_time_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|before, _| match before {
        0 => Say::Http(429, vec![("retry-after", "2".to_owned())], String::new()),
        _ => Say::status(200),
    })
    .await;
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), Journal::open()).unwrap();
    exporters.offer(run(1));
    receiver.requests(2).await;
    exporters.close(LONG).await;
    let seen = receiver.seen();
    let waited = seen[1].at - seen[0].at;
    assert!((Duration::from_millis(1990)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
    assert_eq!(exporters.counters()[0].exported_runs, 1);
}

#[tokio::test]
async fn runs_for_a_closed_port_wait_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let closed = ExporterSettings {
        allow_private: true,
        ..ExporterSettings::new("closed", mainstay_telemetry::Dialect::Otel, endpoint)
    };
    let counters = export(folder.path(), vec![closed], &runs(0..100)).await;
    assert_eq!((counters[0].exported_runs, dropped(&counters[0])), (0, 0));
    assert!(counters[0].last_error.as_ref().is_some_and(|words| words.contains("no connection")));
    assert!(counters[0].spooled_bytes > 0);
}

#[tokio::test]
async fn one_batch_that_a_destination_stumbles_over_does_not_hold_up_the_others_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let bad = run(5);
    let receiver =
        Receiver::start(move |_, seen| Say::status(if seen.runs().contains(&bad) { 500 } else { 200 })).await;
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), Journal::open()).unwrap();
    runs(0..200).into_iter().for_each(|run| exporters.offer(run));
    // Three tries from memory, three from the spool, and then the next file instead.
    receiver.requests(7).await;
    exporters.close(LONG).await;
    let counters = exporters.counters().remove(0);
    assert_eq!((counters.exported_runs, counters.dropped(DropReason::Rejected)), (200 - 64, 64));
    assert_eq!((dropped(&counters), counters.spooled_bytes), (64, 0));
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_counted_for_every_destination() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Receiver::taking().await, Receiver::taking().await);
    let journal = Journal::shut();
    let exporters = vec![to("one", &one), to("other", &other)];
    let settings = TelemetrySettings { queue: 10, ..settings(folder.path(), exporters) };
    let exporters = start(settings, journal.clone()).unwrap();
    runs(0..1000).into_iter().for_each(|run| exporters.offer(run));
    let depth = exporters.counters()[0].queue_depth;
    assert!(depth <= 10, "{depth}");
    journal.let_through();
    exporters.close(LONG).await;
    for counters in exporters.counters() {
        let full = counters.dropped(DropReason::QueueFull);
        // What was taken out of the queue meanwhile made room for others.
        assert!((1000 - 10 - 64..=1000 - 10).contains(&full), "{full}");
        assert_eq!((counters.exported_runs + full, counters.queue_depth), (1000, 0));
    }
}

#[tokio::test]
async fn closing_delivers_what_was_offered_and_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::taking().await;
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), Journal::open()).unwrap();
    runs(0..1500).into_iter().for_each(|run| exporters.offer(run));
    exporters.close(LONG).await;
    let mut taken = receiver.runs();
    taken.sort_unstable();
    let mut all = runs(0..1500);
    all.sort_unstable();
    assert_eq!(taken, all);
    exporters.offer(run(9999));
    let counters = exporters.counters().remove(0);
    assert_eq!((counters.exported_runs, counters.dropped(DropReason::Closed)), (1500, 1));
    exporters.close(LONG).await;
}

#[tokio::test]
async fn closing_waits_no_longer_than_it_was_told_and_counts_what_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::taking().await;
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), Journal::shut()).unwrap();
    runs(0..100).into_iter().for_each(|run| exporters.offer(run));
    let before = Instant::now();
    exporters.close(Duration::from_millis(300)).await;
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    assert_eq!(exporters.counters()[0].dropped(DropReason::Closed), 100);
}

#[tokio::test]
async fn two_hundred_thousand_runs_for_a_destination_that_hangs_fill_bounded_places_and_every_one_is_accounted_for() {
    const RUNS: u64 = 200_000;
    const SPOOL: u64 = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let dead = hanging().await;
    let settings = TelemetrySettings { spool_bytes: SPOOL, ..settings(folder.path(), vec![to("dead", &dead)]) };
    let room = settings.queue;
    let exporters = start(settings.clone(), Journal::open()).unwrap();
    let mut deepest = 0;
    for number in 0..RUNS {
        exporters.offer(run(number));
        if number % 1000 == 0 {
            let counters = exporters.counters().remove(0);
            deepest = deepest.max(counters.queue_depth);
            assert!(counters.queue_depth <= room && counters.waiting_batches <= 8 && counters.spooled_bytes <= SPOOL);
        }
    }
    assert!(deepest > 1000, "offering is faster than reading, or nothing was tried: {deepest}");
    exporters.close(Duration::from_millis(500)).await;
    let counters = exporters.counters().remove(0);
    assert_eq!((counters.exported_runs, counters.queue_depth), (0, 0));
    assert!(counters.spooled_bytes <= SPOOL);
    drop(exporters);

    // Whatever was not counted as dropped must be on disk. The next process may not send it: it is at another address.
    let well = Receiver::taking().await;
    let elsewhere = TelemetrySettings { exporters: vec![to("dead", &well)], ..settings };
    let next = start(elsewhere, Journal::open()).unwrap();
    next.close(LONG).await;
    let on_disk = next.counters()[0].dropped(DropReason::Unreadable);
    assert!(on_disk > 0);
    assert_eq!(dropped(&counters) + on_disk, RUNS);
}
