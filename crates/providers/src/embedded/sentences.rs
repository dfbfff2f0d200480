//! Sentences of a passage, as byte ranges, so that what is quoted is verbatim.
//!
//! A sentence ends at `.`, `!`, `?` or `…` before a space, unless that is an abbreviation, and at line ends, unless the line
//! was only wrapped. Headings and questions are told apart: they say what follows is about, and answer nothing. So does the
//! first row of a table (`Country | Standard | Express`); the other rows stand alone under it.

use std::ops::Range;

/// One sentence of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
    /// Whether it may be quoted as an answer.
    pub(super) is_statement: bool,
    /// The table's first row, where this is another row of it.
    pub(super) table: Option<Range<usize>>,
}

/// Abbreviations that end in a stop and are followed by more, in four languages.
const ABBREVIATIONS: &[&str] = &[
    "abs", "adj", "approx", "apt", "art", "ave", "bspw", "bzw", "ca", "cf", "co", "corp", "dept", "dr", "ed", "eg",
    "esp", "est", "etc", "evtl", "excl", "fig", "ggf", "ie", "inc", "incl", "inkl", "jr", "km", "lt", "ltd", "max",
    "min", "mme", "mr", "mrs", "ms", "mt", "no", "nr", "núm", "op", "p", "pp", "prof", "rd", "sr", "sra", "st", "str",
    "tel", "vgl", "vol", "vs", "zb", "zzgl",
];
/// A line without a stop and with at most so many words is a heading.
const HEADING_WORDS: usize = 8;

/// A line at least this long may have been wrapped.
const WRAPPED: usize = 60;

/// Splits `text`; nothing but white space is left out.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut table: Option<Range<usize>> = None;
    let mut start = 0;
    let mut end = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        end += line.len();
        if line.contains(" | ") {
            let row = trimmed(text, start..end);
            sentences.push(Sentence { range: row.clone(), is_statement: table.is_some(), table: table.clone() });
            table.get_or_insert(row);
        } else if lines.peek().is_some_and(|next| is_wrapped(line, next)) {
            continue;
        } else {
            table = None;
            split_line(text.get(start..end).unwrap_or_default(), start, &mut sentences);
        }
        start = end;
    }
    sentences
}

/// Whether `text` is a row of a table that is written as one `Column: value` a line.
pub(super) fn is_record(text: &str) -> bool {
    let is_field = |line: &str| {
        line.split_once(": ").is_some_and(|(column, value)| {
            column.split_whitespace().nth(MOST_COLUMN_WORDS).is_none() && !column.contains('.') && !value.contains(". ")
        })
    };
    text.trim().lines().nth(1).is_some() && text.trim().lines().all(is_field)
}

/// All of `text` as one sentence.
pub(super) fn whole(text: &str) -> Sentence {
    Sentence { range: trimmed(text, 0..text.len()), is_statement: true, table: None }
}

/// Most words in the name of a column.
const MOST_COLUMN_WORDS: usize = 12;

/// Whether `next` goes on with the sentence of `line`.
fn is_wrapped(line: &str, next: &str) -> bool {
    let (line, next) = (line.trim(), next.trim());
    let is_over = line.is_empty() || line.ends_with(['.', '!', '?', ':', '…', '|', '。']) || next.contains(" | ");
    let begins_anew = next.is_empty() || next.starts_with(['-', '*', '•', '#', '|', '–']) || is_numbered(next);
    !is_over && !begins_anew && (line.len() >= WRAPPED || next.starts_with(char::is_lowercase))
}

/// `1. Open the app`
fn is_numbered(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(['.', ')']))
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let raw = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (raw.len() - raw.trim_start().len());
    start..start + raw.trim().len()
}

fn split_line(line: &str, offset: usize, sentences: &mut Vec<Sentence>) {
    let mut start = 0;
    let mut chars = line.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if !matches!(char, '.' | '!' | '?' | '…' | '。' | '？' | '！') {
            continue;
        }
        // Closing quotes and brackets belong to the sentence.
        let mut end = at + char.len_utf8();
        while let Some((at, next)) =
            chars.next_if(|(_, next)| matches!(next, '"' | '”' | '’' | '»' | '“' | ')' | ']' | '\''))
        {
            end = at + next.len_utf8();
        }
        let is_wide = matches!(char, '。' | '？' | '！');
        let next = chars.peek().map(|(_, next)| *next);
        let before = line.get(start..at).unwrap_or_default();
        let goes_on = next.is_some_and(|next| !next.is_whitespace()) && !is_wide;
        if goes_on || (char == '.' && next.is_some() && is_abbreviation(before, line.get(end..).unwrap_or_default())) {
            continue;
        }
        push(line, offset, start..end, sentences);
        start = end;
    }
    push(line, offset, start..line.len(), sentences);
}

