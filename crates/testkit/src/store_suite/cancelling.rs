//! Cancelling a run, whatever it is doing, and whatever else happens to it at the same moment.
#![expect(missing_docs, reason = "each name is a sentence")]

use std::pin::Pin;

use mainstay_core::clock::Timestamp;
use mainstay_core::journal::entry::{Decision, FinalState};
use mainstay_core::store::access::CancelNoted;
use mainstay_core::store::{Change, Decided, RunState};

use super::approvals::{park, ruling};
use super::{Stores, approval_id, at_once, finished, new_run, question, run_id};

pub async fn a_run_that_is_cancelled_is_due_at_once_and_says_who_wanted_it_first(stores: Stores) {
    stores.journal.create(&new_run(500)).await.unwrap();
    assert_eq!(stores.claim("w", 100, 1).await, [], "it is not due before its time");
    assert_eq!(cancel(&stores, 500, "ann", 100).await, CancelNoted::Noted);
    assert_eq!(cancel(&stores, 500, "bob", 400).await, CancelNoted::Noted);
    let stored = stores.record(run_id(500)).await;
    assert_eq!((stored.state, stored.cancelled_by.as_deref()), (RunState::Open, Some("ann")));
    let claimed = stores.claim("w", 100, 1).await;
    assert_eq!(claimed.len(), 1, "the second wish did not put it off");
    assert_eq!(claimed[0].cancelled_by.as_deref(), Some("ann"), "whoever resumes it knows");
}

pub async fn a_worker_hears_of_a_cancellation_with_its_next_append_and_that_counts_all_the_same(stores: Stores) {
    let lease = stores.held(1).await;
    assert_eq!(stores.append(&lease, 0..1, vec![]).await.unwrap(), None);
    cancel(&stores, 1, "ann", 50).await;
    for position in 1..3 {
        let heard = stores.append(&lease, position..position + 1, vec![]).await.unwrap();
        assert_eq!(heard.as_deref(), Some("ann"));
    }
    assert_eq!(stores.journal.entries(lease.run, 0).await.unwrap().len(), 3);
    assert_eq!(stores.claim("other", 60, 1).await, [], "whoever has it ends it");
    let end = vec![finished(FinalState::Cancelled, 0)];
    assert_eq!(stores.append(&lease, 3..4, end).await.unwrap().as_deref(), Some("ann"));
    assert_eq!(stores.record(lease.run).await.state, RunState::Ended(FinalState::Cancelled));
}

pub async fn what_has_ended_or_never_was_is_not_cancelled(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..1, vec![finished(FinalState::Answered, 0)]).await.unwrap();
    assert_eq!(cancel(&stores, 1, "ann", 50).await, CancelNoted::Ended);
    assert_eq!(stores.record(lease.run).await.cancelled_by, None);
    assert_eq!(cancel(&stores, 2, "ann", 50).await, CancelNoted::Unknown);
}

pub async fn a_parked_run_that_is_cancelled_is_woken_and_its_question_closed(stores: Stores) {
    park(&stores, 1).await;
    assert_eq!(cancel(&stores, 1, "ann", 50).await, CancelNoted::Noted);
    let run = stores.record(run_id(1)).await;
    assert_eq!((run.state, run.approval, run.cancelled_by.as_deref()), (RunState::Open, None, Some("ann")));
    let closed = stores.approvals.approval(approval_id(1)).await.unwrap().unwrap();
    assert_eq!((closed.decision, closed.decided_by.as_str()), (Some(Decision::Cancelled), "ann"));
    assert_eq!((closed.decided_at, closed.edited, closed.answer), (Some(Timestamp(50)), None, None));
    let late = Decided::AlreadyDecided { decision: Decision::Cancelled, by: "ann".to_owned() };
    assert_eq!(stores.approvals.decide(&ruling(1, "bob")).await.unwrap(), late);
    assert_eq!(stores.approvals.expire(Timestamp(9_000)).await.unwrap(), 0);
    assert_eq!(stores.claim("w", 50, 1).await.len(), 1);
}

pub async fn nobody_is_asked_about_a_run_that_was_cancelled(stores: Stores) {
    let lease = stores.held(1).await;
    cancel(&stores, 1, "ann", 50).await;
    let heard = stores.append(&lease, 0..1, vec![Change::Park(question(1))]).await.unwrap();
    assert_eq!(heard.as_deref(), Some("ann"));
    assert_eq!(stores.record(lease.run).await.state, RunState::Open);
    assert_eq!(stores.approvals.waiting().await.unwrap(), (0, None));
    let closed = stores.approvals.approval(approval_id(1)).await.unwrap().unwrap();
    assert_eq!((closed.decision, closed.decided_by.as_str()), (Some(Decision::Cancelled), "ann"));
    assert_eq!(stores.claim("other", 60, 1).await.len(), 1, "it is due at once");
}

pub async fn a_cancellation_in_the_moment_of_parking_is_not_lost(stores: Stores) {
    for n in 1..=12 {
        let lease = stores.held(n).await;
        let (parking, cancelling) = (stores.clone(), stores.clone());
        let parked = async move { parking.append(&lease, 0..1, vec![Change::Park(question(n))]).await.is_ok() };
        let noted = async move { cancel(&cancelling, n, "ann", 50).await == CancelNoted::Noted };
        assert_eq!(at_once(either_first(n, parked, noted)).await, [true, true]);
        assert_eq!(stores.record(run_id(n)).await.state, RunState::Open, "run {n} waits for nobody");
        let closed = stores.approvals.approval(approval_id(n)).await.unwrap().unwrap();
        assert_eq!(closed.decision, Some(Decision::Cancelled));
        assert_eq!(stores.claim("other", 2_000, 10).await.len(), 1, "run {n}");
    }
}

pub async fn a_decision_and_a_cancellation_cannot_both_answer_the_question(stores: Stores) {
    for n in 1..=20 {
        park(&stores, n).await;
        let (deciding, cancelling) = (stores.clone(), stores.clone());
        let decided = async move { deciding.approvals.decide(&ruling(n, "bob")).await.unwrap() == Decided::Taken };
        let cancelled = async move { cancel(&cancelling, n, "ann", 50).await != CancelNoted::Noted };
        let heard = at_once(either_first(n, decided, cancelled)).await.contains(&true);
        let stored = stores.approvals.approval(approval_id(n)).await.unwrap().unwrap();
        let expected = if heard { (Decision::Approved, "bob") } else { (Decision::Cancelled, "ann") };
        assert_eq!((stored.decision.unwrap(), stored.decided_by.as_str()), expected, "approval {n}");
        let run = stores.record(run_id(n)).await;
        assert_eq!((run.state, run.cancelled_by.as_deref()), (RunState::Open, Some("ann")), "it ends in any case");
    }
}

async fn cancel(stores: &Stores, n: u32, by: &str, now: i64) -> CancelNoted {
    stores.requests.cancel(run_id(n), by, Timestamp(now)).await.unwrap()
}

type Half = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Both orders get their chance to be first.
fn either_first(
    n: u32,
    one: impl Future<Output = bool> + Send + 'static,
    other: impl Future<Output = bool> + Send + 'static,
) -> [Half; 2] {
    if n.is_multiple_of(2) { [Box::pin(one), Box::pin(other)] } else { [Box::pin(other), Box::pin(one)] }
}
