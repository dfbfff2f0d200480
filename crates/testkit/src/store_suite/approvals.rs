//! Questions to people, and decisions that meet everything else at the worst moment.
#![expect(missing_docs, reason = "each name is a sentence")]

use mainstay_core::clock::Timestamp;
use mainstay_core::journal::entry::Decision;
use mainstay_core::store::{
    ApprovalFilter, ApprovalRecord, Change, Decided, Lease, NewApproval, Ruling, RunState, Verdict,
};
use serde_json::json;

use super::{Stores, approval_id, at_once, question, run_id};

pub async fn a_parked_run_waits_and_its_question_is_listed(stores: Stores) {
    for n in [1, 2] {
        park(&stores, n).await;
    }
    let run = stores.record(run_id(1)).await;
    assert_eq!((run.state, run.approval), (RunState::Parked, Some(approval_id(1))));
    assert_eq!(stores.claim("w", 4_000, 10).await, []);

    let open = |n| ApprovalRecord {
        asked: question(n),
        decision: None,
        decided_by: String::new(),
        decision_reason: String::new(),
        edited: None,
        answer: None,
        decided_at: None,
    };
    assert_eq!(stores.approvals.approval(approval_id(1)).await.unwrap(), Some(open(1)));
    assert_eq!(stores.approvals.approval(approval_id(3)).await.unwrap(), None);
    assert_eq!(stores.approvals.approvals(&pending()).await.unwrap(), [open(2), open(1)]);

    let decided = ApprovalRecord {
        decision: Some(Decision::Rejected),
        decided_by: "ann".to_owned(),
        decision_reason: "no \0 way".to_owned(),
        decided_at: Some(Timestamp(70)),
        ..open(2)
    };
    let ruling =
        Ruling { verdict: Verdict::Reject, reason: "no \0 way".to_owned(), now: Timestamp(70), ..ruling(2, "ann") };
    assert_eq!(stores.approvals.decide(&ruling).await.unwrap(), Decided::Taken);
    assert_eq!(stores.approvals.approvals(&pending()).await.unwrap(), [open(1)]);
    assert_eq!(stores.approvals.approvals(&all()).await.unwrap(), [decided.clone(), open(1)]);
    assert_eq!(stores.approvals.approvals(&ApprovalFilter { limit: 1, ..all() }).await.unwrap(), [decided]);
}

pub async fn whatever_a_person_wants_is_kept_as_they_said_it(stores: Stores) {
    let arguments = json!({ "amount": 12.5, "note": "\0 less" }).as_object().unwrap().clone();
    for (n, verdict, decision, edited, answer) in [
        (1, Verdict::Edit(arguments.clone()), Decision::Edited, Some(arguments), None),
        (2, Verdict::TakeOver("I called \0 them.".into()), Decision::TakenOver, None, Some("I called \0 them.".into())),
        (3, Verdict::Approve, Decision::Approved, None, None),
    ] {
        park(&stores, n).await;
        let ruling = Ruling { verdict, ..ruling(n, "ann") };
        assert_eq!(stores.approvals.decide(&ruling).await.unwrap(), Decided::Taken);
        let stored = stores.approvals.approval(approval_id(n)).await.unwrap().unwrap();
        assert_eq!((stored.decision, stored.edited, stored.answer), (Some(decision), edited, answer));
        assert_eq!(stored.asked, question(n), "what was asked stays as it was");
        assert_eq!(stores.record(run_id(n)).await.state, RunState::Open);
    }
    park(&stores, 4).await;
    let nested = (0..200).fold(json!({}), |inner, _| json!({ "in": inner })).as_object().unwrap().clone();
    let refused = Ruling { verdict: Verdict::Edit(nested), ..ruling(4, "ann") };
    assert!(stores.approvals.decide(&refused).await.is_err(), "it could not be read back");
    assert_eq!(stores.record(run_id(4)).await.state, RunState::Parked);
}

pub async fn a_decision_wakes_the_run_at_once(stores: Stores) {
    park(&stores, 1).await;
    stores.approvals.decide(&ruling(1, "ann")).await.unwrap();
    let run = stores.record(run_id(1)).await;
    assert_eq!((run.state, run.approval), (RunState::Open, None));
    let claimed = stores.claim("w", 60, 10).await;
    assert_eq!((claimed.len(), claimed[0].epoch), (1, 2));
}

