//! What is wrong with a configuration, said so that it can be mended: where, what, and what to do about it.
//!
//! Problems are collected, never thrown: all of them are reported at once. Text from files is cleaned before it is shown
//! (no control characters, bounded length) and passes the source's mask, so that no secret is printed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use super::source::Place;

/// At most so many problems are kept; the rest is counted.
const MAX_PROBLEMS: usize = 500;

/// One thing that is wrong with a configuration, or that deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the configuration's folder, with `/`; or the function of the program, such as
    /// "function `refund`".
    pub file: String,
    /// Where in the file; `None` when the file as a whole is meant.
    pub at: Option<Position>,
    /// What sort of problem.
    pub kind: Kind,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A place in a file, and the line as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1; 0 in a piece of a program, of which nobody knows where it stands.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line, with secrets and control characters replaced; cut when it is long.
    pub source_line: String,
    /// Characters before the caret in [`Self::source_line`].
    pub caret_start: usize,
    /// How many carets, at least one.
    pub caret_width: usize,
}

/// What sort of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file or folder that cannot be used.
    File,
    /// Not TOML.
    Syntax,
    /// A key that nobody reads.
    UnknownKey,
    /// Something required is not there.
    Missing,
    /// A value of the wrong type, form or range.
    Value,
    /// A name that nothing has.
    Reference,
    /// An expression, pattern, schema or query that does not compile.
    Expression,
    /// A secret where none may be.
    Secret,
    /// Well formed, but an agent like this must not run, or deserves a second look.
    Policy,
}

impl Kind {
    /// The word for it in machine-readable reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown_key",
            Self::Missing => "missing",
            Self::Value => "value",
            Self::Reference => "reference",
            Self::Expression => "expression",
            Self::Secret => "secret",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            None => writeln!(f, "{}: {}", self.file, self.message)?,
            Some(at) if at.line == 0 => {
                writeln!(f, "{}: {}", self.file, self.message)?;
                writeln!(f, "      | {}", at.source_line)?;
                writeln!(f, "      | {}{}", " ".repeat(at.caret_start), "^".repeat(at.caret_width))?;
            }
            Some(at) => {
                writeln!(f, "{}:{}:{}: {}", self.file, at.line, at.column, self.message)?;
                writeln!(f, "{:>5} | {}", at.line, at.source_line)?;
                writeln!(f, "      | {}{}", " ".repeat(at.caret_start), "^".repeat(at.caret_width))?;
            }
        }
        match &self.hint {
            None => Ok(()),
            Some(hint) => writeln!(f, "   hint: {hint}"),
        }
    }
}

/// Problems in the order of the files and of the places in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// The problems, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    fn add(&mut self, finding: Finding) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(finding.into_problem());
        } else {
            self.left_out += 1;
        }
    }

    fn sort(&mut self) {
        // `mainstay.toml` first: what is wrong there is often the cause of what is wrong elsewhere. Functions last.
        self.list.sort_by(|one, other| {
            let key = |problem: &Problem| {
                let (line, column) = problem.at.as_ref().map_or((0, 0), |at| (at.line, at.column));
                let is_code = problem.at.as_ref().is_some_and(|at| at.line == 0);
                // Each piece of a program begins at its own column 1; they are looked at in a good order.
                let column = if is_code { 0 } else { column };
                (is_code, problem.file.contains('/'), problem.file.clone(), line, column)
            };
            key(one).cmp(&key(other))
        });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        if self.left_out > 0 {
            writeln!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A problem whose line has not been looked up yet; that is done only for those that are reported.
#[derive(Debug)]
pub(super) struct Finding {
    location: Location,
    kind: Kind,
    message: String,
    hint: Option<String>,
}

#[derive(Debug)]
enum Location {
    Place(Place),
    File(String),
}

impl Finding {
    /// At a place in a file.
    pub(super) fn at(place: &Place, kind: Kind, message: impl Into<String>) -> Self {
        Self { location: Location::Place(place.clone()), kind, message: message.into(), hint: None }
    }

    /// Of a whole file or folder.
    pub(super) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { location: Location::File(clean(file, 200)), kind: Kind::File, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds what to do about it, where that is known.
    pub(super) fn maybe_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    fn into_problem(self) -> Problem {
        let (file, at) = match self.location {
            Location::Place(place) => (place.source.name().to_owned(), Some(place.position())),
            Location::File(file) => (file, None),
        };
        Problem { file, at, kind: self.kind, message: self.message, hint: self.hint }
    }
}

/// Where problems and warnings are written down while a configuration is read and checked.
#[derive(Default)]
pub(super) struct Log {
    problems: RefCell<Problems>,
    warnings: RefCell<Problems>,
}

impl Log {
    /// Something that keeps the configuration from being used.
    pub(super) fn problem(&self, finding: Finding) {
        self.problems.borrow_mut().add(finding);
    }

    /// Something that deserves a second look.
    pub(super) fn warning(&self, finding: Finding) {
        self.warnings.borrow_mut().add(finding);
    }

    /// How many problems there are so far.
    pub(super) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The problems and the warnings, in order.
    pub(super) fn finish(self) -> (Problems, Problems) {
        let (mut problems, mut warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        problems.sort();
        warnings.sort();
        (problems, warnings)
    }
}

/// `text` in backticks, fit to be shown.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", clean(text, 80))
}

/// `text` without control characters, at most `limit` characters of it.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(limit).map(visible).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Control and direction-changing characters would let a file forge what the terminal shows.
pub(super) fn visible(character: char) -> char {
    let changes_direction =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || changes_direction { '\u{fffd}' } else { character }
}

/// "did you mean …", or which names there are.
pub(super) fn suggestion<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let known: BTreeSet<&str> = known.into_iter().collect();
    if let Some(meant) = closest(wrong, known.iter().copied()) {
        return Some(format!("did you mean `{}`?", clean(meant, 80)));
    }
    let names: Vec<&str> = known.into_iter().collect();
    (1..=12).contains(&names.len()).then(|| format!("there is {}", listed(&names, "and")))
}

/// The known name that somebody may have meant.
pub(super) fn closest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Bounded, for a comparison takes the product of the lengths.
    let wrong: String = wrong.chars().take(64).flat_map(char::to_lowercase).collect();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let edits = strsim::osa_distance(&wrong, &name);
        let is_close = edits <= wrong.chars().count().max(name.chars().count()).div_ceil(3);
        let likeness = strsim::jaro_winkler(&wrong, &name);
        (is_close && likeness >= 0.8).then_some(likeness)
    };
    let close = known.into_iter().filter_map(|name| Some((likeness(name)?, name)));
    close.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
}

/// `a`, `b` and `c`.
pub(super) fn listed(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}