/// Whether the stop after `before` only shortens a word, or numbers something (`1. Open the app`).
fn is_abbreviation(before: &str, after: &str) -> bool {
    let word = before.rsplit(|char: char| char.is_whitespace() || char == '(').next().unwrap_or_default();
    let letters: String = word.chars().filter(|char| *char != '.').flat_map(char::to_lowercase).collect();
    let goes_on_small = after.trim_start().starts_with(char::is_lowercase);
    let is_initial = letters.chars().count() == 1 && word.starts_with(char::is_uppercase);
    let is_item = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) && before.trim() == word;
    goes_on_small || is_initial || is_item || ABBREVIATIONS.binary_search(&letters.as_str()).is_ok()
}

fn push(line: &str, offset: usize, range: Range<usize>, sentences: &mut Vec<Sentence>) {
    let range = trimmed(line, range);
    let text = line.get(range.clone()).unwrap_or_default();
    if !text.is_empty() {
        let is_statement = is_statement(text);
        sentences.push(Sentence { range: offset + range.start..offset + range.end, is_statement, table: None });
    }
}

fn is_statement(text: &str) -> bool {
    if text.ends_with(['?', '？', ':', '¿']) || text.starts_with('#') {
        return false;
    }
    let is_stopped =
        text.trim_end_matches(['"', '”', '’', '»', '“', ')', ']', '\'']).ends_with(['.', '!', '…', '。', '！']);
    let is_item =
        text.starts_with(['-', '*', '•', '|']) || text.contains(':') || text.bytes().any(|b| b.is_ascii_digit());
    is_stopped || is_item || text.split_whitespace().nth(HEADING_WORDS).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|sentence| text.get(sentence.range).unwrap()).collect()
    }

    #[test]
    fn abbreviations_numbers_and_initials_do_not_end_a_sentence() {
        assert_eq!(
            split(
                "Delivery takes approx. 3.5 days, e.g. to Dr. J. Doe. Returns are free! Sure?\n1. Open the app.\n- Lamps\n"
            ),
            [
                "Delivery takes approx. 3.5 days, e.g. to Dr. J. Doe.",
                "Returns are free!",
                "Sure?",
                "1. Open the app.",
                "- Lamps"
            ]
        );
        assert_eq!(split("Er sagte „nein.“ Dann z.B. ging er."), ["Er sagte „nein.“", "Dann z.B. ging er."]);
        assert!(split(" \n\n").is_empty());
        assert!(ABBREVIATIONS.is_sorted());
    }

    #[test]
    fn wrapped_lines_are_one_sentence_and_list_items_are_not() {
        assert_eq!(
            split(
                "Orders that are sent back within 14 days of their delivery can be\nrefunded. They must be\nunused.\n\nNot\nthese"
            ),
            [
                "Orders that are sent back within 14 days of their delivery can be\nrefunded.",
                "They must be\nunused.",
                "Not\nthese"
            ]
        );
        assert_eq!(split("Fees\n- one\n- two\n2) three"), ["Fees", "- one", "- two", "2) three"]);
    }

    #[test]
    fn rows_of_a_table_stand_under_its_first() {
        let text = "Fees\nCountry | Fee\nAustria | 9.90\nSpain | 12.90\nNo others.";
        let found = sentences(text);
        let rows: Vec<_> = found.iter().map(|sentence| (sentence.is_statement, sentence.table.is_some())).collect();
        assert_eq!(rows, [(false, false), (false, false), (true, true), (true, true), (true, false)]);
        assert_eq!(text.get(found[3].table.clone().unwrap()), Some("Country | Fee"));
    }

    #[test]
    fn a_record_has_a_column_and_a_value_in_every_line() {
        assert!(is_record("Delivery to: Sweden\nCosts in EUR: 9.90\n"));
        for text in ["", "Lamps: 30 days", "Note: read this. Then go on.\nFees: none", "Fees: 3\nWe ship daily."] {
            assert!(!is_record(text), "{text}");
        }
        assert_eq!(whole(" a: b\nc: d\n").range, 1..10);
    }

    #[test]
    fn headings_and_questions_answer_nothing() {
        let statements = |text: &str| sentences(text).iter().map(|sentence| sentence.is_statement).collect::<Vec<_>>();
        assert_eq!(
            statements("Refunds\nHow long does it take?\nIt takes 5 days.\nLamps: 30 days"),
            [false, false, true, true]
        );
    }
}