pub async fn of_fifty_who_decide_one_is_heard(stores: Stores) {
    park(&stores, 1).await;
    let answers = at_once((0..50).map(|n| {
        let stores = stores.clone();
        async move {
            let by = format!("person {n}");
            let ruling =
                Ruling { verdict: if n % 2 == 0 { Verdict::Approve } else { Verdict::Reject }, ..ruling(1, &by) };
            (by, n % 2 == 0, stores.approvals.decide(&ruling).await.unwrap())
        }
    }))
    .await;
    let heard: Vec<_> = answers.iter().filter(|(_, _, decided)| *decided == Decided::Taken).collect();
    assert_eq!(heard.len(), 1, "{answers:?}");
    let (winner, approved, _) = heard[0];
    let decision = if *approved { Decision::Approved } else { Decision::Rejected };
    let late = Decided::AlreadyDecided { decision, by: winner.clone() };
    assert!(answers.iter().all(|(by, _, decided)| by == winner || *decided == late), "{answers:?}");
    let stored = stores.approvals.approval(approval_id(1)).await.unwrap().unwrap();
    assert_eq!((stored.decision, &stored.decided_by), (Some(decision), winner));
}

pub async fn a_decision_that_comes_too_late_does_not_count(stores: Stores) {
    park(&stores, 1).await;
    let late = Ruling { now: Timestamp(5_000), ..ruling(1, "ann") };
    assert_eq!(stores.approvals.decide(&late).await.unwrap(), Decided::Expired);
    assert_eq!(stores.record(run_id(1)).await.state, RunState::Parked, "only the end of its time wakes it");
    assert_eq!(stores.approvals.expire(Timestamp(5_000)).await.unwrap(), 1);
    // A clock that is behind does not open it again.
    assert_eq!(stores.approvals.decide(&ruling(1, "ann")).await.unwrap(), Decided::Expired);
}

pub async fn a_decision_on_other_arguments_does_not_count(stores: Stores) {
    park(&stores, 1).await;
    let other = Ruling { arguments_hash: "00".repeat(32), ..ruling(1, "ann") };
    assert_eq!(stores.approvals.decide(&other).await.unwrap(), Decided::OtherArguments);
    assert_eq!(stores.record(run_id(1)).await.state, RunState::Parked);
    assert_eq!(stores.approvals.decide(&ruling(1, "ann")).await.unwrap(), Decided::Taken);
}

pub async fn a_decision_on_nothing_does_not_count(stores: Stores) {
    park(&stores, 1).await;
    assert_eq!(stores.approvals.decide(&ruling(2, "ann")).await.unwrap(), Decided::Unknown);
}

pub async fn a_run_whose_question_is_answered_already_does_not_park(stores: Stores) {
    park(&stores, 1).await;
    stores.approvals.decide(&ruling(1, "ann")).await.unwrap();
    let claimed = stores.claim("w", 60, 1).await;
    let lease = Lease { run: run_id(1), worker: "w".to_owned(), epoch: claimed[0].epoch };
    let other_words = NewApproval { reason: "asked again".to_owned(), ..question(1) };
    stores.append(&lease, 1..2, vec![Change::Park(other_words)]).await.unwrap();

    let run = stores.record(run_id(1)).await;
    assert_eq!((run.state, run.approval), (RunState::Open, None));
    let late = stores.append(&lease, 2..3, vec![]).await;
    assert!(late.is_err(), "parking gave the run away");
    assert_eq!(stores.claim("other", 60, 1).await.len(), 1, "it is due at once");
    let stored = stores.approvals.approval(approval_id(1)).await.unwrap().unwrap();
    assert_eq!(stored.asked, question(1), "the question is the one that was answered");
}

pub async fn a_decision_in_the_moment_of_parking_is_not_lost(stores: Stores) {
    for n in 1..=20 {
        // The question of run n is there before run n parks on it: another run's append brought it.
        let first = stores.held(1_000 + n).await;
        let lease = stores.held(n).await;
        stores.append(&first, 0..1, vec![Change::Park(question(n))]).await.unwrap();

        let (parking, deciding) = (stores.clone(), stores.clone());
        let parked = async move { parking.append(&lease, 0..1, vec![Change::Park(question(n))]).await.is_ok() };
        let decided = async move { deciding.approvals.decide(&ruling(n, "ann")).await.unwrap() == Decided::Taken };
        let both: [std::pin::Pin<Box<dyn Future<Output = bool> + Send>>; 2] =
            if n % 2 == 0 { [Box::pin(parked), Box::pin(decided)] } else { [Box::pin(decided), Box::pin(parked)] };
        assert_eq!(at_once(both).await, [true, true]);
        assert_eq!(stores.record(run_id(n)).await.state, RunState::Open, "run {n} waits for a decision that was taken");
        assert_eq!(stores.claim("other", 2_000, 10).await.len(), 1, "run {n}");
    }
}

