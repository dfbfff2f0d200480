//! Money by day, and answers that are given again.
#![expect(missing_docs, reason = "each name is a sentence")]

use mainstay_core::clock::Timestamp;
use mainstay_core::money::MicroUsd;
use mainstay_core::store::{Change, Reservation, Reserved};

use super::{Stores, answer, at_once, run_id};

const AGENT: &str = "agent/returns";
const PERSON: &str = "principal/default/returns/c-1001";

pub async fn money_is_reserved_under_every_scope_or_under_none(stores: Stores) {
    let scopes = [(AGENT, 100), (PERSON, 30)];
    assert_eq!(reserve(&stores, 1, 20, &scopes).await, Reserved::Yes);
    assert_eq!(spent(&stores).await, (20, 20));

    let over = Reserved::Over { scope: PERSON.to_owned(), limit: MicroUsd(30), spent: MicroUsd(20) };
    assert_eq!(reserve(&stores, 2, 11, &scopes).await, over);
    assert_eq!(spent(&stores).await, (20, 20), "the agent's budget was left alone");
    // What was refused is not remembered as reserved.
    assert_eq!(reserve(&stores, 2, 10, &scopes).await, Reserved::Yes);
    assert_eq!(spent(&stores).await, (30, 30));
    assert_eq!(reserve(&stores, 3, 0, &scopes).await, Reserved::Yes);
    assert_eq!(reserve(&stores, 4, 5, &[]).await, Reserved::Yes, "no limit, nothing to go over");

    // The limit of a scope that is named twice is the lower one, and it counts once.
    assert_eq!(reserve(&stores, 5, 5, &[(AGENT, 1_000), (AGENT, 36)]).await, Reserved::Yes);
    assert_eq!(spent(&stores).await, (35, 30));
}

pub async fn reservations_at_once_never_go_over_the_limit(stores: Stores) {
    let results = at_once((0..40).map(|n| {
        let stores = stores.clone();
        // Half name the scopes the other way round.
        let scopes = if n % 2 == 0 { [(AGENT, 100), (PERSON, 70)] } else { [(PERSON, 70), (AGENT, 100)] };
        async move { reserve(&stores, n, 7, &scopes).await }
    }))
    .await;
    assert_eq!(results.iter().filter(|reserved| **reserved == Reserved::Yes).count(), 10, "{results:?}");
    assert_eq!(spent(&stores).await, (70, 70));
}

pub async fn a_reservation_that_is_repeated_counts_once(stores: Stores) {
    let lease = stores.held(1).await;
    let results = at_once((0..10).map(|_| {
        let stores = stores.clone();
        async move { reserve(&stores, 1, 60, &[(AGENT, 100)]).await }
    }))
    .await;
    assert!(results.iter().all(|reserved| *reserved == Reserved::Yes), "{results:?}");
    assert_eq!(spent(&stores).await.0, 60);
    // The next step of the same run is another one.
    let next = Reservation { position: 5, ..reservation(1, 40, &[(AGENT, 100)]) };
    assert_eq!(stores.budgets.reserve(&next).await.unwrap(), Reserved::Yes);
    assert_eq!(spent(&stores).await.0, 100);
    stores.append(&lease, 0..1, vec![]).await.unwrap();
}

pub async fn what_was_reserved_is_replaced_by_what_was_spent(stores: Stores) {
    let lease = stores.held(1).await;
    let scopes = [(AGENT, 100), (PERSON, 100)];
    reserve(&stores, 1, 60, &scopes).await;
    let settled = |spent| vec![Change::Settle { position: 4, spent: MicroUsd(spent) }];
    stores.append(&lease, 0..1, settled(25)).await.unwrap();
    assert_eq!(spent(&stores).await, (25, 25));
    stores.append(&lease, 1..2, settled(25)).await.unwrap();
    assert_eq!(spent(&stores).await, (25, 25), "settled once, settled for good");
    // More than was reserved: it is spent all the same.
    reserve(&stores, 1, 10, &scopes).await;
    stores.append(&lease, 2..3, settled(90)).await.unwrap();
    assert_eq!(spent(&stores).await, (115, 115));
}

