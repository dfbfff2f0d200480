//! The conformance suite that every engine of the store must pass.
//!
//! Each case gets a store of its own, empty, and knows only the traits. [`crate::store_suite!`] makes a test of each
//! case for one engine:
//!
//! ```ignore
//! mod memory {
//!     async fn fresh() -> Option<Place> { .. }        // None: skipped, after saying why
//!     mainstay_testkit::store_suite!(fresh);
//! }
//! ```
//!
//! where `Place` has `stores(&self) -> Stores` and `async fn remove(self)`.

pub mod access;
pub mod approvals;
pub mod budgets;
pub mod cancelling;
pub mod entries;
pub mod lists;
pub mod runs;

use std::sync::Arc;

use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::{ApprovalId, RunId};
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::{
    AnswerRecord, Entry, FinalState, Recorded as _, Replied, Ruled, RunContext, UsageRecord,
};
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::access::{Audit, Keys, Requests};
use mainstay_core::store::{
    Append, Approvals, Budgets, CacheStore, Change, Claim, Journal, Lease, Ledger, NewApproval, NewRun, RunRecord,
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

/// A store as the pipeline sees it.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are the traits")]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    pub approvals: Arc<dyn Approvals>,
    pub ledger: Arc<dyn Ledger>,
    pub budgets: Arc<dyn Budgets>,
    pub cache: Arc<dyn CacheStore>,
    pub requests: Arc<dyn Requests>,
    pub keys: Arc<dyn Keys>,
    pub audit: Arc<dyn Audit>,
}

impl Stores {
    /// One store behind all traits.
    pub fn of<S>(store: &S) -> Self
    where
        S: Journal + Approvals + Ledger + Budgets + CacheStore + Requests + Keys + Audit + Clone + 'static,
    {
        let store = Arc::new(store.clone());
        Self {
            journal: Arc::clone(&store) as Arc<dyn Journal>,
            approvals: Arc::clone(&store) as Arc<dyn Approvals>,
            ledger: Arc::clone(&store) as Arc<dyn Ledger>,
            budgets: Arc::clone(&store) as Arc<dyn Budgets>,
            cache: Arc::clone(&store) as Arc<dyn CacheStore>,
            requests: Arc::clone(&store) as Arc<dyn Requests>,
            keys: Arc::clone(&store) as Arc<dyn Keys>,
            audit: store,
        }
    }

    /// Stores run `n`, created at time `n`, held by worker `w`.
    pub async fn held(&self, n: u32) -> Lease {
        let run = NewRun { claim: Some(("w".to_owned(), Timestamp(1_000_000))), ..new_run(n) };
        self.journal.create(&run).await.unwrap();
        Lease { run: run.id, worker: "w".to_owned(), epoch: 1 }
    }

    /// The run as stored.
    pub async fn record(&self, run: RunId) -> RunRecord {
        self.journal.run(run).await.unwrap().expect("the run is there")
    }

    /// Claims for worker `worker` at `now`.
    pub async fn claim(&self, worker: &str, now: i64, limit: u32) -> Vec<RunRecord> {
        let claim = Claim { worker: worker.to_owned(), now: Timestamp(now), until: Timestamp(now + 1_000_000), limit };
        self.journal.claim(&claim).await.unwrap()
    }

    /// Appends entries at `positions`, each of them a plain one. Says who wants the run cancelled.
    pub async fn append(
        &self,
        lease: &Lease,
        positions: impl IntoIterator<Item = u32>,
        changes: Vec<Change>,
    ) -> Result<Option<String>, StoreError> {
        let entries = positions.into_iter().map(|position| plain(position, &lease.worker)).collect();
        self.journal.append(&Append { lease: lease.clone(), entries, changes }).await
    }
}

