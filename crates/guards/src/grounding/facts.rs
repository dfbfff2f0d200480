//! The facts of a draft, and the first of them that nothing supports.

use std::ops::Range;

use super::known::Known;
use super::{Fault, dates, numbers};

/// More quotations than this are not looked up one by one.
const MOST_QUOTATIONS: usize = 64;

/// Shorter quotations are emphasis or a name.
const QUOTED_WORDS: usize = 3;

/// So many digits before a word are no count.
const LONG: usize = 7;

/// A piece of a folded text that may be a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A number with what may follow it.
    Number { range: Range<usize>, values: Vec<String>, unit: Option<&'static str>, id: String },
    /// Letters and digits together, or digits with marks between that are no number.
    Id { range: Range<usize>, id: String, parts: Vec<&'a str> },
    /// A word.
    Word { range: Range<usize>, word: &'a str },
}

/// The first statement of a folded draft that is neither read nor asked.
pub(super) fn unsupported(text: &str, known: &Known) -> Option<Fault> {
    let shown = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default().trim().to_owned();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for (range, days) in dates::days(text) {
        if !days.iter().any(|day| known.has_day(day)) {
            return Some(Fault::Fact("date", shown(&range)));
        }
        taken.push(range);
    }
    for (range, time) in dates::times(text) {
        if !known.has_time(&time) {
            return Some(Fault::Fact("time", shown(&range)));
        }
        taken.push(range);
    }
    taken.sort_by_key(|range| range.start);
    let is_taken = |range: &Range<usize>| overlaps(&taken, range);
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        let fault = match token {
            Token::Number { range, .. } if is_taken(range) || is_trivial(text, token, &tokens, at) => None,
            Token::Number { range, values, unit, id } => {
                let is_known = known.has_number(values, *unit) || unit.is_none() && known.has_id(id);
                (!is_known && !joins_next(text, &tokens, at, known)).then(|| Fault::Fact("number", shown(range)))
            }
            Token::Id { range, .. } if is_taken(range) => None,
            Token::Id { range, id, parts } => (!is_known_id(id, parts, known)).then(|| Fault::Fact("id", shown(range))),
            Token::Word { range, word } => counted(word, &tokens, at)
                .filter(|(value, unit)| !known.has_number(&[(*value).to_owned()], Some(*unit)))
                .map(|_| Fault::Fact("number", shown(range))),
        };
        if fault.is_some() {
            return fault;
        }
    }
    quotation(text, known)
}

/// True when a range overlaps one of these, which are sorted.
pub(super) fn overlaps(taken: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = taken.partition_point(|date| date.end <= range.start);
    taken.get(next).is_some_and(|date| date.start < range.end)
}

/// An id is known as a whole; a range such as `5-7` or an enumeration such as `10/20` by its parts.
fn is_known_id(id: &str, parts: &[&str], known: &Known) -> bool {
    let numeric = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    known.has_id(id)
        || id == "247" && parts == ["24", "7"]
        || parts.len() > 1 && numeric && parts.iter().all(|part| known.has_number(&[numbers::json_value(part)], None))
}

/// `1 234,50`: two tokens that are one number.
fn joins_next(text: &str, tokens: &[Token<'_>], at: usize, known: &Known) -> bool {
    let joined = |first: Option<&Token<'_>>, second: Option<&Token<'_>>| match (first, second) {
        (Some(Token::Number { range, .. }), Some(Token::Number { range: next, unit, .. }))
            if range.end + 1 == next.start =>
        {
            let written = format!("{}{}", text.get(range.clone())?, text.get(next.clone())?);
            Some(known.has_number(&numbers::values(&written)?, *unit))
        }
        _ => None,
    };
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    joined(tokens.get(at), tokens.get(at + 1)) == Some(true) || joined(before, tokens.get(at)) == Some(true)
}

/// Numbers that state nothing; see the module comment of [`super`].
fn is_trivial(text: &str, token: &Token<'_>, tokens: &[Token<'_>], at: usize) -> bool {
    let Token::Number { range, values, unit, .. } = token else { return false };
    let before = text.get(..range.start).unwrap_or_default().chars().rev().find(|c| !" \t*#>-_(".contains(*c));
    let begins_line = before.is_none_or(|c| c == '\n' || c == '\r');
    let marked = text
        .get(range.end..)
        .is_some_and(|after| after.starts_with([')', ':']) || after.starts_with(". ") || after.starts_with(".\n"));
    let step = at.checked_sub(1).and_then(|before| tokens.get(before)).is_some_and(|before| {
        matches!(before, Token::Word { word, .. } if ["step", "option", "schritt", "etape", "paso", "passo", "point", "part"].contains(word))
    });
    let small = values.iter().any(|value| value.len() <= 2);
    unit.is_none()
        && small
        && (begins_line && marked || step || values.iter().any(|value| value == "0" || value == "1"))
}

/// `two weeks`: a number word counts only with a unit.
pub(super) fn counted(word: &str, tokens: &[Token<'_>], at: usize) -> Option<(&'static str, &'static str)> {
    let value = numbers::word(word)?;
    let next = |skip: usize| match tokens.get(at + skip) {
        Some(Token::Word { word, .. }) => Some(*word),
        _ => None,
    };
    let unit = match next(1) {
        Some(between) if numbers::is_between(between) => next(2).and_then(numbers::unit),
        other => other.and_then(numbers::unit),
    };
    // One-letter units are words of some language.
    unit.filter(|unit| unit.len() > 1).map(|unit| (value, unit))
}

/// Quotations of three words and more stand verbatim, apart from case and space, in one text.
fn quotation(text: &str, known: &Known) -> Option<Fault> {
    let mut count = 0;
    for line in text.lines() {
        // Every second piece is between quotes; the last one is open when the quotes are odd.
        let marks = line.matches('"').count();
        for quoted in line.split('"').take(marks).skip(1).step_by(2) {
            for part in quoted.split("...") {
                let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
                let part = part.trim_matches(|c: char| !c.is_alphanumeric());
                if part.split(' ').count() < QUOTED_WORDS {
                    continue;
                }
                count += 1;
                if count > MOST_QUOTATIONS {
                    return Some(Fault::TooMany);
                }
                if !known.has_text(part) {
                    return Some(Fault::Fact("quotation", part.to_owned()));
                }
            }
        }
    }
    None
}

/// The words, numbers and ids of a folded text.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let ranges = token_ranges(text);
    let word_after = |at: usize| {
        let word = |at: usize| ranges.get(at).and_then(|range| text.get(range.clone()));
        match word(at + 1) {
            Some(between) if numbers::is_between(between) => word(at + 2),
            word => word,
        }
    };
    let mut tokens = Vec::with_capacity(ranges.len());
    for (at, range) in ranges.iter().enumerate() {
        let Some(token) = text.get(range.clone()) else { continue };
        if !token.bytes().any(|byte| byte.is_ascii_digit()) {
            tokens.push(Token::Word { range: range.clone(), word: token });
            continue;
        }
        let before = text.get(..range.start).and_then(|before| before.trim_end_matches(' ').chars().next_back());
        let sign_after = text.get(range.end..).and_then(|after| after.trim_start_matches(' ').chars().next());
        let mut buffer = [0; 4];
        let mut sign = |c: Option<char>| c.and_then(|c| numbers::unit(c.encode_utf8(&mut buffer)));
        let around =
            sign(before.filter(|c| "$€£¥".contains(*c))).or_else(|| sign(sign_after.filter(|c| "$€£¥%".contains(*c))));
        let named = || {
            let adjacent = at.checked_sub(1).and_then(|before| text.get(ranges.get(before)?.clone()));
            let code = adjacent
                .filter(|word| word.len() == 3)
                .and_then(numbers::unit)
                .filter(|unit| numbers::is_currency(unit));
            code.or_else(|| word_after(at).and_then(numbers::unit))
        };
        match number(token) {
            Some((values, suffix)) if before != Some('#') => {
                let unit = around.or(suffix).or_else(named);
                tokens.push(Token::Number { range: range.clone(), values, unit, id: identity(token) });
            }
            _ => {
                let parts = token.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
                tokens.push(Token::Id { range: range.clone(), id: identity(token), parts });
            }
        }
    }
    tokens
}

/// The values of a number and the unit that is written onto it: `5kg`, `30-day`, `2nd`.
fn number(token: &str) -> Option<(Vec<String>, Option<&'static str>)> {
    if let Some(values) = numbers::values(token) {
        return Some((values, None));
    }
    let end = token.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))?;
    let (digits, suffix) = token.split_at(end);
    let values = numbers::values(digits.trim_end_matches(['.', ',']))?;
    match suffix.split('-').find(|part| !part.is_empty())? {
        "st" | "nd" | "rd" | "th" | "er" | "x" => Some((values, None)),
        unit if numbers::unit(unit).is_some() => Some((values, numbers::unit(unit))),
        // `12,000-word report`; longer digits before a dash are an id.
        word if suffix.starts_with('-')
            && digits.len() < LONG
            && word.len() > 2
            && word.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
        {
            Some((values, None))
        }
        _ => None,
    }
}

/// Letters and digits only.
fn identity(token: &str) -> String {
    token.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Runs of letters and digits, with single marks inside: `1,234.50`, `w1234-5`, `o'clock`, `30-day`.
fn token_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let end = at + c.len_utf8();
        let next = characters.peek().map(|(_, next)| *next);
        let has_digit = || {
            open.as_ref()
                .and_then(|open| text.get(open.clone()))
                .is_some_and(|token| token.ends_with(|c: char| c.is_ascii_digit()))
        };
        let inside = match c {
            _ if c.is_alphanumeric() => true,
            '.' | ',' | '\'' => has_digit() && next.is_some_and(|next| next.is_ascii_digit()),
            '-' | '_' | '/' | ':' => {
                has_digit() && next.is_some_and(char::is_alphanumeric)
                    || next.is_some_and(|next| next.is_ascii_digit()) && open.is_some()
            }
            _ => false,
        };
        match (&mut open, inside) {
            (Some(range), true) => range.end = end,
            (None, true) => open = Some(at..end),
            (_, false) => ranges.extend(open.take()),
        }
    }
    ranges.extend(open);
    ranges
}
