//! Values by key: text, numbers, money, durations, words, dates, lists, JSON.

use std::ops::RangeInclusive;
use std::time::Duration;

use mainstay_core::money::MicroUsd;
use serde_json::{Map, Number, Value};
use time::{Date, Month};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

use super::super::problem::{Finding, Kind, closest, listed, quoted};
use super::super::source::Written;
use super::{Free, Table, type_name};

/// Why a value is not what is wanted, and what to do about it.
struct Wrong {
    message: String,
    hint: Option<String>,
}

impl Wrong {
    fn kind(key: &str, wanted: &str, found: &DeValue<'_>) -> Self {
        Self { message: format!("`{key}` must be {wanted}, not {}", type_name(found)), hint: None }
    }

    fn value(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl<'d> Table<'d> {
    /// A string.
    pub(crate) fn text(&self, key: &'static str) -> Option<Written<String>> {
        self.convert(key, |value| match value {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(Wrong::kind(key, "a string", other)),
        })
    }

    /// A line of text: not blank, at most 500 characters, nothing but printable characters.
    pub(crate) fn line(&self, key: &'static str) -> Option<Written<String>> {
        let text = self.text(key)?.map(|text| text.trim().to_owned());
        let Some(fault) = line_fault(&text.value) else { return Some(text) };
        self.wrong_value(&text.place, format!("`{key}` {fault}"), None);
        None
    }

    /// True or false.
    pub(crate) fn boolean(&self, key: &'static str) -> Option<Written<bool>> {
        self.convert(key, |value| match value {
            DeValue::Boolean(held) => Ok(*held),
            other => Err(Wrong::kind(key, "true or false", other)),
        })
    }

    /// A whole number in `range`.
    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Written<u64>> {
        self.convert(key, |value| {
            let DeValue::Integer(integer) = value else { return Err(Wrong::kind(key, "an integer", value)) };
            let number = whole(integer).and_then(|number| u64::try_from(number).ok());
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| Wrong::value(format!("`{key}` must be between {} and {}", range.start(), range.end())))
        })
    }

    /// A number, whole or decimal, as JSON knows it.
    pub(crate) fn number(&self, key: &'static str) -> Option<Written<Number>> {
        self.convert(key, |value| match json_number(value) {
            Some(Ok(number)) => Ok(number),
            Some(Err(())) => Err(Wrong::value(format!("`{key}` is no number that JSON can hold"))),
            None => Err(Wrong::kind(key, "a number", value)),
        })
    }

    /// A number in 0..=1 written as a decimal or as an integer.
    pub(crate) fn share(&self, key: &'static str) -> Option<Written<f64>> {
        let number = self.number(key)?;
        match number.value.as_f64().filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Some(number.map(|_| share)),
            None => {
                self.wrong_value(&number.place, format!("`{key}` must be between 0 and 1"), None);
                None
            }
        }
    }

    /// Dollars as a decimal string such as `"0.05"`.
    pub(crate) fn dollars(&self, key: &'static str) -> Option<Written<MicroUsd>> {
        const WANTED: &str = "dollars as a decimal string such as \"0.05\"";
        self.convert(key, |value| match value {
            DeValue::String(text) => MicroUsd::from_decimal(text).ok_or_else(|| {
                Wrong::value(format!("`{key}` must be {WANTED}"))
                    .hint("digits, a dot and at most six decimals; no sign, no currency, no exponent")
            }),
            DeValue::Float(DeFloat { .. }) | DeValue::Integer(DeInteger { .. }) => {
                let number = match value {
                    DeValue::Float(number) => number.as_str(),
                    DeValue::Integer(number) => number.as_str(),
                    _ => "0",
                };
                let wrong = Wrong::kind(key, WANTED, value);
                Err(match MicroUsd::from_decimal(number) {
                    Some(_) => {
                        wrong.hint(format!("write `{key} = \"{number}\"`: money is never a binary fraction here"))
                    }
                    None => wrong,
                })
            }
            other => Err(Wrong::kind(key, WANTED, other)),
        })
    }