/// Makes a test of each case; `$fresh` gives an empty store.
#[macro_export]
macro_rules! store_suite {
    ($fresh:path) => {
        $crate::store_suite! { @cases $fresh;
            runs: a_run_is_found_as_it_came;
            runs: a_run_is_created_once;
            runs: a_run_that_is_created_with_a_claim_is_held_from_the_start;
            runs: runs_are_listed_newest_first_and_no_more_than_asked_for;
            runs: two_workers_never_claim_the_same_run;
            runs: the_oldest_runs_that_are_due_are_claimed_first;
            runs: a_run_is_free_again_when_its_lease_has_run_out;
            runs: a_released_run_waits_for_its_time_and_counts_the_failure;
            runs: a_lease_is_renewed_and_a_lost_one_is_left_alone;
            entries: entries_come_back_exactly_as_they_were_appended;
            entries: every_kind_of_payload_comes_back;
            entries: a_long_append_comes_back_whole;
            entries: an_append_is_all_or_nothing;
            entries: a_position_is_written_once;
            entries: of_many_that_write_one_position_one_succeeds;
            entries: a_worker_whose_run_was_taken_over_cannot_append;
            entries: a_lease_that_ran_out_is_good_until_somebody_takes_the_run;
            entries: a_parked_run_takes_no_entries;
            entries: an_ended_run_takes_no_entries_and_is_not_claimed;
            entries: appends_that_fail_harm_none_of_those_beside_them;
            entries: an_entry_that_could_not_be_read_back_is_refused;
            entries: the_cost_of_a_run_is_current;
            entries: an_effect_is_one_row_from_intent_to_outcome;
            approvals: a_parked_run_waits_and_its_question_is_listed;
            approvals: a_decision_wakes_the_run_at_once;
            approvals: of_fifty_who_decide_one_is_heard;
            approvals: a_decision_that_comes_too_late_does_not_count;
            approvals: a_decision_on_other_arguments_does_not_count;
            approvals: a_decision_on_nothing_does_not_count;
            approvals: a_run_whose_question_is_answered_already_does_not_park;
            approvals: a_decision_in_the_moment_of_parking_is_not_lost;
            approvals: time_runs_out_once_and_only_for_those_that_are_due;
            approvals: many_questions_run_out_of_time_together;
            approvals: a_decision_and_the_end_of_time_cannot_both_count;
            approvals: whatever_a_person_wants_is_kept_as_they_said_it;
            lists: a_run_comes_back_with_what_came_with_it;
            lists: a_filter_lists_what_fits_all_of_its_conditions;
            lists: a_text_is_found_as_it_stands_but_for_ascii_case;
            lists: entries_are_read_from_any_position_on;
            lists: approvals_are_listed_by_tenant_by_agent_and_page_by_page;
            lists: it_is_known_how_many_wait_and_since_when;
            cancelling: a_run_that_is_cancelled_is_due_at_once_and_says_who_wanted_it_first;
            cancelling: a_worker_hears_of_a_cancellation_with_its_next_append_and_that_counts_all_the_same;
            cancelling: what_has_ended_or_never_was_is_not_cancelled;
            cancelling: a_parked_run_that_is_cancelled_is_woken_and_its_question_closed;
            cancelling: nobody_is_asked_about_a_run_that_was_cancelled;
            cancelling: a_cancellation_in_the_moment_of_parking_is_not_lost;
            cancelling: a_decision_and_a_cancellation_cannot_both_answer_the_question;
            access: of_fifty_requests_with_one_key_one_is_the_first;
            access: a_repeated_request_gets_the_first_answer_and_another_one_none;
            access: old_requests_are_forgotten_and_only_those;
            access: what_was_said_of_a_run_is_kept_once_and_read_in_its_order;
            access: keys_are_kept_once_by_id_and_by_name_and_end_for_good;
            access: who_did_what_is_listed_newest_first_and_narrowed_down;
            budgets: money_is_reserved_under_every_scope_or_under_none;
            budgets: reservations_at_once_never_go_over_the_limit;
            budgets: a_reservation_that_is_repeated_counts_once;
            budgets: what_was_reserved_is_replaced_by_what_was_spent;
            budgets: an_append_that_fails_settles_nothing;
            budgets: days_and_scopes_are_apart_and_huge_amounts_are_no_way_around_a_limit;
            budgets: an_answer_is_given_again_until_it_expires;
        }
    };
    (@cases $fresh:path; $($area:ident: $case:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(place) = $fresh().await else { return };
                $crate::store_suite::$area::$case(place.stores()).await;
                place.remove().await;
            }
        )*
    };
}

/// Runs all at once and gives what they gave.
pub(crate) async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    tasks.into_iter().collect::<JoinSet<T>>().join_all().await
}

pub(crate) fn run_id(n: u32) -> RunId {
    RunId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)))
}

pub(crate) fn approval_id(n: u32) -> ApprovalId {
    ApprovalId::from_uuid(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + u128::from(n)))
}

pub(crate) fn new_run(n: u32) -> NewRun {
    NewRun {
        id: run_id(n),
        agent: "returns".to_owned(),
        version: "5f".repeat(32),
        principal: Principal::new("c-1001"),
        input: "Where is my order?".to_owned(),
        context: RunContext::default(),
        created_at: Timestamp(n.into()),
        claim: None,
    }
}

/// An entry that says who wrote it, and whose hash depends on that.
pub(crate) fn plain(position: u32, by: &str) -> Entry {
    let payload = Ruled { escalate: by.to_owned(), fired: Vec::new() }.into_payload();
    let mut entry = Entry { position, at: Timestamp(i64::from(position) + 7), took_us: 3, payload, hash: [0; 32] };
    entry.hash = chain::hash(&[1; 32], &entry);
    entry
}

/// A question of run `n` that can be answered before time 5000.
pub(crate) fn question(n: u32) -> NewApproval {
    NewApproval {
        id: approval_id(n),
        run: run_id(n),
        agent: "returns".to_owned(),
        principal: Principal { id: "c-1001".to_owned(), tenant: "north".to_owned() },
        tool: "refund".to_owned(),
        arguments: json!({ "order_id": "#W0000001", "amount": 49.95 }).as_object().unwrap().clone(),
        arguments_hash: "ab".repeat(32),
        reason: "a refund of more than $40".to_owned(),
        created_at: Timestamp(n.into()),
        expires_at: Timestamp(5_000),
    }
}

pub(crate) fn answer(text: &str) -> AnswerRecord {
    AnswerRecord {
        text: text.to_owned(),
        confidence: 0.1 + 0.2,
        sources: vec!["returns.md#10-20".to_owned()],
        requires_human_review: false,
        body: json!({ "answer": text, "share": 1e-7, "deep": [[[{}]]] }),
    }
}

pub(crate) fn finished(state: FinalState, cost: u64) -> Change {
    let reply = Replied {
        state,
        answer: None,
        origin: String::new(),
        code: String::new(),
        reason: String::new(),
        escalated_to: String::new(),
        done_so_far: Vec::new(),
        usage: UsageRecord::default(),
        cost: MicroUsd(cost),
    };
    Change::Finish { at: Timestamp(900), reply: Box::new(reply) }
}
