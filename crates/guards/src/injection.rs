//! Injection: text that tries to steer the assistant instead of asking it something.
//!
//! A local detector without a model: weighted phrases over word classes in eight languages, plus literal marks,
//! searched in every view of the text ([`crate::normalise`]). It is one signal, kept precise so that ordinary customers
//! never meet it; what stops an obedient model is structure (allow-lists, provenance, approvals), not this.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::LazyLock;

use async_trait::async_trait;
use mainstay_core::guard::{Channel, Guard, GuardError, Verdict};

use crate::normalise::{View, Views, within_limit};

mod lexicon;
mod phrases;
mod scan;

pub use scan::Family;

use scan::{Hit, Scanner};

/// The score at which a text counts as an injection unless the settings say otherwise.
pub const THRESHOLD: u16 = 80;

/// The most characters of a text that a reason quotes.
pub const QUOTE: usize = 60;

/// What is added when a phrase was hidden in code: nobody encodes an honest request.
const ENCODED: u16 = 50;

/// Guard `injection`.
#[derive(Clone, Copy, Debug)]
pub struct Injection {
    settings: InjectionSettings,
}

/// What the guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InjectionSettings {
    /// What happens to a text that counts as an injection.
    pub action: Action,
    /// The score from which it counts; [`THRESHOLD`] is the measured default.
    pub threshold: u16,
}

impl InjectionSettings {
    /// The action at the default threshold.
    pub const fn new(action: Action) -> Self {
        Self { action, threshold: THRESHOLD }
    }
}

/// What happens to an injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on, noted.
    Flag,
    /// A person looks.
    Escalate,
    /// It does not go on.
    Block,
}

/// How strongly a text speaks for an injection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The sum over all families; see [`THRESHOLD`].
    pub score: u16,
    /// The family that weighs most and the bytes of the original text that show it; `None` when nothing was found.
    pub strongest: Option<(Family, Range<usize>)>,
    /// What the strongest phrase reads like in the view where it was found, cut to [`QUOTE`] characters.
    pub quote: String,
}

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the phrases are constants, and a test compiles them")]
    Scanner::compile(lexicon::LEXICON, phrases::PHRASES, phrases::LITERALS).expect("phrases compile")
});

impl Injection {
    /// A guard with these settings.
    pub const fn new(settings: InjectionSettings) -> Self {
        Self { settings }
    }

    /// Scores a text of a channel. Phrases that address the assistant weigh more in tool results and documents, where
    /// nobody should address it.
    pub fn assess(text: &str, channel: Channel) -> Assessment {
        let views = Views::of(text);
        let mut best = Assessment { score: 0, strongest: None, quote: String::new() };
        for view in views.iter() {
            let assessment = assess_view(view, channel);
            if assessment.score > best.score {
                best = assessment;
            }
        }
        best
    }

    fn verdict(&self, text: &str, channel: Channel) -> Verdict {
        let found = Self::assess(text, channel);
        let Some((family, _)) = found.strongest.filter(|_| found.score >= self.settings.threshold) else {
            return Verdict::Pass;
        };
        let reason = format!("{}: \"{}\"", family.as_str(), found.quote);
        match self.settings.action {
            Action::Flag => Verdict::Flag(reason),
            Action::Escalate => Verdict::Escalate(reason),
            Action::Block => Verdict::Block(reason),
        }
    }
}

#[async_trait]
impl Guard for Injection {
    fn name(&self) -> &'static str {
        "injection"
    }

    async fn inspect(&self, text: &str, channel: Channel) -> Result<Verdict, GuardError> {
        within_limit("injection", text)?;
        Ok(self.verdict(text, channel))
    }
}

/// The score of one view: views are not added up, since they say the same thing in several ways.
///
/// In each family the strongest phrase counts in full and every other one half, because phrases of a family overlap.
fn assess_view(view: &View, channel: Channel) -> Assessment {
    let weight = |hit: &Hit| if channel == Channel::Request { hit.request } else { hit.embedded };
    let mut families: BTreeMap<Family, (u16, Hit)> = BTreeMap::new();
    for hit in SCANNER.scan(view.text()).into_iter().filter(|hit| weight(hit) > 0) {
        match families.entry(hit.family) {
            Entry::Vacant(vacant) => {
                vacant.insert((weight(&hit), hit));
            }
            Entry::Occupied(mut occupied) => {
                let (score, strongest) = occupied.get_mut();
                let (more, less) = (weight(&hit).max(weight(strongest)), weight(&hit).min(weight(strongest)));
                // The strongest so far is already in the score with its full weight.
                *score = (*score - weight(strongest)).saturating_add(more).saturating_add(less / 2);
                if weight(&hit) == more {
                    *strongest = hit;
                }
            }
        }
    }
    let mut score = families.values().map(|(score, _)| *score).fold(0, u16::saturating_add);
    if score > 0 && view.is_encoded() {
        score = score.saturating_add(ENCODED);
    }
    let strongest = families.into_values().map(|(_, hit)| hit).max_by_key(weight);
    let quote = strongest.as_ref().map(|hit| quoted(view.text(), hit.range.clone())).unwrap_or_default();
    Assessment { score, strongest: strongest.map(|hit| (hit.family, view.span(hit.range))), quote }
}

/// A range of a text on one line, at most [`QUOTE`] characters of it.
fn quoted(text: &str, range: Range<usize>) -> String {
    let found = text.get(range).unwrap_or_default();
    let mut quote: String = found.chars().take(QUOTE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if found.chars().nth(QUOTE).is_some() {
        quote.pop();
        quote.push('…');
    }
    quote
}

#[cfg(test)]
mod tests;
