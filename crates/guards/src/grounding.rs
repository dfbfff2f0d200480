//! Grounding: what a draft states occurs in what the run has read, or in the request.
//!
//! Checked by comparison, not by a model: every number (with its unit or currency), date, time, id and quotation of the
//! draft is looked up among the leaves of the tool results and the passages; cited sources must be citations of the run.
//! Where a draft rests on passages, each sentence must also share words with them, or a person looks.
//!
//! Not checked, so that ordinary sentences pass: the numbers 0 and 1 without a unit, ordinals of lists and steps
//! (`1.`, `Step 2`), `24/7`, footnote marks (`[1]`), and placeholders (`[email_1]`). Lengths of lists count as read ("three
//! orders"); sums and conversions do not. Absent: whether a true number stands in the right relation.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;
use mainstay_core::guard::{Draft, GuardError, OutputGuard, Verdict};

use crate::normalise::{View, within_limit};

mod dates;
mod facts;
mod known;
mod numbers;
mod support;

use known::Known;

/// Output guard `grounding`.
#[derive(Clone, Copy, Debug)]
pub struct Grounding {
    settings: GroundingSettings,
}

/// How strict the guard is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundingSettings {
    /// The share of a sentence's content words that must occur in what was read, from 0 (not checked) to 1.
    pub support: f64,
}

impl Default for GroundingSettings {
    fn default() -> Self {
        Self { support: 0.25 }
    }
}

/// Something that a draft states and nothing supports.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// A citation that the run never saw.
    Source(String),
    /// A number, date, time, id or quotation that occurs nowhere.
    Fact(&'static str, String),
    /// More quotations than are looked up.
    TooMany,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => write!(f, "cites `{}`, which the run has not read", cut(source)),
            Self::Fact(kind, shown) => write!(f, "the {kind} `{}` is in nothing that the run has read", cut(shown)),
            Self::TooMany => write!(f, "the answer has too many quotations to look up"),
        }
    }
}

impl Grounding {
    /// A guard with these settings.
    pub const fn new(settings: GroundingSettings) -> Self {
        Self { settings }
    }

    fn verdict(&self, draft: &Draft<'_>) -> Verdict {
        let citations: HashSet<&str> =
            draft.evidence.iter().flat_map(|read| &read.citations).map(|citation| citation.id.as_str()).collect();
        if let Some(strange) = draft.sources.iter().find(|source| !citations.contains(source.as_str())) {
            return Verdict::Block(Fault::Source(strange.clone()).to_string());
        }
        let text = without_marks(draft.text, &citations);
        let known = Known::of(draft);
        if let Some(fault) = facts::unsupported(View::folded(&text).text(), &known) {
            return Verdict::Block(fault.to_string());
        }
        // An agent with tools that has used none, or none with success, knows nothing that it could state.
        let knows_nothing = draft.evidence.is_empty() && !draft.claims.is_empty();
        if let (true, Some(sentence)) = (knows_nothing, support::statement(&text)) {
            let sentence = cut(sentence.trim());
            return Verdict::Block(format!("states \"{sentence}\", though the run has read nothing"));
        }
        if !citations.is_empty() && self.settings.support > 0.0 {
            let least = self.settings.support;
            if let Some(sentence) = support::unsupported(&text, &known, least) {
                return Verdict::Escalate(format!(
                    "nothing that the run has read supports \"{}\"",
                    cut(sentence.trim())
                ));
            }
        }
        Verdict::Pass
    }
}

impl Default for Grounding {
    fn default() -> Self {
        Self::new(GroundingSettings::default())
    }
}

#[async_trait]
impl OutputGuard for Grounding {
    fn name(&self) -> &'static str {
        "grounding"
    }

    async fn inspect(&self, draft: &Draft<'_>) -> Result<Verdict, GuardError> {
        within_limit("grounding", draft.text)?;
        Ok(self.verdict(draft))
    }
}

/// The draft without placeholders, footnote marks, and the ids of citations that the run did see; each becomes a space.
fn without_marks(text: &str, citations: &HashSet<&str>) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, bracket) = rest.split_at(open);
        plain.push_str(before);
        let inner = bracket.get(1..).unwrap_or_default();
        let close = inner.char_indices().take(200).find(|(_, c)| *c == ']' || *c == '[').filter(|(_, c)| *c == ']');
        match close.and_then(|(at, _)| inner.get(..at)) {
            Some(mark) if is_placeholder(mark) || is_footnote(mark) || citations.contains(mark) => {
                plain.push(' ');
                rest = inner.get(mark.len() + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('[');
                rest = inner;
            }
        }
    }
    plain.push_str(rest);
    // Citations may also stand without brackets; the longest first, so that none leaves a piece of another.
    let stands = |id: &&str| id.contains('#') && plain.contains(*id);
    let mut ids: Vec<&str> = citations.iter().copied().filter(stands).collect();
    ids.sort_by_key(|id| (std::cmp::Reverse(id.len()), *id));
    ids.into_iter().fold(plain, |plain, id| plain.replace(id, " "))
}

/// `email_1`, as the runtime writes it.
fn is_placeholder(mark: &str) -> bool {
    mark.rsplit_once('_').is_some_and(|(kind, number)| {
        !kind.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_footnote(mark: &str) -> bool {
    (1..=2).contains(&mark.len()) && mark.bytes().all(|byte| byte.is_ascii_digit())
}

/// Foreign text in a reason is short and on one line.
fn cut(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
