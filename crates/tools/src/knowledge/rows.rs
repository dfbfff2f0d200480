//! CSV files: the first row names the columns, every other row is a passage of its own with those names.

use super::document::{Kind, Parsed, mark_length};
use super::text::Text;

pub(super) fn parse(source: &str) -> Result<Parsed, csv::Error> {
    let skipped = mark_length(source);
    let rest = source.get(skipped..).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rest.as_bytes());
    let mut parsed = Parsed::default();
    let mut record = csv::StringRecord::new();
    let mut names: Option<Vec<String>> = None;
    let mut start = 0;
    while reader.read_record(&mut record)? {
        let end = usize::try_from(reader.position().byte()).unwrap_or(rest.len()).min(rest.len());
        match &names {
            None => names = Some(record.iter().map(|name| name.trim().to_owned()).collect()),
            Some(names) => {
                let written = rest.get(start..end).unwrap_or_default();
                // Blank lines in front of the row belong to the range that was read.
                let from = skipped + start + (written.len() - written.trim_start().len());
                parsed.push(Kind::Alone, row(names, &record, source, from, from + written.trim().len()));
            }
        }
        start = end;
    }
    Ok(parsed)
}

fn row(names: &[String], record: &csv::StringRecord, source: &str, start: usize, end: usize) -> Text {
    let mut text = Text::default();
    // Values are found one after the other, so two equal ones do not get the same bytes.
    let mut from = start;
    for (number, value) in record.iter().enumerate() {
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        text.new_line();
        text.may_break();
        match names.get(number).filter(|name| !name.is_empty()) {
            Some(name) => text.push_mark(&format!("{name}: ")),
            None => text.push_mark(&format!("column {}: ", number + 1)),
        }
        match source.get(from..end).and_then(|written| written.find(value)) {
            Some(at) => {
                text.push(value, from + at..from + at + value.len());
                from += at + value.len();
            }
            // Quotes were doubled inside: only the whole row is certain.
            None => text.push(value, start..end),
        }
    }
    text
}
