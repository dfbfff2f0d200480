//! Phone numbers: forms that are nothing else, and other long numbers beside a word that says so.
//!
//! An order number, a price, a date or a bare run of digits is no phone number, however long; a number counts without
//! a word only when it is written as people write phone numbers (`+…`, `(541) 754-3010`, `01 23 45 67 89`,
//! `030 1234567`).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

const EXTENSION: &str = r"(?: ?(?:x|ext\.?|extension|durchwahl) ?[0-9]{1,6})?";

/// Forms that speak for themselves; all of bounded length, so that finding every match stays linear.
static FORMS: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        // International.
        r"\+ ?[1-9][0-9]{0,2}(?:[ ./-]{0,2}\(?[0-9]{1,6}\)?){1,6}",
        r"\b00[1-9][0-9]{0,2}[ .-](?:[ ./-]?\(?[0-9]{1,5}\)?){2,5}",
        // North America.
        r"(?:\b1[ .-])?(?:\([0-9]{3}\) ?|\b[0-9]{3}[.-])[0-9]{3}[ .-][0-9]{4}",
        // Five pairs, as in France.
        r"\b0[1-9](?: [0-9]{2}){4}|\b0[1-9](?:\.[0-9]{2}){4}|\b0[1-9](?:-[0-9]{2}){4}",
        // An area code that starts with a zero.
        r"\b0[1-9][0-9]{0,3}[ /-][0-9]{2,8}(?:[ -][0-9]{2,4}){0,3}",
        // An area code in brackets.
        r"\([0-9]{2,5}\)[ -]?[0-9]{3,8}(?:[ -][0-9]{2,4}){0,2}",
    ];
    pattern(&format!("(?:{}){EXTENSION}", forms.join("|")))
});

/// Words that announce a number, what may lie between, and the number.
static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    let words = "phones?|phone number|telephone|telefon[a-z]*|telefoon[a-z]*|tel|mobile|mobil|mobilnummer|cell|cellphone|fax|call|calling|\
        dial|sms|whatsapp|ring|reach|hotline|answering|handy|handynummer|rufnummer|anrufen|ruf|rufen|portable|appelez|appeler|\
        numero|movil|celular|llamar|llame|llamame|cellulare|chiamare|chiamami|telemovel|telemovel|ligar|bellen|bel|\
        komorka|komorki|zadzwon|zadzwonic|contact number|my number|text me";
    pattern(&format!(
        r"\b(?:(?:{words})\b|(?:desk|office|home|work) ?:)(?<between>[^0-9.!?+(]{{0,32}}(?:\bat|\bno\.|\bnr\.)?[^0-9.!?+(]{{0,8}})(?<number>{NUMBER}{EXTENSION})"
    ))
});

/// A number, and the word after it that tells what it is.
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"(?<number>{NUMBER}{EXTENSION})[ -]\(?(?:office|fax|mobile|cell|desk|home|work|handy|mobil)\b"))
});

const NUMBER: &str = r"\(?\+?[0-9](?:[ ./()-]{0,2}[0-9]){6,14}";

/// Between an announcing word and a number, these say that the number is something else.
static OTHERWISE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:order|invoice|account|tracking|reference|ref|ticket|case|id|isbn|card|amount|code|zip|policy|serial|item|sku|iban",
        r"|konto[a-z]*|bestell[a-z]*|auftrag[a-z]*|rechnung[a-z]*|kunden[a-z]*|commande|facture|compte|pedido|factura|cuenta",
        r"|ordine|fattura|conto|encomenda|zamowien[a-z]*|price|cost|euros?|dollars?|usd|eur|gbp|year|model)\b",
    ))
});

/// Dates, addresses of computers, and US social security numbers are no phone numbers.
static NEVER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:(?:19|20)[0-9]{2}[./-][0-9]{1,2}[./-][0-9]{1,2}.*|[0-9]{1,2}[./-][0-9]{1,2}[./-](?:19|20)?[0-9]{2}(?: .*)?",
        r"|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|[0-9]{3}-[0-9]{2}-[0-9]{4}",
        r"|(?:19|20)[0-9]{2} ?- ?(?:19|20)[0-9]{2}|.*(?:19|20)[0-9]{2}-(?:19|20)[0-9]{2})$",
    ))
});

#[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles them all")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// The ranges of all phone numbers in a folded text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let formed = FORMS.find_iter(text).map(|form| form.range()).filter(|range| has_digits(text, range, 8..=15));
    let announced = ANNOUNCED.captures_iter(text).filter_map(|captures| {
        let between = captures.name("between")?.as_str();
        (!OTHERWISE.is_match(between)).then(|| captures.name("number").map(|number| number.range())).flatten()
    });
    let labelled = LABELLED.captures_iter(text).filter_map(|captures| Some(captures.name("number")?.range()));
    let beside_words = announced.chain(labelled).filter(|range| has_digits(text, range, 7..=15));
    formed.chain(beside_words).filter(|range| stands_alone(text, range) && !is_other(text, range)).collect()
}

/// Counts the digits of the number itself, without an extension.
fn has_digits(text: &str, range: &Range<usize>, count: std::ops::RangeInclusive<usize>) -> bool {
    let found = text.get(range.clone()).unwrap_or_default();
    let number = found.find(|c: char| c.is_alphabetic()).and_then(|extension| found.get(..extension)).unwrap_or(found);
    count.contains(&number.bytes().filter(u8::is_ascii_digit).count())
}

/// False when the number is the middle of something longer, a price or a marked id.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).and_then(|before| before.chars().next_back());
    let mut after = text.get(range.end..).unwrap_or_default().chars();
    let (next, then) = (after.next(), after.next());
    let joins = |c: char| c.is_alphanumeric() || "#$€£_@%".contains(c);
    let continues = next.is_some_and(|c| ".,-/:".contains(c)) && then.is_some_and(|c| c.is_ascii_digit());
    let continued = before.is_some_and(|c| joins(c) || ".,-/".contains(c) || c == '+');
    !continued && !next.is_some_and(joins) && !continues
}

fn is_other(text: &str, range: &Range<usize>) -> bool {
    text.get(range.clone()).is_some_and(|number| NEVER.is_match(number))
}
