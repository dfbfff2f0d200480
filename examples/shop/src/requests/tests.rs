use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::data::{DEFAULT_SEED, Status};

fn order_ids(text: &str) -> Vec<String> {
    let pattern = regex::Regex::new(r"#W[0-9]{7}\b").unwrap();
    pattern.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn the_same_seed_asks_the_same_and_a_longer_stream_begins_like_a_shorter_one() {
    let long = requests(DEFAULT_SEED, 200);
    assert_eq!(long, requests(DEFAULT_SEED, 200));
    assert_eq!(long[..50], requests(DEFAULT_SEED, 50));
    assert_ne!(long, requests(DEFAULT_SEED + 1, 200));
    assert!(requests(DEFAULT_SEED, 0).is_empty());
}

#[test]
fn twenty_requests_have_every_kind_and_a_long_stream_is_varied() {
    let kinds: BTreeSet<RequestKind> = requests(DEFAULT_SEED, 20).iter().map(|request| request.kind).collect();
    assert_eq!(kinds.len(), RequestKind::ALL.len());
    let stream = requests(DEFAULT_SEED, 1000);
    let texts: BTreeSet<&str> = stream.iter().map(|request| request.text.as_str()).collect();
    assert!(texts.len() > 700, "{}", texts.len());
    let principals: BTreeSet<&str> = stream.iter().map(|request| request.principal.as_str()).collect();
    assert!(principals.len() > 300, "{}", principals.len());
}

#[test]
fn no_placeholder_is_left_and_every_order_is_real_and_of_the_customer_who_names_it() {
    let shop = ShopData::new(DEFAULT_SEED);
    let mut foreign = 0;
    for request in requests(DEFAULT_SEED, 1500) {
        assert!(!request.text.contains('{') && !request.text.trim().is_empty(), "{}", request.text);
        assert!(shop.customer(&request.principal).is_some());
        for id in order_ids(&request.text) {
            let Some(order) = shop.order(&id) else {
                assert_eq!(request.kind, RequestKind::Attack, "{}", request.text);
                continue;
            };
            if order.customer != request.principal {
                assert!(matches!(request.kind, RequestKind::Awkward | RequestKind::Attack), "{}", request.text);
                foreign += 1;
            }
        }
    }
    assert!(foreign > 10, "some ask for other people's orders: {foreign}");
}

#[test]
fn refunds_are_asked_for_small_and_large_sums_and_for_orders_that_allow_none() {
    let shop = ShopData::new(DEFAULT_SEED);
    let mut sorts: BTreeMap<&str, usize> = BTreeMap::new();
    for request in requests(DEFAULT_SEED, 2000).iter().filter(|request| request.kind == RequestKind::Refund) {
        let sort = match order_ids(&request.text).first().and_then(|id| shop.order(id)) {
            None => "no order",
            Some(order) if order.status != Status::Delivered => "not delivered",
            Some(order) if order.refundable_cents() == 0 => "nothing refundable",
            Some(order) if order.refundable_cents() <= 5000 => "small",
            Some(_) => "large",
        };
        *sorts.entry(sort).or_default() += 1;
    }
    assert_eq!(sorts.len(), 5, "{sorts:?}");
    assert!(sorts["small"] > 60 && sorts["large"] > 60, "{sorts:?}");
}

#[test]
fn the_major_kinds_have_forty_templates_and_none_is_there_twice() {
    let mut seen = BTreeSet::new();
    for kind in RequestKind::ALL {
        let lines: Vec<&str> = kind.templates().lines().collect();
        let least = match kind {
            RequestKind::Typos | RequestKind::Pii => 15,
            RequestKind::AddressChange | RequestKind::OutOfScope => 30,
            _ => 40,
        };
        assert!(lines.len() >= least, "{} has {}", kind.as_str(), lines.len());
        for line in lines {
            assert!(!line.trim().is_empty(), "{}", kind.as_str());
            assert!(seen.insert(line), "twice: {line}");
        }
    }
}