pub async fn time_runs_out_once_and_only_for_those_that_are_due(stores: Stores) {
    for n in 1..=9 {
        let lease = stores.held(n).await;
        let expires_at = Timestamp(if n <= 6 { 5_000 } else { 5_001 });
        let asked = NewApproval { expires_at, ..question(n) };
        stores.append(&lease, 0..1, vec![Change::Park(asked)]).await.unwrap();
    }
    stores.approvals.decide(&ruling(1, "ann")).await.unwrap();
    assert_eq!(stores.approvals.expire(Timestamp(4_999)).await.unwrap(), 0);

    let expired = at_once((0..8).map(|_| {
        let stores = stores.clone();
        async move { stores.approvals.expire(Timestamp(5_000)).await.unwrap() }
    }))
    .await;
    assert_eq!(expired.iter().sum::<u64>(), 5, "{expired:?}");
    for n in 1..=9 {
        let approval = stores.approvals.approval(approval_id(n)).await.unwrap().unwrap();
        let (decision, state) = match n {
            1 => (Some(Decision::Approved), RunState::Open),
            2..=6 => (Some(Decision::Expired), RunState::Open),
            _ => (None, RunState::Parked),
        };
        assert_eq!((approval.decision, stores.record(run_id(n)).await.state), (decision, state), "approval {n}");
        if decision == Some(Decision::Expired) {
            assert_eq!((approval.decided_by.as_str(), approval.decided_at), ("", Some(Timestamp(5_000))));
        }
    }
    assert_eq!(stores.claim("w", 5_000, 100).await.len(), 6);
}

pub async fn many_questions_run_out_of_time_together(stores: Stores) {
    const MANY: u32 = 205;
    at_once((0..MANY).map(|n| {
        let stores = stores.clone();
        async move { park(&stores, n).await }
    }))
    .await;
    assert_eq!(stores.approvals.expire(Timestamp(6_000)).await.unwrap(), u64::from(MANY));
    assert_eq!(stores.approvals.approvals(&pending()).await.unwrap(), []);
    assert_eq!(stores.claim("w", 6_000, MANY + 1).await.len(), MANY as usize);
}

pub async fn a_decision_and_the_end_of_time_cannot_both_count(stores: Stores) {
    for n in 1..=12 {
        park(&stores, n).await;
        let (deciding, expiring) = (stores.clone(), stores.clone());
        let decided = async move {
            let heard = deciding.approvals.decide(&ruling(n, "ann")).await.unwrap() == Decided::Taken;
            u64::from(heard)
        };
        let expired = async move { expiring.approvals.expire(Timestamp(5_000)).await.unwrap() };
        let both: [std::pin::Pin<Box<dyn Future<Output = u64> + Send>>; 2] =
            if n % 2 == 0 { [Box::pin(decided), Box::pin(expired)] } else { [Box::pin(expired), Box::pin(decided)] };
        assert_eq!(at_once(both).await.iter().sum::<u64>(), 1, "approval {n}");
        assert_eq!(stores.record(run_id(n)).await.state, RunState::Open);
    }
}

/// Run `n` waits for the answer to question `n`.
pub(super) async fn park(stores: &Stores, n: u32) {
    let lease = stores.held(n).await;
    stores.append(&lease, 0..1, vec![Change::Park(question(n))]).await.unwrap();
}

/// Approves question `n` at time 50.
pub(super) fn ruling(n: u32, by: &str) -> Ruling {
    Ruling {
        approval: approval_id(n),
        verdict: Verdict::Approve,
        arguments_hash: question(n).arguments_hash,
        by: by.to_owned(),
        reason: String::new(),
        now: Timestamp(50),
    }
}

pub(super) fn all() -> ApprovalFilter {
    ApprovalFilter { limit: 100, ..ApprovalFilter::default() }
}

pub(super) fn pending() -> ApprovalFilter {
    ApprovalFilter { only_pending: true, ..all() }
}
