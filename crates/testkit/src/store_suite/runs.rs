//! Runs, and how workers get them.
#![expect(missing_docs, reason = "each name is a sentence")]

use std::collections::BTreeSet;

use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::FinalState;
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{Lease, NewRun, RunFilter, RunRecord, RunState};

use super::{Stores, at_once, finished, new_run, run_id};

pub async fn a_run_is_found_as_it_came(stores: Stores) {
    let principal = Principal { id: "c-\u{1F9D1}\u{200D}\u{1F4BB}'; --".to_owned(), tenant: "nörd".to_owned() };
    let input = "\0 a\u{1a}0 \u{202E}drawkcab \u{FFFF} \r\n\t \"$1\" 😀 \u{feff}".to_owned();
    let new = NewRun { principal: principal.clone(), input: input.clone(), ..new_run(1) };
    stores.journal.create(&new).await.unwrap();
    let expected = RunRecord {
        id: new.id,
        agent: new.agent,
        version: new.version,
        principal,
        input,
        context: new.context,
        created_at: new.created_at,
        state: RunState::Open,
        ended_at: None,
        epoch: 0,
        failures: 0,
        approval: None,
        cost: MicroUsd::ZERO,
        cancelled_by: None,
    };
    assert_eq!(stores.record(run_id(1)).await, expected);
    assert_eq!(stores.journal.run(run_id(2)).await.unwrap(), None);
}

pub async fn a_run_is_created_once(stores: Stores) {
    stores.journal.create(&new_run(1)).await.unwrap();
    let again = NewRun { input: "another".to_owned(), ..new_run(1) };
    let error = stores.journal.create(&again).await.unwrap_err();
    assert!(matches!(&error, StoreError::Exists(what) if *what == run_id(1).to_string()), "{error:?}");
    assert_eq!(stores.record(run_id(1)).await.input, new_run(1).input);
}

pub async fn a_run_that_is_created_with_a_claim_is_held_from_the_start(stores: Stores) {
    let lease = stores.held(1).await;
    assert_eq!(stores.record(lease.run).await.epoch, 1);
    assert_eq!(stores.claim("other", 999_999, 10).await, []);
    stores.append(&lease, 0..1, vec![]).await.unwrap();
}

pub async fn runs_are_listed_newest_first_and_no_more_than_asked_for(stores: Stores) {
    for n in 1..=6 {
        let agent = if n % 2 == 0 { "returns" } else { "orders" };
        stores.journal.create(&NewRun { agent: agent.to_owned(), ..new_run(n) }).await.unwrap();
    }
    let claimed = stores.claim("w", 10, 1).await;
    let lease = Lease { run: claimed[0].id, worker: "w".to_owned(), epoch: 1 };
    stores.append(&lease, 0..1, vec![finished(FinalState::Refused, 0)]).await.unwrap();

    let list = async |agent: Option<&str>, state, limit| {
        let filter = RunFilter { agent: agent.map(str::to_owned), state, limit, ..RunFilter::default() };
        ids(&stores.journal.runs(&filter).await.unwrap())
    };
    let expected = |numbers: &[u32]| numbers.iter().copied().map(run_id).collect::<Vec<RunId>>();
    assert_eq!(list(None, None, 100).await, expected(&[6, 5, 4, 3, 2, 1]));
    assert_eq!(list(None, None, 2).await, expected(&[6, 5]));
    assert_eq!(list(Some("orders"), None, 100).await, expected(&[5, 3, 1]));
    assert_eq!(list(Some("orders"), Some(RunState::Open), 100).await, expected(&[5, 3]));
    assert_eq!(list(None, Some(RunState::Ended(FinalState::Refused)), 100).await, expected(&[1]));
    assert_eq!(list(Some("nobody"), None, 100).await, []);
}

pub async fn two_workers_never_claim_the_same_run(stores: Stores) {
    const RUNS: u32 = 60;
    at_once((0..RUNS).map(|n| {
        let stores = stores.clone();
        async move { stores.journal.create(&new_run(n)).await.unwrap() }
    }))
    .await;
    let claims = at_once((0..12).map(|worker| {
        let stores = stores.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let claimed = stores.claim(&format!("w{worker}"), 1_000, 3).await;
                assert!(claimed.len() <= 3);
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed);
            }
        }
    }))
    .await;
    let all = claims.concat();
    assert!(all.iter().all(|run| run.epoch == 1), "{all:?}");
    let mut distinct: BTreeSet<RunId> = all.iter().map(|run| run.id).collect();
    assert_eq!(distinct.len(), all.len(), "one run was claimed twice");
    // A worker passes over what another one is just looking at, so it may leave some behind.
    distinct.extend(ids(&stores.claim("late", 1_000, RUNS).await));
    assert_eq!(distinct.len(), RUNS as usize);
}

pub async fn the_oldest_runs_that_are_due_are_claimed_first(stores: Stores) {
    for n in [30, 10, 20, 40] {
        stores.journal.create(&new_run(n)).await.unwrap();
    }
    assert_eq!(ids(&stores.claim("a", 35, 2).await), [run_id(10), run_id(20)]);
    assert_eq!(ids(&stores.claim("b", 35, 2).await), [run_id(30)], "a run that is not due yet is left");
    assert_eq!(ids(&stores.claim("c", 40, 2).await), [run_id(40)]);
}

pub async fn a_run_is_free_again_when_its_lease_has_run_out(stores: Stores) {
    let lease = stores.held(1).await;
    let claimed = stores.claim("other", 1_000_000, 10).await;
    assert_eq!(ids(&claimed), [lease.run]);
    assert_eq!(claimed[0].epoch, 2);
}

pub async fn a_released_run_waits_for_its_time_and_counts_the_failure(stores: Stores) {
    let lease = stores.held(1).await;
    stores.journal.release(&lease, Timestamp(500)).await.unwrap();
    let again = stores.journal.release(&lease, Timestamp(0)).await;
    assert!(matches!(again, Err(StoreError::LeaseLost)), "{again:?}");

    assert_eq!(stores.claim("w", 499, 10).await, []);
    let claimed = stores.claim("w", 500, 10).await;
    assert_eq!((claimed[0].failures, claimed[0].epoch, claimed[0].state), (1, 2, RunState::Open));
}

pub async fn a_lease_is_renewed_and_a_lost_one_is_left_alone(stores: Stores) {
    let (lost, kept) = (stores.held(1).await, stores.held(2).await);
    let mine = stores.claim("other", 1_000_000, 1).await;
    assert_eq!(ids(&mine), [lost.run]);

    stores.journal.renew(&[], Timestamp(0)).await.unwrap();
    stores.journal.renew(&[kept.clone(), lost], Timestamp(9_000_000)).await.unwrap();
    assert_eq!(ids(&stores.claim("third", 8_999_999, 10).await), [run_id(1)], "the other's lease was not touched");
    assert_eq!(ids(&stores.claim("third", 9_000_000, 10).await), [kept.run]);
}

fn ids(runs: &[RunRecord]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}
