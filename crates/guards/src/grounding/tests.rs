use serde_json::json;

use super::*;
use crate::draft_fixture::Fixture;

fn order() -> Fixture {
    Fixture::new("Where is order #W1234567? I paid with card [card_1].", "").read(json!({
        "order_id": "#W1234567",
        "status": "delivered",
        "total": 1249.5,
        "currency": "EUR",
        "delivered_at": "2024-05-13T16:00:00Z",
        "discount": 0.15,
        "items": [{ "name": "Desk lamp", "price": 49.99 }, { "name": "Chair 4XL", "price": 1199.51 }],
        "note": "Ordered via app, weight 5 kg, warranty two years",
    }))
}

fn policy() -> Fixture {
    Fixture::new("How long can I return a lamp?", "").passage(
        "returns.md#0-180",
        "You may return unused items within 30 days of delivery. Opened lamps are exchanged, never refunded. Refunds reach your \
         account in 5-7 business days. Shipping costs of $4.90 are not refunded.",
    )
}

fn verdict(mut fixture: Fixture, text: &str) -> Verdict {
    fixture.text = text.to_owned();
    fixture.with(|draft| Grounding::default().verdict(draft))
}

#[track_caller]
fn passes(fixture: Fixture, text: &str) {
    assert_eq!(verdict(fixture, text), Verdict::Pass, "{text}");
}

