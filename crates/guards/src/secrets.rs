//! Secrets: keys and tokens of common providers, private keys, and passwords that a text gives away.
//!
//! Keys are known by their prefix, alphabet and length; passwords by the word before them, and only when the value looks
//! like one. The exact view is searched, since keys depend on case. A reason never holds any part of a secret.

use std::ops::Range;

use async_trait::async_trait;
use mainstay_core::guard::{Channel, Guard, GuardError, Masked, Verdict};

use crate::normalise::{View, within_limit};

mod assignment;
mod shapes;

/// Guard `secrets`.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    settings: SecretsSettings,
}

/// What the guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretsSettings {
    /// What happens to a text with a secret.
    pub action: Action,
}

/// What happens to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is replaced by a placeholder.
    Mask,
    /// It goes on, noted.
    Flag,
    /// The text does not go on.
    Block,
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is, in words.
    pub kind: &'static str,
    /// Bytes of the text as given, on character boundaries.
    pub span: Range<usize>,
}

impl Secrets {
    /// A guard with these settings.
    pub const fn new(settings: SecretsSettings) -> Self {
        Self { settings }
    }

    /// Every secret in a text, sorted, without overlap; where two overlap the longer one wins.
    pub fn find(text: &str) -> Vec<Found> {
        let view = View::exact(text);
        let mut found = shapes::find(view.text());
        found.extend(assignment::find(view.text()));
        found.sort_by_key(|(_, range)| (range.start, std::cmp::Reverse(range.end)));
        let mut kept: Vec<(&'static str, Range<usize>)> = Vec::with_capacity(found.len());
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
        kept.into_iter().map(|(kind, range)| Found { kind, span: view.span(range) }).collect()
    }

    fn verdict(&self, text: &str) -> Verdict {
        let found = Self::find(text);
        let Some(first) = found.first() else { return Verdict::Pass };
        let reason = format!("the text holds a secret ({})", first.kind);
        match self.settings.action {
            Action::Flag => Verdict::Flag(reason),
            Action::Block => Verdict::Block(reason),
            Action::Mask => Verdict::Mask(
                found
                    .into_iter()
                    .map(|found| Masked { start: found.span.start, end: found.span.end, kind: "secret" })
                    .collect(),
            ),
        }
    }
}

#[async_trait]
impl Guard for Secrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    async fn inspect(&self, text: &str, _channel: Channel) -> Result<Verdict, GuardError> {
        within_limit("secrets", text)?;
        Ok(self.verdict(text))
    }
}

#[cfg(test)]
mod tests;
