//! How much group commit gains: entries per second of 64 who append at once, against one transaction each.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use mainstay_store::{ConnectOptions, Store};
use mainstay_testkit::store_suite::Stores;
use tokio::task::JoinSet;
use tokio::time::Instant;

const WRITERS: u32 = 64;
const ENTRIES: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p mainstay-store --test rate -- --ignored --nocapture"]
async fn group_commit_is_worth_its_queue() {
    let alone = rate(1, 40).await;
    let together = rate(256, 400).await;
    println!(
        "one transaction each: {alone:.0} entries/s; group commit: {together:.0} entries/s; {:.1} times",
        together / alone
    );
    assert!(together > alone);
}

async fn rate(max_batch: usize, appends: u32) -> f64 {
    let folder = tempfile::tempdir_in(".").unwrap();
    let url = format!("sqlite:{}", folder.path().join("mainstay.db").display());
    let options = ConnectOptions { max_batch, ..ConnectOptions::default() };
    let stores = Stores::of(&Store::connect_with(&url, &options).await.unwrap());
    let mut leases = Vec::new();
    for n in 0..WRITERS {
        leases.push(stores.held(n).await);
    }
    let begin = Instant::now();
    let writers = leases.into_iter().map(|lease| {
        let stores = stores.clone();
        async move {
            for n in 0..appends {
                stores.append(&lease, n * ENTRIES..(n + 1) * ENTRIES, vec![]).await.unwrap();
            }
        }
    });
    writers.collect::<JoinSet<()>>().join_all().await;
    f64::from(WRITERS * appends * ENTRIES) / begin.elapsed().as_secs_f64()
}
