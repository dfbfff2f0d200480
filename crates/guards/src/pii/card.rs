//! Numbers of payment cards: a brand's prefix and length, the usual grouping, and the Luhn check digit.

use std::ops::Range;

use super::{Digits, digit_runs, touches_word};

/// Prefix from, to, its length in digits, and the lengths of the brand's numbers.
const BRANDS: &[(u32, u32, usize, &[usize])] = &[
    (4, 4, 1, &[13, 16, 19]),                           // Visa
    (51, 55, 2, &[16]),                                 // Mastercard
    (2221, 2720, 4, &[16]),                             // Mastercard
    (34, 34, 2, &[15]),                                 // American Express
    (37, 37, 2, &[15]),                                 // American Express
    (6011, 6011, 4, &[16, 17, 18, 19]),                 // Discover
    (644, 659, 3, &[16, 17, 18, 19]),                   // Discover, RuPay
    (62, 62, 2, &[16, 17, 18, 19]),                     // UnionPay
    (81, 82, 2, &[16]),                                 // RuPay
    (60, 60, 2, &[16]),                                 // RuPay
    (300, 305, 3, &[14, 16, 19]),                       // Diners Club
    (309, 309, 3, &[14, 16, 19]),                       // Diners Club
    (36, 36, 2, &[14, 16, 19]),                         // Diners Club
    (38, 39, 2, &[14, 16, 19]),                         // Diners Club
    (35, 35, 2, &[16, 17, 18, 19]),                     // JCB
    (2131, 2131, 4, &[15]),                             // JCB
    (1800, 1800, 4, &[15]),                             // JCB
    (2200, 2204, 4, &[16, 17, 18, 19]),                 // Mir
    (5018, 5018, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (5020, 5020, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (5038, 5038, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (5893, 5893, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (56, 58, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),     // Maestro
    (604, 604, 4, &[12, 13, 14, 15, 16, 17, 18, 19]),   // Maestro
    (6304, 6304, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (6390, 6390, 4, &[12, 13, 14, 15, 16, 17, 18, 19]), // Maestro
    (67, 67, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),     // Maestro
    (9792, 9792, 4, &[16]),                             // Troy
];

/// The ranges of all card numbers in a folded text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    digit_runs(text).iter().flat_map(|run| cards(text, run)).collect()
}

/// The card numbers among the groups of one run, first come first served.
fn cards(text: &str, run: &Digits) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut group, mut first) = (0, 0);
    while group < run.groups.len() {
        let card = (1..=19).rev().filter_map(|count| run.groups.get(group..group + count)).find_map(|groups| {
            let digits = run.digits.get(first..first + groups.iter().sum::<usize>())?;
            (is_usual(groups) && is_card(digits)).then_some((groups.len(), digits))
        });
        let step = match card {
            Some((groups, digits)) => {
                let start = digits.first().map_or(0, |(at, _)| *at);
                let range = start..digits.last().map_or(start, |(at, _)| at + 1);
                if !touches_word(text, &range) {
                    found.push(range);
                }
                groups
            }
            None => 1,
        };
        first += run.groups.iter().skip(group).take(step).sum::<usize>();
        group += step;
    }
    found
}

/// Cards are written without gaps, in fours, as 4-6-5 or 4-6-4, or digit by digit; other groups are other numbers.
fn is_usual(groups: &[usize]) -> bool {
    match groups {
        [_] | [4, 6, 4 | 5] => true,
        [1, ..] => groups.len() >= 12 && groups.iter().all(|group| *group == 1),
        [fours @ .., last] => fours.len() >= 2 && fours.iter().all(|group| *group == 4) && (1..=4).contains(last),
        [] => false,
    }
}

fn is_card(digits: &[(usize, u8)]) -> bool {
    if !(12..=19).contains(&digits.len()) {
        return false;
    }
    let prefix =
        |length: usize| digits.iter().take(length).fold(0, |number, (_, digit)| number * 10 + u32::from(*digit));
    let branded = BRANDS
        .iter()
        .any(|(from, to, length, lengths)| (*from..=*to).contains(&prefix(*length)) && lengths.contains(&digits.len()));
    branded && luhn(digits)
}

fn luhn(digits: &[(usize, u8)]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, (_, digit))| match u32::from(*digit) * (1 + u32::try_from(place % 2).unwrap_or(0)) {
            double @ 10.. => double - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}