#[track_caller]
fn blocks(fixture: Fixture, text: &str, about: &str) {
    match verdict(fixture, text) {
        Verdict::Block(reason) => assert!(reason.contains(about), "{text}: {reason}"),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn facts_that_were_read_pass_however_they_are_written() {
    for text in [
        "Order #W1234567 was delivered on May 13, 2024.",
        "Order W1234567 was delivered on 13.05.2024 at 4 pm.",
        "It was delivered on 13 May.",
        "Your total was €1,249.50.",
        "Your total was 1.249,50 EUR.",
        "Ihre Summe betrug 1 249,50 Euro.",
        "The lamp costs 49.99 and the chair 4XL costs 1199.51 euros.",
        "You got a 15% discount.",
        "It weighs 5kg and has a 2-year warranty.",
        "The order has 2 items.",
        "It was delivered in 2024.",
        "1. Open the app.\n2. Choose the order.\n3) Press return.",
        "Step 3: we are here 24/7.",
        "I wrote to [email_1] about it [1].",
        "You have 1 order.",
        "I can't find order #W1234567.",
    ] {
        passes(order(), text);
    }
}

#[test]
fn one_wrong_fact_blocks() {
    for (text, about) in [
        ("Order #W1234568 was delivered.", "id"),
        ("Your total was €1,249.40.", "number"),
        ("Your total was $1,249.50.", "number"),
        ("It was delivered on May 14, 2024.", "date"),
        ("It was delivered on May 13, 2023.", "date"),
        ("It was delivered at 5 pm.", "time"),
        ("You got a 25% discount.", "number"),
        ("It weighs 5 g.", "number"),
        ("It has a three year warranty.", "number"),
        ("Your order has 17 items.", "number"),
        ("Your tracking code is 1Z999AA1.", "id"),
        ("The note says \"delivered to your neighbour\".", "quotation"),
    ] {
        blocks(order(), text, about);
    }
}

#[test]
fn quotations_stand_verbatim_apart_from_case_and_space() {
    passes(policy(), "The policy says “you may return  unused items within 30 days”.");
    passes(policy(), "The policy says \"You may return ... within 30 days of delivery.\"");
    passes(policy(), "Press \"Return item\" in the shop.");
    blocks(policy(), "The policy says \"you may return used items within 30 days\".", "quotation");
}

#[test]
fn ranges_and_units_of_passages_are_kept() {
    passes(policy(), "The money arrives in 5-7 business days.");
    passes(policy(), "The money arrives in 5 to 7 days.");
    blocks(policy(), "You may return unused items within 30 weeks of delivery.", "number");
    blocks(policy(), "You may return unused items within 60 days of delivery.", "number");
    blocks(policy(), "Shipping costs of €4.90 are not refunded.", "number");
}

#[test]
fn sources_must_have_been_read() {
    let mut fixture = policy();
    fixture.sources = vec!["returns.md#0-180".to_owned()];
    passes(fixture, "You may return unused items within 30 days [returns.md#0-180].");
    let mut fixture = policy();
    fixture.sources = vec!["returns.md#0-999".to_owned()];
    blocks(fixture, "You may return unused items within 30 days.", "cites");
    blocks(policy(), "You may return unused items within 30 days (returns.md#0-999).", "0-999");
}

#[test]
fn without_evidence_only_the_request_may_be_repeated() {
    let asked = || Fixture::new("Can I return 3 lamps of order #W1234567?", "");
    passes(asked(), "You asked about 3 lamps of order #W1234567; a colleague will look at it.");
    passes(asked(), "I don't know.");
    blocks(asked(), "You can return them within 30 days.", "30");
    blocks(asked(), "Order #W7654321 is on its way.", "w7654321");
    blocks(asked(), "It arrives on May 3.", "may 3");
}

#[test]
fn sentences_about_something_else_go_to_a_person() {
    let text = "Our furniture designers in Copenhagen hand-pick walnut veneer from certified Scandinavian forests.";
    assert_eq!(verdict(policy(), text).as_str(), "escalate");
    for text in [
        "Sure! Unused things can go back up to 30 days after they were delivered.",
        "Lamps that were opened can only be exchanged.",
        "I'm sorry, I can't find anything about assembling wardrobes or ordering spare parts in our pages.",
        "I do not know whether Copenhagen warehouses keep certified walnut veneer available.",
        "Would you like somebody from our warehouse department to inspect those damages personally?",
        "Sie können unbenutzte Ware innerhalb von 30 Tagen nach der Lieferung zurückgeben, und das ist für Sie kostenlos.",
    ] {
        passes(policy(), text);
    }
    let lenient = Grounding::new(GroundingSettings { support: 0.0 });
    let mut fixture = policy();
    fixture.text = text.to_owned();
    assert_eq!(fixture.with(|draft| lenient.verdict(draft)), Verdict::Pass);
}

#[test]
fn hostile_drafts_and_evidence_are_read_to_the_end() {
    for piece in ["1 ", "1,", "\"a b c\" ", "[", "[a", "may 1 ", "#", "1:1 ", "a.", "1-"] {
        let flood = piece.repeat(100_000 / piece.len());
        let mut fixture = Fixture::new("", "").read(json!({ "text": flood }));
        fixture.text = format!("{flood} order zq77");
        assert!(matches!(fixture.with(|draft| Grounding::default().verdict(draft)), Verdict::Block(_)), "{piece:?}");
    }
}

/// A draft of an agent that has tools and has read nothing with them.
fn unread(text: &str) -> Fixture {
    let mut fixture = Fixture::new("Do I have to pay for the return label of #W7024889?", text);
    fixture.claims.push(("search_knowledge".to_owned(), Vec::new()));
    fixture
}

#[test]
fn who_has_read_nothing_states_nothing() {
    for text in [
        "No, you do not have to pay for the return label.",
        "The return label has not been paid for by the customer and is returned to the customer for convenience.",
        "Hello! Returns are free of charge within our shop.",
        "The status of the order is processing.",
        "I can tell you that returns are free for members.",
        "Die Rücksendung ist für alle Kunden kostenlos.",
        "#W7024889 is a new order.",
        "Les retours sont gratuits pour tous les clients.",
    ] {
        blocks(unread(text), text, "read nothing");
    }
    for text in [
        "Which order is it? Please send me the order number; it begins with #W.",
        "Um welche Bestellung geht es? Bitte nennen Sie die Bestellnummer.",
        "Hello, I am the assistant of the shop. I can look up your orders and answer questions about returns.",
        "I can look up your orders, and change the address of an order that is being processed.",
        "You're welcome! Feel free to ask other questions.",
        "I can't look up your order right now. A colleague will take over.",
        "I am sorry, I do not know.",
        "Ich kann Ihre Bestellung gerade nicht ansehen.",
    ] {
        passes(unread(text), text);
    }
    let mut without_tools = unread("The return label is free of charge for members.");
    without_tools.claims.clear();
    passes(without_tools, "The return label is free of charge for members.");
}
