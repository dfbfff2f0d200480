//! Something to mend: where, what, and what to do about it.

use std::fmt;

/// One violation; sorts by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    what: String,
    hint: String,
}

impl Violation {
    /// `line` counts from 1.
    pub(crate) fn new(file: &str, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.what, self.hint)
    }
}

/// `file:line: what` of each, for the tests of the checks.
#[cfg(test)]
pub(crate) fn places(found: &[Violation]) -> Vec<String> {
    found.iter().map(|violation| format!("{}:{}: {}", violation.file, violation.line, violation.what)).collect()
}
