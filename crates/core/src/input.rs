//! A request that came out of screening. Nothing else reaches a model or a tool.

use crate::journal::entry::Said;

/// A screened request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    text: String,
    history: Vec<Said>,
}

impl Input {
    /// Only [`crate::screen`] makes one.
    pub(crate) const fn screened(text: String, history: Vec<Said>) -> Self {
        Self { text, history }
    }

    /// The text, with placeholders where something was masked.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Earlier turns of the conversation, oldest first, screened like the text.
    pub fn history(&self) -> &[Said] {
        &self.history
    }
}

/// Why an attempt of one model did not lead to an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// Why, and the draft if there was one.
    pub reason: crate::run::Reason,
    /// True when a stronger model might do better: not for a spent budget or an effect in doubt.
    pub another_model_may_help: bool,
}
