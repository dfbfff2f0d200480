//! Dates and times in the forms that people and databases use.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A day; the year may be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Day {
    pub(super) year: Option<u16>,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Time {
    pub(super) hour: u8,
    pub(super) minute: u8,
}

static DATES: LazyLock<Regex> = LazyLock::new(|| {
    let month = MONTHS.join("|").replace(' ', "|");
    pattern(&format!(
        concat!(
            r"\b(?P<y1>[12][0-9]{{3}})[-/.](?P<m1>[0-9]{{1,2}})[-/.](?P<d1>[0-9]{{1,2}})(?:t|\b)",
            r"|\b(?P<a>[0-9]{{1,2}})[./-](?P<b>[0-9]{{1,2}})[./-](?P<y2>(?:[12][0-9])?[0-9]{{2}})\b",
            r"|\b(?P<d3>[0-9]{{1,2}})(?:st|nd|rd|th|er|o|\.)? ?(?:of |de |di )?(?P<m3>{month})\b\.?,?(?: (?:de |of )?(?P<y3>[12][0-9]{{3}})\b)?",
            r"|\b(?P<m4>{month})\.? (?P<d4>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y4>[12][0-9]{{3}})\b)?",
        ),
        month = month
    ))
});

static TIMES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:\b|t)(?P<h1>[0-9]{1,2}):(?P<m1>[0-5][0-9])(?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?: ?(?P<half1>[ap])\.?m\b\.?)?|\b(?P<h2>[0-9]{1,2}) ?(?:(?P<half2>[ap])\.?m\b\.?|uhr\b)",
    )
});

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test compiles them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

/// Each date of a folded text with the days that it may mean: 3/4 is in March or in April.
pub(super) fn days(text: &str) -> Vec<(Range<usize>, Vec<Day>)> {
    let mut found = Vec::new();
    for captures in DATES.captures_iter(text) {
        let Some(range) = captures.get(0).map(|whole| whole.range()) else { continue };
        let number = |name| captures.name(name).and_then(|part| part.as_str().parse::<u16>().ok());
        let month = |name: &str| captures.name(name).and_then(|part| month(part.as_str()));
        let numbered = |year, month: Option<u16>, day: Option<u16>| {
            day_of(year, month.and_then(|month| u8::try_from(month).ok()), day)
        };
        let year = number("y2").map(|year| if year < 100 { 2000 + year } else { year });
        let days: Vec<Day> = [
            numbered(number("y1"), number("m1"), number("d1")),
            numbered(year, number("a"), number("b")),
            numbered(year, number("b"), number("a")),
            day_of(number("y3"), month("m3"), number("d3")),
            day_of(number("y4"), month("m4"), number("d4")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !days.is_empty() {
            found.push((range, days));
        }
    }
    found
}

fn day_of(year: Option<u16>, month: Option<u8>, day: Option<u16>) -> Option<Day> {
    let month = month.filter(|month| (1..=12).contains(month))?;
    let day = u8::try_from(day?).ok().filter(|day| (1..=31).contains(day))?;
    Some(Day { year, month, day })
}

/// Each time of a folded text.
pub(super) fn times(text: &str) -> Vec<(Range<usize>, Time)> {
    TIMES.captures_iter(text).filter_map(|captures| Some((captures.get(0)?.range(), time(&captures)?))).collect()
}

fn time(captures: &Captures<'_>) -> Option<Time> {
    let number = |name: &str| captures.name(name).and_then(|part| part.as_str().parse::<u8>().ok());
    let hour = number("h1").or_else(|| number("h2"))?;
    let half = captures.name("half1").or_else(|| captures.name("half2")).map(|half| half.as_str());
    let hour = match half {
        Some("p") if hour < 12 => hour + 12,
        Some("a") if hour == 12 => 0,
        _ => hour,
    };
    (hour <= 24).then(|| Time { hour, minute: number("m1").unwrap_or(0) })
}

fn month(name: &str) -> Option<u8> {
    let at = MONTHS.iter().position(|names| names.split(' ').any(|month| month == name))?;
    u8::try_from(at + 1).ok()
}

/// EN, DE, FR, ES, IT, PT, NL, PL, folded; "may" and "mar" only count beside a day.
const MONTHS: &[&str] = &[
    "january jan januar janvier enero gennaio janeiro januari stycznia",
    "february feb februar fevrier febrero febbraio fevereiro februari lutego",
    "march mar marz mars marzo marco maart marca",
    "april apr avril abril aprile kwietnia",
    "may mai mayo maggio maio mei maja",
    "june jun juni juin junio giugno junho czerwca",
    "july jul juli juillet julio luglio julho lipca",
    "august aug aout agosto augustus sierpnia",
    "september sep sept septembre septiembre settembre setembro wrzesnia",
    "october oct okt oktober octobre octubre ottobre outubro pazdziernika",
    "november nov novembre noviembre novembro listopada",
    "december dec dez dezember decembre diciembre dicembre dezembro grudnia",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_has_many_spellings() {
        let expected = Day { year: Some(2024), month: 5, day: 13 };
        for text in [
            "2024-05-13",
            "2024-05-13t16:00:00z",
            "2024/5/13",
            "13.05.2024",
            "13/05/2024",
            "05/13/2024",
            "13.5.24",
            "13 may 2024",
            "13th of may 2024",
            "may 13, 2024",
            "may 13th, 2024",
            "13. mai 2024",
            "13 de mayo de 2024",
            "13 maja 2024",
        ] {
            let found = days(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].1.contains(&expected), "{text}: {found:?}");
        }
        assert_eq!(days("on may 13")[0].1, [Day { year: None, month: 5, day: 13 }]);
        assert_eq!(days("you may 99 it, 5/2, 31.31.2024, 192.168.0.1"), []);
    }

    #[test]
    fn one_time_has_many_spellings() {
        for text in ["16:00", "4 pm", "4:00 p.m.", "2024-05-13t16:00:00", "16 uhr"] {
            assert_eq!(times(text).first().map(|(_, time)| *time), Some(Time { hour: 16, minute: 0 }), "{text}");
        }
        assert_eq!(times("at 99:99"), []);
    }
}