    /// A duration such as `"250ms"`, `"30s"`, `"5m"`, `"4h"` or `"2d"`, in `range`.
    pub(crate) fn duration(&self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Written<Duration>> {
        const FORM: &str = "a duration such as \"250ms\", \"30s\", \"5m\", \"4h\" or \"2d\"";
        self.convert(key, |value| {
            let DeValue::String(text) = value else { return Err(Wrong::kind(key, FORM, value)) };
            let duration = parse_duration(text).ok_or_else(|| Wrong::value(format!("`{key}` must be {FORM}")))?;
            if range.contains(&duration) {
                return Ok(duration);
            }
            let bounds = (write_duration(*range.start()), write_duration(*range.end()));
            Err(Wrong::value(format!("`{key}` must be between \"{}\" and \"{}\"", bounds.0, bounds.1)))
        })
    }

    /// A number of bytes, in `range`: an integer, or a string such as `"256KB"` or `"4MB"` (of 1,024 each).
    pub(crate) fn size(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Written<u64>> {
        const FORM: &str = "a number of bytes, or a size such as \"256KB\" or \"4MB\"";
        self.convert(key, |value| {
            let size = match value {
                DeValue::Integer(integer) => whole(integer).and_then(|number| u64::try_from(number).ok()),
                DeValue::String(text) => {
                    Some(parse_size(text).ok_or_else(|| Wrong::value(format!("`{key}` must be {FORM}")))?)
                }
                _ => return Err(Wrong::kind(key, FORM, value)),
            };
            size.filter(|size| range.contains(size)).ok_or_else(|| {
                let bounds = (write_size(*range.start()), write_size(*range.end()));
                Wrong::value(format!("`{key}` must be between \"{}\" and \"{}\"", bounds.0, bounds.1))
            })
        })
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<Written<T>> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let wanted = listed(&names, "or");
        self.convert(key, |value| {
            let DeValue::String(text) = value else { return Err(Wrong::kind(key, &wanted, value)) };
            words.iter().find(|(word, _)| word == text).map(|(_, meaning)| *meaning).ok_or_else(|| Wrong {
                message: format!("`{key}` must be {wanted}, not {}", quoted(text)),
                hint: closest(text, names.iter().copied()).map(|meant| format!("did you mean `{meant}`?")),
            })
        })
    }

    /// A TOML date such as `2027-03-01`.
    pub(crate) fn date(&self, key: &'static str) -> Option<Written<Date>> {
        self.convert(key, |value| {
            let DeValue::Datetime(written) = value else {
                return Err(Wrong::kind(key, "a date such as 2027-03-01 (without quotes)", value));
            };
            let only_a_date = written.time.is_none() && written.offset.is_none();
            written
                .date
                .filter(|_| only_a_date)
                .and_then(|date| {
                    let month = Month::try_from(date.month).ok()?;
                    Date::from_calendar_date(i32::from(date.year), month, date.day).ok()
                })
                .ok_or_else(|| Wrong::value(format!("`{key}` must be a date such as 2027-03-01, without a time")))
        })
    }

    /// A list of strings.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Written<Vec<Written<String>>>> {
        let (_, value) = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, &self.at(value.span()), "a list of strings", value.get_ref());
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Written { value: text.to_string(), place: self.at(item.span()) }),
                other => self.wrong_type(key, &self.at(item.span()), "a list of strings", other),
            }
        }
        Some(Written { value: texts, place: self.at(value.span()) })
    }

    /// A list of numbers or strings, as JSON.
    pub(crate) fn list_of_json(&self, key: &'static str) -> Option<Written<Vec<Value>>> {
        let list = self.json(key)?;
        match list.value {
            Value::Array(items) => Some(Written { value: items, place: list.place }),
            _ => {
                self.wrong_value(&list.place, format!("`{key}` must be a list"), None);
                None
            }
        }
    }

    /// Anything, as JSON; dates are refused.
    pub(crate) fn json(&self, key: &'static str) -> Option<Written<Value>> {
        let (_, value) = self.take(key)?;
        let place = self.at(value.span());
        self.to_json(value).map(|value| Written { value, place })
    }

    /// A table whose values are strings, in the file's order.
    pub(crate) fn text_entries(&self, key: &'static str) -> Vec<(Written<String>, Written<String>)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let mut entries = Vec::new();
        for (name, value) in table.into_free() {
            match value {
                Free::Text(text) => entries.push((name, text)),
                Free::Table(_) | Free::Other(_) => {
                    let message = format!("{} in `{key}` must be a string", quoted(&name.value));
                    self.wrong_value(&name.place, message, None);
                }
            }
        }
        entries
    }

    /// A table with any values, as JSON, in the file's order.
    pub(crate) fn json_entries(&self, key: &'static str) -> Vec<(Written<String>, Written<Value>)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let mut entries: Vec<_> = table
            .entries
            .iter()
            .filter_map(|(name, value)| {
                let place = self.at(value.span());
                let name = Written { value: name.get_ref().to_string(), place: self.at(name.span()) };
                Some((name, Written { value: self.to_json(value)?, place }))
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.place.span.start);
        entries
    }

    /// A string; another type is no problem but `None`.
    pub(crate) fn plain_text(&self, key: &'static str) -> Option<Written<String>> {
        let (_, value) = self.take(key)?;
        let DeValue::String(text) = value.get_ref() else { return None };
        Some(Written { value: text.to_string(), place: self.at(value.span()) })
    }

    fn convert<T>(
        &self,
        key: &'static str,
        convert: impl FnOnce(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<Written<T>> {
        let (_, value) = self.take(key)?;
        let place = self.at(value.span());
        match convert(value.get_ref()) {
            Ok(value) => Some(Written { value, place }),
            Err(wrong) => {
                self.wrong_value(&place, wrong.message, wrong.hint);
                None
            }
        }
    }

    /// The parser bounds how deep a value can be.
    fn to_json(&self, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let wrong = |message: &str| {
            self.log().problem(Finding::at(&self.at(value.span()), Kind::Value, message));
            None
        };
        match value.get_ref() {
            DeValue::String(text) => Some(Value::String(text.to_string())),
            DeValue::Boolean(held) => Some(Value::Bool(*held)),
            number @ (DeValue::Integer(_) | DeValue::Float(_)) => match json_number(number) {
                Some(Ok(number)) => Some(Value::Number(number)),
                _ => wrong("this is no number that JSON can hold"),
            },
            DeValue::Datetime(_) => wrong("JSON has no dates; write it as a string"),
            DeValue::Array(items) => {
                items.iter().map(|item| self.to_json(item)).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            DeValue::Table(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| Some((key.get_ref().to_string(), self.to_json(value)?)));
                entries.collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        }
    }
}

/// Why a text is no line of text, if it is none.
pub(crate) fn line_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.chars().any(char::is_control) {
        Some("must be one line without control characters")
    } else if text.chars().count() > 500 {
        Some("is longer than 500 characters")
    } else {
        None
    }
}

fn whole(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// `None` when it is no number at all, an error when JSON cannot hold it.
fn json_number(value: &DeValue<'_>) -> Option<Result<Number, ()>> {
    match value {
        DeValue::Integer(integer) => {
            let number = whole(integer).and_then(|number| i64::try_from(number).ok());
            Some(number.map(Number::from).ok_or(()))
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse::<f64>().ok().and_then(Number::from_f64);
            Some(number.ok_or(()))
        }
        _ => None,
    }
}

/// A whole number and its unit.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// A duration in the largest unit that holds it exactly, as it is written in a configuration.
pub(crate) fn write_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = units.into_iter().find(|(unit, _)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit));
    match fits {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}

/// A whole number and its unit.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "B" => 1,
        "KB" => 1024,
        "MB" => 1024 * 1024,
        "GB" => 1024 * 1024 * 1024,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn write_size(bytes: u64) -> String {
    let units = [(1024 * 1024 * 1024, "GB"), (1024 * 1024, "MB"), (1024, "KB")];
    let fits = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_or_a_size_is_a_whole_number_and_a_unit_and_nothing_else() {
        for (text, milliseconds) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("4h", 14_400_000), ("0d", 0)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "30", "1.5h", "-1s", "1 s", "1w", "99999999999999999999s", "18446744073709551615d", "١s"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for (text, bytes) in [("1B", 1), ("256KB", 262_144), ("4MB", 4_194_304), ("2GB", 2_147_483_648)] {
            assert_eq!((parse_size(text), write_size(bytes).as_str()), (Some(bytes), text));
        }
        for text in ["", "KB", "256", "256kb", "256 KB", "1.5MB", "-1B", "256KiB", "18446744073709551615KB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
        for text in ["250ms", "30s", "90m", "4h", "2d"] {
            assert_eq!(parse_duration(text).map(write_duration).as_deref(), Some(text));
        }
    }
}
