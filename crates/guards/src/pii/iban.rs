//! International bank account numbers: the country's length and the checksum modulo 97.

use std::ops::Range;

/// Country and length of its account numbers (ISO 13616 registry), sorted.
const LENGTHS: &[(&str, usize)] = &[
    ("ad", 24),
    ("ae", 23),
    ("al", 28),
    ("at", 20),
    ("az", 28),
    ("ba", 20),
    ("be", 16),
    ("bg", 22),
    ("bh", 22),
    ("bi", 27),
    ("br", 29),
    ("by", 28),
    ("ch", 21),
    ("cr", 22),
    ("cy", 28),
    ("cz", 24),
    ("de", 22),
    ("dj", 27),
    ("dk", 18),
    ("do", 28),
    ("dz", 26),
    ("ee", 20),
    ("eg", 29),
    ("es", 24),
    ("fi", 18),
    ("fk", 18),
    ("fo", 18),
    ("fr", 27),
    ("gb", 22),
    ("ge", 22),
    ("gi", 23),
    ("gl", 18),
    ("gr", 27),
    ("gt", 28),
    ("hn", 28),
    ("hr", 21),
    ("hu", 28),
    ("ie", 22),
    ("il", 23),
    ("iq", 23),
    ("is", 26),
    ("it", 27),
    ("jo", 30),
    ("kw", 30),
    ("kz", 20),
    ("lb", 28),
    ("lc", 32),
    ("li", 21),
    ("lt", 20),
    ("lu", 20),
    ("lv", 21),
    ("ly", 25),
    ("mc", 27),
    ("md", 24),
    ("me", 22),
    ("mk", 19),
    ("mn", 20),
    ("mr", 27),
    ("mt", 31),
    ("mu", 30),
    ("ni", 28),
    ("nl", 18),
    ("no", 15),
    ("om", 23),
    ("pk", 24),
    ("pl", 28),
    ("ps", 29),
    ("pt", 25),
    ("qa", 29),
    ("ro", 24),
    ("rs", 22),
    ("ru", 33),
    ("sa", 24),
    ("sc", 31),
    ("sd", 18),
    ("se", 24),
    ("si", 19),
    ("sk", 24),
    ("sm", 27),
    ("so", 23),
    ("st", 25),
    ("sv", 28),
    ("tl", 23),
    ("tn", 24),
    ("tr", 26),
    ("ua", 29),
    ("va", 22),
    ("vg", 24),
    ("xk", 20),
    ("ye", 30),
];

/// The ranges of all account numbers in a folded text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut before = ' ';
    for (start, c) in text.char_indices() {
        let begins_word = !before.is_alphanumeric();
        before = c;
        if begins_word && c.is_ascii_lowercase() && found.last().is_none_or(|last| last.end <= start) {
            found.extend(account(bytes.get(start..).unwrap_or_default()).map(|length| start..start + length));
        }
    }
    found
}

/// The length in bytes of an account number at the start of these bytes, single marks between its parts included.
fn account(bytes: &[u8]) -> Option<usize> {
    let mut signs = bytes.iter().enumerate().scan(0_usize, |gap, (at, byte)| {
        *gap = if byte.is_ascii_alphanumeric() { 0 } else { *gap + 1 };
        (*gap == 0 || *gap == 1 && b" -./".contains(byte)).then_some((at, *byte))
    });
    let mut letters = signs.by_ref().filter(|(_, byte)| byte.is_ascii_alphanumeric());
    let country = [letters.next()?.1, letters.next()?.1];
    let country = std::str::from_utf8(&country).ok()?;
    let row = LENGTHS.binary_search_by_key(&country, |(code, _)| *code).ok()?;
    let (_, length) = LENGTHS.get(row)?;
    let check = [letters.next()?.1, letters.next()?.1];
    if !check.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let rest: Vec<(usize, u8)> = letters.take(length - 4).collect();
    let end = rest.last()?.0 + 1;
    let follows = bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    if rest.len() != length - 4 || follows {
        return None;
    }
    let moved = rest.iter().map(|(_, byte)| *byte).chain(country.bytes()).chain(check);
    (remainder(moved) == 1).then_some(end)
}

/// The number modulo 97, letters counting from ten.
fn remainder(signs: impl Iterator<Item = u8>) -> u32 {
    signs.fold(0, |rest, sign| {
        let value = u32::from(if sign.is_ascii_digit() { sign - b'0' } else { sign - b'a' + 10 });
        (if value < 10 { rest * 10 } else { rest * 100 } + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_sorted_so_that_binary_search_finds_every_row() {
        assert!(LENGTHS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
