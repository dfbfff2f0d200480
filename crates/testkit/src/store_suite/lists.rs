//! Lists and what they can be narrowed down to.
#![expect(missing_docs, reason = "each name is a sentence")]

use mainstay_core::clock::Timestamp;
use mainstay_core::id::RunId;
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::{FinalState, RunContext, Said, Speaker};
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{ApprovalFilter, Change, NewApproval, NewRun, RunFilter, RunRecord, RunState};
use serde_json::json;

use super::approvals::{all, park, pending, ruling};
use super::{Stores, approval_id, finished, new_run, question, run_id};

pub async fn a_run_comes_back_with_what_came_with_it(stores: Stores) {
    let texts = ["\0\u{1a}0", "\"'; --", "\u{FFFF} नमस्ते"];
    let said = |by, text: &str| Said { by, text: text.to_owned() };
    let context = RunContext {
        conversation: texts[1].to_owned(),
        history: vec![said(Speaker::Principal, texts[0]), said(Speaker::Agent, texts[2])],
        metadata: json!({ "z": [0.1, -0.0, u64::MAX, i64::MIN, null], "a": { texts[0]: texts[2] } })
            .as_object()
            .unwrap()
            .clone(),
        trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        key: "key_7".to_owned(),
        key_usd_per_day: Some(MicroUsd(5_000_000)),
    };
    let new = NewRun { context: context.clone(), claim: Some(("w".to_owned(), Timestamp(9))), ..new_run(1) };
    stores.journal.create(&new).await.unwrap();
    let stored = stores.record(run_id(1)).await;
    assert_eq!(stored.context, context);
    assert_eq!(chain::seed(&stored), chain::seed(&RunRecord { context, ..stored.clone() }), "the chain holds");
    assert_eq!(stores.claim("other", 10, 1).await[0].context, stored.context, "whoever resumes it has it too");
    assert_eq!(stores.journal.runs(&every_run()).await.unwrap()[0].context, stored.context);
}

/// Every combination of conditions, against what a plain filter in memory finds.
pub async fn a_filter_lists_what_fits_all_of_its_conditions(stores: Stores) {
    const RUNS: u32 = 48;
    for n in 0..RUNS {
        let bit = |bit: u32| n & (1 << bit) != 0;
        let principal = Principal {
            id: if bit(0) { "c-1" } else { "c-2" }.to_owned(),
            tenant: if bit(1) { "north" } else { "south" }.to_owned(),
        };
        let conversation = if bit(2) { "chat" } else { "" }.to_owned();
        let new = NewRun {
            agent: if bit(3) { "returns" } else { "orders" }.to_owned(),
            principal,
            input: if bit(4) { "Where is my ORDER?" } else { "Hello." }.to_owned(),
            context: RunContext { conversation, ..RunContext::default() },
            claim: Some(("w".to_owned(), Timestamp(1_000_000))),
            ..new_run(n)
        };
        stores.journal.create(&new).await.unwrap();
        if n % 3 == 0 {
            let lease = mainstay_core::store::Lease { run: new.id, worker: "w".to_owned(), epoch: 1 };
            stores.append(&lease, 0..1, vec![finished(FinalState::Answered, 0)]).await.unwrap();
        }
    }
    let everything = stores.journal.runs(&every_run()).await.unwrap();
    assert_eq!(everything.len(), RUNS as usize);
    let text = |text: &str| Some(text.to_owned());
    for chosen in 0..1_u32 << 7 {
        let when = |bit: u32, value: Option<String>| value.filter(|_| chosen & (1 << bit) != 0);
        let filter = RunFilter {
            tenant: when(0, text("north")),
            agent: when(1, text("returns")),
            state: (chosen & 4 != 0).then_some(RunState::Ended(FinalState::Answered)),
            principal: when(3, text("c-1")),
            conversation: when(4, text("chat")),
            text: when(5, text("my order")),
            before: (chosen & 64 != 0).then_some(run_id(RUNS - 10)),
            limit: 100,
        };
        let fits = |run: &&RunRecord| {
            filter.tenant.as_ref().is_none_or(|tenant| *tenant == run.principal.tenant)
                && filter.agent.as_ref().is_none_or(|agent| *agent == run.agent)
                && filter.state.is_none_or(|state| state == run.state)
                && filter.principal.as_ref().is_none_or(|principal| *principal == run.principal.id)
                && filter.conversation.as_ref().is_none_or(|name| *name == run.context.conversation)
                && filter.text.as_ref().is_none_or(|text| run.input.to_lowercase().contains(text))
                && filter.before.is_none_or(|before| run.id < before)
        };
        let expected: Vec<RunId> = everything.iter().filter(fits).map(|run| run.id).collect();
        let found: Vec<RunId> = stores.journal.runs(&filter).await.unwrap().iter().map(|run| run.id).collect();
        assert_eq!(found, expected, "{filter:?}");
        let two = stores.journal.runs(&RunFilter { limit: 2, ..filter.clone() }).await.unwrap();
        assert!(two.iter().map(|run| run.id).eq(expected.into_iter().take(2)), "{filter:?}");
    }
    let nothing = RunFilter { conversation: Some(String::new()), ..every_run() };
    assert_eq!(stores.journal.runs(&nothing).await.unwrap(), [], "no name is no conversation");
}