pub async fn an_append_that_fails_settles_nothing(stores: Stores) {
    let lease = stores.held(1).await;
    reserve(&stores, 1, 60, &[(AGENT, 100)]).await;
    stores.append(&lease, 0..1, vec![]).await.unwrap();
    let settle = || vec![Change::Settle { position: 4, spent: MicroUsd(1) }];
    assert!(stores.append(&lease, 0..1, settle()).await.is_err());
    assert_eq!(spent(&stores).await.0, 60);
    stores.append(&lease, 1..2, settle()).await.unwrap();
    assert_eq!(spent(&stores).await.0, 1);
}

pub async fn days_and_scopes_are_apart_and_huge_amounts_are_no_way_around_a_limit(stores: Stores) {
    let lease = stores.held(1).await;
    let today = reservation(1, 90, &[(AGENT, 100)]);
    let tomorrow = Reservation { run: run_id(2), day: today.day + 1, ..today.clone() };
    assert_eq!(stores.budgets.reserve(&today).await.unwrap(), Reserved::Yes);
    assert_eq!(stores.budgets.reserve(&tomorrow).await.unwrap(), Reserved::Yes);
    assert_eq!(stores.budgets.spent(AGENT, today.day - 1).await.unwrap(), MicroUsd::ZERO);
    assert_eq!(spent(&stores).await, (90, 0));

    let over = Reserved::Over { scope: AGENT.to_owned(), limit: MicroUsd(100), spent: MicroUsd(90) };
    assert_eq!(reserve(&stores, 3, u64::MAX, &[(AGENT, 100)]).await, over);
    // A provider that reports nonsense makes the day expensive, not free, and breaks nothing.
    stores.append(&lease, 0..1, vec![Change::Settle { position: 4, spent: MicroUsd(u64::MAX) }]).await.unwrap();
    assert!(spent(&stores).await.0 > 1_000_000_000_000);
    assert!(matches!(reserve(&stores, 4, 1, &[(AGENT, 100)]).await, Reserved::Over { .. }));
}

pub async fn an_answer_is_given_again_until_it_expires(stores: Stores) {
    let (first, second) = (answer("first \0 \u{1a}"), answer("second"));
    let cache = &stores.cache;
    assert_eq!(cache.get("k", Timestamp(0)).await.unwrap(), None);
    cache.put("k", &first, Timestamp(100)).await.unwrap();
    assert_eq!(cache.get("k", Timestamp(99)).await.unwrap(), Some(first));
    assert_eq!(cache.get("other", Timestamp(99)).await.unwrap(), None);
    assert_eq!(cache.get("k", Timestamp(100)).await.unwrap(), None);
    cache.put("k", &second, Timestamp(200)).await.unwrap();
    // Others come, old ones are swept, those that are still good stay.
    for n in 0..20 {
        cache.put(&format!("other {n}"), &second, Timestamp(50)).await.unwrap();
    }
    assert_eq!(cache.get("k", Timestamp(100)).await.unwrap(), Some(second));
}

fn reservation(n: u32, amount: u64, scopes: &[(&str, u64)]) -> Reservation {
    let scopes = scopes.iter().map(|(scope, limit)| ((*scope).to_owned(), MicroUsd(*limit))).collect();
    Reservation { run: run_id(n), position: 4, day: 20_000, amount: MicroUsd(amount), scopes }
}

async fn reserve(stores: &Stores, n: u32, amount: u64, scopes: &[(&str, u64)]) -> Reserved {
    stores.budgets.reserve(&reservation(n, amount, scopes)).await.unwrap()
}

/// What the agent and the person have spent and reserved.
async fn spent(stores: &Stores) -> (u64, u64) {
    let of = async |scope| stores.budgets.spent(scope, 20_000).await.unwrap().0;
    (of(AGENT).await, of(PERSON).await)
}
