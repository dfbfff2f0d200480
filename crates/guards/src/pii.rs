//! Personal data with a form that can be checked: e-mail, phone, card and account numbers.
//!
//! Precision comes first: a card needs a brand and a check digit, an account number its country's length and checksum,
//! a phone number a form or a word that says so. All kinds are searched in the folded view, so full-width digits,
//! invisible characters and look-alike letters do not hide them. Names, addresses and dates are absent: they need a
//! model.

use std::ops::Range;

use async_trait::async_trait;
use mainstay_core::guard::{Channel, Guard, GuardError, Masked, Verdict};

use crate::normalise::{View, within_limit};

mod card;
mod email;
mod iban;
mod phone;

/// Guard `pii`.
#[derive(Clone, Copy, Debug)]
pub struct Pii {
    actions: PiiActions,
}

/// What happens to each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PiiActions {
    /// E-mail addresses.
    pub email: Action,
    /// Phone numbers.
    pub phone: Action,
    /// Numbers of payment cards.
    pub card: Action,
    /// International bank account numbers.
    pub iban: Action,
}

/// What happens to a piece of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is replaced by a placeholder.
    Mask,
    /// It goes on, noted.
    Flag,
    /// The text does not go on.
    Block,
    /// It is not looked for.
    Off,
}

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The number of a payment card.
    Card,
    /// An international bank account number.
    Iban,
}

impl Kind {
    /// The word for it in placeholders and reasons.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
        }
    }

    /// What people call it, with its article.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Phone => "a phone number",
            Self::Card => "a card number",
            Self::Iban => "an account number",
        }
    }
}

/// One piece of personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the text as given, on character boundaries.
    pub span: Range<usize>,
    /// What identifies it however it is written: digits, or lower-case letters and digits.
    pub value: String,
}

impl Pii {
    /// A guard that does this to each kind.
    pub const fn new(actions: PiiActions) -> Self {
        Self { actions }
    }

    /// Every piece of personal data in a text, sorted, without overlap; where two overlap the longer one wins.
    pub fn find(text: &str) -> Vec<Found> {
        find(text, |_| true)
    }

    fn action(&self, kind: Kind) -> Action {
        match kind {
            Kind::Email => self.actions.email,
            Kind::Phone => self.actions.phone,
            Kind::Card => self.actions.card,
            Kind::Iban => self.actions.iban,
        }
    }

    fn verdict(&self, text: &str) -> Verdict {
        let found = find(text, |kind| self.action(kind) != Action::Off);
        let with = |action: Action| found.iter().filter(move |found| self.action(found.kind) == action);
        if let Some(blocked) = with(Action::Block).next() {
            return Verdict::Block(format!("the text holds {}", blocked.kind.in_words()));
        }
        let masked: Vec<Masked> = with(Action::Mask)
            .map(|found| Masked { start: found.span.start, end: found.span.end, kind: found.kind.as_str() })
            .collect();
        if !masked.is_empty() {
            return Verdict::Mask(masked);
        }
        match with(Action::Flag).next() {
            Some(flagged) => Verdict::Flag(format!("the text holds {}", flagged.kind.in_words())),
            None => Verdict::Pass,
        }
    }
}

#[async_trait]
impl Guard for Pii {
    fn name(&self) -> &'static str {
        "pii"
    }

    async fn inspect(&self, text: &str, _channel: Channel) -> Result<Verdict, GuardError> {
        within_limit("pii", text)?;
        Ok(self.verdict(text))
    }
}

fn find(text: &str, wanted: impl Fn(Kind) -> bool) -> Vec<Found> {
    let view = View::folded(text);
    // Phones may not claim what is a card or an account number, so all kinds are found even when only some are wanted.
    let all = [
        (Kind::Email, email::find(view.text())),
        (Kind::Iban, iban::find(view.text())),
        (Kind::Card, card::find(view.text())),
        (Kind::Phone, phone::find(view.text())),
    ];
    let mut found: Vec<(Kind, Range<usize>)> =
        all.into_iter().flat_map(|(kind, ranges)| ranges.into_iter().map(move |range| (kind, range))).collect();
    found.sort_by_key(|(kind, range)| (range.start, std::cmp::Reverse(range.end), *kind != Kind::Iban));
    let mut kept: Vec<(Kind, Range<usize>)> = Vec::with_capacity(found.len());
    for (kind, range) in found {
        match kept.last_mut() {
            Some((last_kind, last)) if range.start < last.end => {
                if range.len() > last.len() {
                    (*last_kind, *last) = (kind, range);
                }
            }
            _ => kept.push((kind, range)),
        }
    }
    kept.into_iter()
        .filter(|(kind, _)| wanted(*kind))
        .map(|(kind, range)| Found {
            kind,
            value: identity(view.text().get(range.clone()).unwrap_or_default()),
            span: view.span(range),
        })
        .collect()
}

/// The letters and digits of a match, which are the same however it is spaced.
fn identity(found: &str) -> String {
    found.chars().filter(|c| c.is_alphanumeric() || *c == '@').collect()
}

/// A run of digits that single marks may part, as cards, accounts and phones are written.
struct Digits {
    /// Each digit with its position in the view.
    digits: Vec<(usize, u8)>,
    /// How many digits each group has.
    groups: Vec<usize>,
}

/// Every run of digits of a text; groups are parted by one space, dash, dot, or slash.
fn digit_runs(text: &str) -> Vec<Digits> {
    let bytes = text.as_bytes();
    let mut runs: Vec<Digits> = Vec::new();
    let mut last: Option<usize> = None;
    for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        let digit = byte - b'0';
        let gap = last.map(|last| at - last);
        let parted = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|mark| b" -./".contains(mark));
        last = Some(at);
        match (runs.last_mut(), gap) {
            (Some(run), Some(1)) => {
                run.digits.push((at, digit));
                if let Some(group) = run.groups.last_mut() {
                    *group += 1;
                }
            }
            (Some(run), Some(2)) if parted => {
                run.digits.push((at, digit));
                run.groups.push(1);
            }
            _ => runs.push(Digits { digits: vec![(at, digit)], groups: vec![1] }),
        }
    }
    runs
}

/// True when the character before or after a range belongs to a word.
fn touches_word(text: &str, range: &Range<usize>) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.get(..range.start).and_then(|before| before.chars().next_back()).is_some_and(is_word)
        || text.get(range.end..).and_then(|after| after.chars().next()).is_some_and(is_word)
}

#[cfg(test)]
mod tests;