pub async fn a_text_is_found_as_it_stands_but_for_ascii_case(stores: Stores) {
    let inputs =
        ["a 100% discount", "a 100 discount", "under_score", "underXscore", "back\\slash", "\0 after", "École"];
    for (n, input) in (0..).zip(inputs) {
        stores.journal.create(&NewRun { input: input.to_owned(), ..new_run(n) }).await.unwrap();
    }
    for (text, expected) in [
        ("100% D", &[0][..]),
        ("100", &[1, 0]),
        ("R_S", &[2]),
        ("K\\S", &[4]),
        ("AFTER", &[5]),
        ("\0 a", &[5]),
        ("École", &[6]),
        ("éCOLE", &[]),
        ("'; --", &[]),
        ("%", &[0]),
    ] {
        let filter = RunFilter { text: Some(text.to_owned()), ..every_run() };
        let found: Vec<RunId> = stores.journal.runs(&filter).await.unwrap().iter().map(|run| run.id).collect();
        assert_eq!(found, expected.iter().copied().map(run_id).collect::<Vec<_>>(), "{text:?}");
    }
    let endless = RunFilter { text: Some("a".repeat(100_000)), ..every_run() };
    assert!(stores.journal.runs(&endless).await.is_err(), "the work grows with the text");
}

pub async fn entries_are_read_from_any_position_on(stores: Stores) {
    let lease = stores.held(1).await;
    stores.append(&lease, 0..5, vec![]).await.unwrap();
    for from in [0, 3, 4, 5, u32::MAX] {
        let positions: Vec<u32> =
            stores.journal.entries(lease.run, from).await.unwrap().iter().map(|entry| entry.position).collect();
        assert_eq!(positions, (from..5).collect::<Vec<_>>(), "from {from}");
    }
}

pub async fn approvals_are_listed_by_tenant_by_agent_and_page_by_page(stores: Stores) {
    for n in 0..12 {
        let lease = stores.held(n).await;
        let asked = NewApproval {
            agent: if n % 2 == 0 { "returns" } else { "orders" }.to_owned(),
            principal: Principal {
                id: "c-1".to_owned(),
                tenant: if n % 3 == 0 { "north" } else { "south" }.to_owned(),
            },
            ..question(n)
        };
        stores.append(&lease, 0..1, vec![Change::Park(asked)]).await.unwrap();
    }
    stores.approvals.decide(&ruling(6, "ann")).await.unwrap();
    let north = || Some("north".to_owned());
    let list = async |filter: ApprovalFilter| {
        let found = stores.approvals.approvals(&filter).await.unwrap();
        (0..12).rev().filter(|n| found.iter().any(|one| one.asked.id == approval_id(*n))).collect::<Vec<u32>>()
    };
    assert_eq!(list(ApprovalFilter { tenant: north(), ..all() }).await, [9, 6, 3, 0]);
    assert_eq!(list(ApprovalFilter { tenant: north(), ..pending() }).await, [9, 3, 0]);
    assert_eq!(list(ApprovalFilter { tenant: north(), agent: Some("returns".into()), ..pending() }).await, [0]);
    assert_eq!(list(ApprovalFilter { agent: Some("orders".into()), ..pending() }).await, [11, 9, 7, 5, 3, 1]);
    assert!(list(ApprovalFilter { tenant: Some("west".into()), ..all() }).await.is_empty());
    let page = ApprovalFilter { before: Some(approval_id(9)), limit: 3, ..pending() };
    let found = stores.approvals.approvals(&page).await.unwrap();
    assert!(found.iter().map(|one| one.asked.id).eq([8, 7, 5].map(approval_id)), "{found:?}");
}

pub async fn it_is_known_how_many_wait_and_since_when(stores: Stores) {
    assert_eq!(stores.approvals.waiting().await.unwrap(), (0, None));
    for n in [5, 3, 8] {
        park(&stores, n).await;
    }
    assert_eq!(stores.approvals.waiting().await.unwrap(), (3, Some(Timestamp(3))));
    stores.approvals.decide(&ruling(3, "ann")).await.unwrap();
    assert_eq!(stores.approvals.waiting().await.unwrap(), (2, Some(Timestamp(5))));
}

fn every_run() -> RunFilter {
    RunFilter { limit: 100, ..RunFilter::default() }
}
