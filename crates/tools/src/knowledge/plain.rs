//! Text files: paragraphs between blank lines.

use super::document::{Kind, Parsed, mark_length};
use super::text::Text;

pub(super) fn parse(source: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut paragraph = Text::default();
    let mut at = mark_length(source);
    for line in source.get(at..).unwrap_or_default().split_inclusive('\n') {
        let start = at + (line.len() - line.trim_start().len());
        let words = line.trim();
        if words.is_empty() {
            parsed.push(Kind::Body, std::mem::take(&mut paragraph));
        } else {
            paragraph.new_line();
            paragraph.may_break();
            paragraph.push(words, start..start + words.len());
        }
        at += line.len();
    }
    parsed.push(Kind::Body, paragraph);
    parsed
}
