//! What a draft may rest on, indexed for look-up.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use mainstay_core::guard::Draft;

use super::dates::{self, Day, Time};
use super::facts::{Token, counted, overlaps, tokens};
use super::{numbers, support};
use crate::evidence::{Leaf, leaves};
use crate::normalise::View;

/// The unit of years and days that were read in a date: they match bare numbers, and no amount.
const PART_OF_DATE: &str = "date";

/// Everything that was read or asked.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Each value with the units that it was seen with; `None` where it stood alone.
    numbers: HashMap<String, HashSet<Option<&'static str>>>,
    currencies: HashSet<&'static str>,
    days: HashSet<Day>,
    times: HashSet<Time>,
    ids: HashSet<String>,
    /// All texts, folded, with single spaces, for quotations.
    text: String,
    /// Stems of the content words.
    pub(super) stems: HashSet<String>,
    /// What was read, without the request: its language is the language of the evidence.
    pub(super) language: Option<usize>,
}

impl Known {
    pub(super) fn of(draft: &Draft<'_>) -> Self {
        let mut known = Self::default();
        for leaf in leaves(draft.evidence) {
            match leaf {
                Leaf::Text(text) => known.add(text),
                Leaf::Number(number) => {
                    known.ids.insert(number.clone());
                    known.number(numbers::json_value(&number), None);
                }
                Leaf::Length(length) => known.number(length.to_string(), None),
            }
        }
        known.language = support::language(&known.text);
        known.add(draft.request);
        known.add(&draft.principal.id);
        known
    }

    /// True when one of the values was read, and not only with another unit.
    pub(super) fn has_number(&self, values: &[String], unit: Option<&'static str>) -> bool {
        let elsewhere = unit.is_some_and(|unit| {
            numbers::is_currency(unit) && !self.currencies.is_empty() && !self.currencies.contains(unit)
        });
        let with_unit = |value: &String| {
            self.numbers
                .get(value)
                .is_some_and(|units| unit.is_none() || units.contains(&None) && !elsewhere || units.contains(&unit))
        };
        let as_share = |value: &String| unit == Some("%") && self.numbers.contains_key(&numbers::hundredth(value));
        values.iter().any(|value| with_unit(value) || as_share(value))
    }

    /// True when the day was read; a year that the draft adds must have been read somewhere.
    pub(super) fn has_day(&self, day: &Day) -> bool {
        let yearless = Day { year: None, ..*day };
        match day.year {
            None => self.days.iter().any(|known| known.month == day.month && known.day == day.day),
            Some(year) => {
                self.days.contains(day) || self.days.contains(&yearless) && self.numbers.contains_key(&year.to_string())
            }
        }
    }

    pub(super) fn has_time(&self, time: &Time) -> bool {
        self.times.contains(time)
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn has_text(&self, quotation: &str) -> bool {
        self.text.contains(quotation)
    }

    fn add(&mut self, text: &str) {
        let view = View::folded(text);
        let text = view.text();
        let mut taken: Vec<Range<usize>> = Vec::new();
        for (range, days) in dates::days(text) {
            // A year or a day may be named alone: `May 13, 2024` as "in 2024" or "on the 13th".
            for day in &days {
                self.number(day.day.to_string(), Some(PART_OF_DATE));
                day.year.into_iter().for_each(|year| self.number(year.to_string(), Some(PART_OF_DATE)));
            }
            self.days.extend(days);
            taken.push(range);
        }
        for (range, time) in dates::times(text) {
            self.times.insert(time);
            taken.push(range);
        }
        taken.sort_by_key(|range| range.start);
        let tokens = tokens(text);
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Number { range, .. } | Token::Id { range, .. } if overlaps(&taken, range) => {}
                Token::Number { values, unit, id, .. } => {
                    self.ids.insert(id.clone());
                    values.iter().for_each(|value| self.number(value.clone(), *unit));
                }
                Token::Id { id, parts, .. } => {
                    self.ids.extend(parts.iter().map(|part| (*part).to_owned()));
                    for values in parts.iter().filter_map(|part| numbers::values(part)) {
                        values.into_iter().for_each(|value| self.number(value, None));
                    }
                    self.ids.insert(id.clone());
                }
                Token::Word { word, .. } => {
                    self.currencies.extend(numbers::unit(word).filter(|unit| numbers::is_currency(unit)));
                    if let Some(value) = numbers::word(word) {
                        self.number(value.to_owned(), counted(word, &tokens, at).map(|(_, unit)| unit));
                    }
                }
            }
        }
        self.stems.extend(support::content(text).map(support::stem));
        for word in text.split_whitespace() {
            self.text.push_str(word);
            self.text.push(' ');
        }
        // Nothing is quoted across two leaves.
        self.text.push_str("\n ");
    }

    fn number(&mut self, value: String, unit: Option<&'static str>) {
        self.currencies.extend(unit.filter(|unit| numbers::is_currency(unit)));
        self.numbers.entry(value).or_default().insert(unit);
    }
}
