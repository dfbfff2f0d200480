//! Views of what a text says in code: each decoder reads the text once.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::fold::tag;
use super::{MAX_DEPTH, Origin, View, Writer};

/// Shorter runs are words more often than code.
const SHORTEST_BASE64: usize = 16;
const SHORTEST_HEX: usize = 16;
/// Fewer escapes or tag characters carry no sentence.
const FEWEST_ESCAPES: usize = 4;
/// This many single letters in a row spell something.
const FEWEST_SPACED: usize = 5;

/// Every decoded view of the text.
pub(super) fn all(text: &str, folded: &View) -> Vec<View> {
    let mut views = Vec::new();
    runs(text, 1, None, &mut views);
    views.extend(tags(text));
    views.extend(escapes(text).map(refolded));
    views.extend(joined(folded));
    views.extend(letters_for_digits(folded));
    views.push(folded.mapped(|_, c| Some(rot13(c))));
    views.push(backwards(folded));
    views
}

/// Base64 and hexadecimal runs, and those inside what they decode to.
fn runs(text: &str, depth: usize, whole: Option<Range<usize>>, views: &mut Vec<View>) {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes.iter().skip(at).take_while(|byte| is_code(**byte)).count();
        let run = at..at + length;
        at = run.end + 1;
        if length < SHORTEST_BASE64.min(SHORTEST_HEX) {
            continue;
        }
        let Some(plain) = text.get(run.clone()).and_then(|code| hex(code).or_else(|| base64(code))) else { continue };
        let whole = whole.clone().unwrap_or(run);
        let mut view = View::folded(&plain);
        view.origin = Origin::Whole(whole.clone());
        views.push(view);
        if depth < MAX_DEPTH {
            runs(&plain, depth + 1, Some(whole), views);
        }
    }
}

fn base64(code: &str) -> Option<String> {
    if code.len() < SHORTEST_BASE64 {
        return None;
    }
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if code.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let bytes = GeneralPurpose::new(alphabet, lenient).decode(code).ok()?;
    readable(bytes)
}

fn hex(code: &str) -> Option<String> {
    let digits = code.strip_prefix("0x").unwrap_or(code).as_bytes();
    if digits.len() < SHORTEST_HEX || !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> = digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(value(high)? << 4 | value(low)?),
            _ => None,
        })
        .collect();
    readable(bytes?)
}

/// The bytes as text, when they look like written words and not like chance.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let (mut letters, mut all) = (0_usize, 0_usize);
    for c in text.chars() {
        if c.is_control() && !c.is_whitespace() {
            return None;
        }
        all += 1;
        letters += usize::from(c.is_alphanumeric() || c == ' ');
    }
    (letters * 10 >= all * 7).then_some(text)
}

/// What the invisible tag characters spell.
fn tags(text: &str) -> Option<View> {
    let mut writer = Writer::with_capacity(16);
    for (start, c) in text.char_indices() {
        if let Some(hidden) = tag(c) {
            writer.push(hidden.to_ascii_lowercase(), start..start + c.len_utf8());
        }
    }
    (writer.text.len() >= FEWEST_ESCAPES).then(|| writer.finish())
}

/// The text with percent, entity and backslash escapes replaced.
fn escapes(text: &str) -> Option<View> {
    let mut writer = Writer::with_capacity(text.len());
    let (mut at, mut count) = (0, 0);
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let (decoded, length) = match escape(text.as_bytes().get(at..).unwrap_or_default()) {
            Some((decoded, length)) => {
                count += 1;
                (decoded, length)
            }
            None => (c, c.len_utf8()),
        };
        writer.push(decoded, at..at + length);
        at += length;
    }
    (count >= FEWEST_ESCAPES).then(|| writer.finish())
}

/// The character that an escape at the start of these bytes stands for, and the escape's length.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let (skip, digits, radix, close) = match bytes {
        [b'%', ..] => (1, 2, 16, false),
        [b'\\', b'x' | b'X', ..] => (2, 2, 16, false),
        [b'\\', b'u', b'{', ..] => (3, 6, 16, true),
        [b'\\', b'u', ..] => (2, 4, 16, false),
        [b'&', b'#', b'x' | b'X', ..] => (3, 6, 16, true),
        [b'&', b'#', ..] => (2, 7, 10, true),
        _ => return None,
    };
    let rest = bytes.get(skip..)?;
    let length = rest.iter().take(digits).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    if length == 0 || (!close && length != digits) {
        return None;
    }
    let number = std::str::from_utf8(rest.get(..length)?).ok()?;
    let decoded = char::from_u32(u32::from_str_radix(number, radix).ok()?).filter(|c| !c.is_control())?;
    let closed = close && matches!(rest.get(length), Some(b';' | b'}'));
    Some((decoded, skip + length + usize::from(closed)))
}

/// A view of unfolded text, folded.
fn refolded(view: View) -> View {
    let mut writer = Writer::with_capacity(view.text.len());
    for (at, c) in view.text.char_indices() {
        super::fold::reading(c, &mut |folded| writer.push(folded, view.span(at..at + c.len_utf8())));
    }
    writer.finish()
}

/// `i g n o r e   a l l` as `ignore all`: single letters with one mark between them are joined.
fn joined(folded: &View) -> Option<View> {
    let letters: Vec<(usize, char)> = folded.text.char_indices().collect();
    let single = |at: usize| {
        let is_word = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|(_, c)| c.is_alphanumeric());
        is_word(Some(at)) && !is_word(at.checked_sub(1)) && !is_word(at.checked_add(1))
    };
    let mut dropped = vec![false; letters.len()];
    let (mut at, mut found) = (0, false);
    while at < letters.len() {
        let mut end = at;
        while single(end) && single(end + 2) {
            end += 2;
        }
        if (end - at) / 2 + 1 >= FEWEST_SPACED {
            (at..end)
                .skip(1)
                .step_by(2)
                .for_each(|mark| dropped.iter_mut().skip(mark).take(1).for_each(|gone| *gone = true));
            found = true;
        }
        at = end + 1;
    }
    let mut gone = dropped.into_iter();
    found.then(|| folded.mapped(|_, c| (!gone.next().unwrap_or(false)).then_some(c)))
}

/// `1gn0re` as `ignore`: signs inside words that also have letters.
fn letters_for_digits(folded: &View) -> Option<View> {
    let mut changed = false;
    let mut text = String::with_capacity(folded.text.len());
    for word in folded.text.split_inclusive(|c: char| !(c.is_alphanumeric() || sign_for_letter(c).is_some())) {
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        if letters >= 2 && word.chars().any(|c| sign_for_letter(c).is_some()) {
            changed = true;
            text.extend(word.chars().map(|c| sign_for_letter(c).unwrap_or(c)));
        } else {
            text.push_str(word);
        }
    }
    let mut signs = text.chars();
    changed.then(|| folded.mapped(|_, c| Some(signs.next().unwrap_or(c))))
}

const fn sign_for_letter(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        _ => return None,
    })
}

const fn rot13(c: char) -> char {
    match c {
        'a'..='m' => (c as u8 + 13) as char,
        'n'..='z' => (c as u8 - 13) as char,
        other => other,
    }
}

fn backwards(folded: &View) -> View {
    let whole = folded.span(0..folded.text.len());
    View { text: folded.text.chars().rev().collect(), origin: Origin::Whole(whole) }
}
