//! Claims: no answer says that something was done unless the ledger confirms it.
//!
//! A tool declares the words of its effect (`refunded`, `refund has been issued`). Where a draft uses them and the effect
//! is not confirmed, the draft is blocked, unless the sentence does not say that it happened: negated, possible, future,
//! conditional, asked, or a general rule. The grammar of that is in `grammar`, for English, German, French, Spanish
//! and, less finely, Italian, Portuguese and Dutch.

use async_trait::async_trait;
use mainstay_core::guard::{Draft, GuardError, OutputGuard, Verdict};

use crate::normalise::{View, within_limit};

mod grammar;

/// The most characters of a claim that a reason quotes.
const QUOTE: usize = 60;

/// Output guard `claims`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims;

impl Claims {
    /// A guard; it has no settings.
    pub const fn new() -> Self {
        Self
    }

    fn verdict(draft: &Draft<'_>) -> Verdict {
        // The text as written, for patterns with accents, and without invisible characters, for drafts that hide words.
        let exact = View::exact(draft.text);
        for (tool, patterns) in draft.claims {
            if draft.effects.iter().any(|effect| effect.tool == *tool && effect.confirmed) {
                continue;
            }
            let claim = patterns
                .iter()
                .flat_map(|pattern| pattern.find_iter(exact.text()))
                .find(|found| !found.is_empty() && grammar::asserts(exact.text(), found.range()));
            if let Some(claim) = claim {
                let quote: String = claim.as_str().chars().take(QUOTE).collect();
                return Verdict::Block(format!("claims `{quote}`, but no effect of `{tool}` is confirmed"));
            }
        }
        Verdict::Pass
    }
}

#[async_trait]
impl OutputGuard for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    async fn inspect(&self, draft: &Draft<'_>) -> Result<Verdict, GuardError> {
        within_limit("claims", draft.text)?;
        Ok(Self::verdict(draft))
    }
}

#[cfg(test)]
mod tests;
