//! E-mail addresses, also written as `name (at) host (dot) com`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// RFC 5321 limits, in characters.
const LONGEST_LOCAL: usize = 64;
const LONGEST_HOST: usize = 253;

/// In brackets, or the two words with spaces around them and a well-known ending, since "at" and "dot" are words too.
#[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
static SPELLED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:[a-z0-9_%+-]{1,64}(?:\.|\s?[(\[{<]\s?dot\s?[)\]}>]\s?)){0,3}[a-z0-9_%+-]{1,64}",
        r"\s?[(\[{<]\s?(?:at|@|a)\s?[)\]}>]\s?",
        r"(?:[a-z0-9-]{1,63}(?:\.|\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?)){1,4}[a-z]{2,18}\b",
        r"|[a-z0-9._%+-]{1,64} at (?:[a-z0-9-]{1,63} ?(?:\.| dot ) ?){1,4}(?:com|org|net|edu|gov|io|de|fr|es|it|pl|nl|pt|uk|us|eu|hu|info|biz)\b",
    ))
    .expect("the pattern is valid")
});

/// The ranges of all addresses in a folded text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> =
        text.match_indices('@').filter_map(|(at, _)| address(text, at).or_else(|| spaced(text, at))).collect();
    // The patterns can only match where these words are, and matches are short.
    if text.contains("at") || text.contains("[@") || text.contains("(@") {
        found.extend(SPELLED.find_iter(text).map(|spelled| spelled.range()).filter(|range| {
            let dotted = text.get(range.clone()).unwrap_or_default();
            dotted.contains('(')
                || dotted.contains('[')
                || dotted.contains('{')
                || dotted.contains('<')
                || dotted.contains(" dot ")
        }));
    }
    found
}

/// The address around one `@`.
fn address(text: &str, at: usize) -> Option<Range<usize>> {
    let local_character = |c: char| c.is_alphanumeric() || "._%+-'!#$&*/=?^`{|}~".contains(c);
    let local: usize =
        text.get(..at)?.chars().rev().take(LONGEST_LOCAL).take_while(|c| local_character(*c)).map(char::len_utf8).sum();
    let name = text.get(at - local..at)?;
    // Marks may stand in an address, but not in front: there they belong to the sentence.
    let name = name.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '+');
    if name.is_empty() || name.ends_with('.') {
        return None;
    }
    let host_character = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
    let rest = text.get(at + 1..)?;
    let host: usize = rest.chars().take(LONGEST_HOST).take_while(|c| host_character(*c)).map(char::len_utf8).sum();
    let host = ending(rest.get(..host)?)?;
    Some(at - name.len()..at + 1 + host.len())
}

/// The host without what follows its top-level domain, such as the full stop of a sentence.
fn ending(host: &str) -> Option<&str> {
    let host = host.trim_end_matches(['.', '-']);
    let (rest, top) = host.rsplit_once('.')?;
    let is_top = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic) || top.starts_with("xn--");
    if is_top && rest.split('.').all(|label| !label.is_empty() && !label.starts_with('-')) {
        return Some(host);
    }
    // `anna@example.com.2` and the like: try what stands before.
    if is_top { None } else { rest.contains('.').then(|| ending(rest)).flatten() }
}

/// `a n n a @ e x a m p l e . c o m`: single characters with one space between them.
fn spaced(text: &str, at: usize) -> Option<Range<usize>> {
    let step = |characters: &mut dyn Iterator<Item = char>| {
        let mut length = 0;
        while let (Some(' '), Some(c)) = (characters.next(), characters.next()) {
            if !(c.is_alphanumeric() || "._%+-".contains(c)) || length > 2 * LONGEST_HOST {
                break;
            }
            length += 1 + c.len_utf8();
        }
        length
    };
    let before = step(&mut text.get(..at)?.chars().rev());
    let after = step(&mut text.get(at + 1..)?.chars());
    let range = at - before..at + 1 + after;
    let joined: String = text.get(range.clone())?.chars().filter(|c| *c != ' ').collect();
    let sign = joined.find('@')?;
    address(&joined, sign).filter(|whole| *whole == (0..joined.len()) && sign > 2).map(|_| range)
}
