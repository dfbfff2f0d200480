//! Reads TOML by key, and writes down what is wrong instead of stopping at it.
//!
//! Each getter takes a key, says whether it is there in the form that is wanted, and records a problem when it is there
//! in another. [`Table::finish`] makes every key that nobody asked for a problem. Serde is absent on purpose: it stops at
//! the first error, and its spans end at the first enum.

mod value;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mask::Mask;
use super::problem::{Finding, Kind, Log, clean, closest, quoted, suggestion};
use super::source::{Place, Source, Written};

pub(super) use value::{line_fault, write_duration};

/// Syntax errors that are looked at in one file.
const MAX_SYNTAX_ERRORS: usize = 50;

/// A parsed file.
pub(super) struct Document<'t> {
    source: Arc<Source>,
    root: DeTable<'t>,
}

/// What a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Credentials are configured in it.
    Credentials,
    /// No credentials.
    NoCredentials,
}

impl<'t> Document<'t> {
    /// Parses `text`; records every syntax error and gives `None` when there is one, for what a broken file seems to say
    /// would only raise false problems.
    pub(super) fn parse(name: &str, text: &'t Arc<str>, holds: Holds, log: &Log) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let root = root.into_inner();
        let mask = match (errors.is_empty(), holds) {
            (true, Holds::Credentials) => Mask::show_only_harmless(&root),
            (true, Holds::NoCredentials) => Mask::hide_secrets(&root),
            (false, Holds::Credentials) => Mask::Keys,
            (false, Holds::NoCredentials) => Mask::KeysOfSecrets,
        };
        let source = Arc::new(Source::new(name, Arc::clone(text), mask));
        if errors.is_empty() {
            return Some(Self { source, root });
        }
        // One slip often makes the parser stumble several times in a line.
        let mut lines = BTreeSet::new();
        for error in errors.into_iter().take(MAX_SYNTAX_ERRORS) {
            let span = error.span().unwrap_or_default();
            let line = text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count();
            if lines.insert(line) {
                let place = Place { source: Arc::clone(&source), span };
                log.problem(Finding::at(&place, Kind::Syntax, format!("not TOML: {}", clean(error.message(), 200))));
            }
        }
        None
    }

    /// The file's top level.
    pub(super) fn root<'d>(&'d self, log: &'d Log) -> Table<'d> {
        let place = Place { source: Arc::clone(&self.source), span: 0..0 };
        Table::new(String::new(), place, &self.root, log)
    }
}

/// A value under a free name.
pub(super) enum Free<'d> {
    /// A string.
    Text(Written<String>),
    /// A table.
    Table(Table<'d>),
    /// Something else.
    Other(Place),
}

/// One table of a file.
pub(super) struct Table<'d> {
    /// Dotted path, such as `tools.refund.http`; empty at the top level.
    name: String,
    /// It is one of a list.
    is_item: bool,
    place: Place,
    entries: &'d DeTable<'d>,
    log: &'d Log,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Required keys that are not there, and their hints.
    missing: RefCell<Vec<(&'static str, String)>>,
}

impl<'d> Table<'d> {
    fn new(name: String, place: Place, entries: &'d DeTable<'d>, log: &'d Log) -> Self {
        let (asked, missing) = (RefCell::default(), RefCell::default());
        Self { name, is_item: false, place, entries, log, asked, missing }
    }

    /// Where the table starts.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What to call it in messages.
    pub(super) fn title(&self) -> String {
        let name = clean(&self.name, 120);
        match (self.name.is_empty(), self.is_item) {
            (true, _) => "this file".to_owned(),
            (false, true) => format!("[[{name}]]"),
            (false, false) => format!("[{name}]"),
        }
    }

    /// Where problems go.
    pub(super) fn log(&self) -> &'d Log {
        self.log
    }

    /// A table by key.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'d>> {
        let (key_place, value) = self.take(key)?;
        self.as_table(key, &key_place, value)
    }

    /// A table of tables under free names, in the file's order.
    pub(super) fn tables(&self, key: &'static str) -> Vec<(Written<String>, Table<'d>)> {
        self.table(key).map(Table::into_tables).unwrap_or_default()
    }

    /// All entries as tables under free names, in the file's order.
    pub(super) fn into_tables(self) -> Vec<(Written<String>, Table<'d>)> {
        let log = self.log;
        let mut tables = Vec::new();
        for (name, value) in self.into_free() {
            match value {
                Free::Table(table) => tables.push((name, table)),
                Free::Text(Written { place, .. }) | Free::Other(place) => {
                    let message = format!("{} must be a table", quoted(&name.value));
                    log.problem(Finding::at(&place, Kind::Value, message));
                }
            }
        }
        tables
    }

    /// All entries under free names, in the file's order.
    pub(super) fn into_free(self) -> Vec<(Written<String>, Free<'d>)> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| {
                let name = Written { value: key.get_ref().to_string(), place: self.at(key.span()) };
                let place = self.at(value.span());
                let free = match value.get_ref() {
                    DeValue::String(text) => Free::Text(Written { value: text.to_string(), place }),
                    DeValue::Table(_) => match self.as_table(key.get_ref(), &name.place, value) {
                        Some(table) => Free::Table(table),
                        None => Free::Other(place),
                    },
                    _ => Free::Other(place),
                };
                (name, free)
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.place.span.start);
        entries
    }

    /// A list of tables, as `[[key]]` makes it.
    pub(super) fn list_of_tables(&self, key: &'static str) -> Vec<Table<'d>> {
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, &self.at(value.span()), "a list of tables", value.get_ref());
            return Vec::new();
        };
        let as_item = |item| Some(Table { is_item: true, ..self.as_table(key, &self.at(Spanned::span(item)), item)? });
        items.iter().filter_map(as_item).collect()
    }

    /// Makes it a problem when `key` is absent.
    pub(super) fn require(&self, key: &'static str, hint: &str) {
        if self.take(key).is_none() {
            self.missing.borrow_mut().push((key, hint.to_owned()));
        }
    }

    /// Whether `key` is there, in whatever form.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.take(key).is_some()
    }

    /// Records what is missing, and every key that nobody asked for. A key that is only misspelt is one problem.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        let mut missing = self.missing.take();
        for key in self.unknown(&asked) {
            let message = format!("unknown key {} in {}", quoted(key.get_ref()), self.title());
            if let Some(meant) = closest(key.get_ref(), asked.iter().copied()) {
                missing.retain(|(key, _)| *key != meant);
            }
            let hint = suggestion(key.get_ref(), asked.iter().copied());
            self.log.problem(Finding::at(&self.at(key.span()), Kind::UnknownKey, message).maybe_hint(hint));
        }
        for (key, hint) in missing {
            let finding = Finding::at(&self.place, Kind::Missing, format!("{} has no `{key}`", self.title()));
            self.log.problem(finding.hint(hint));
        }
    }

    /// True when there is a key that nobody asked for so far.
    pub(super) fn has_unknown(&self) -> bool {
        self.unknown(&self.asked.borrow()).next().is_some()
    }

    fn unknown<'s>(&'s self, asked: &'s BTreeSet<&'static str>) -> impl Iterator<Item = &'s Spanned<Cow<'d, str>>> {
        self.entries.keys().filter(|key| !asked.contains(key.get_ref().as_ref()))
    }

    /// Remembers that `key` is known, and gives its place and value when it is there.
    fn take(&self, key: &'static str) -> Option<(Place, &'d Spanned<DeValue<'d>>)> {
        self.asked.borrow_mut().insert(key);
        let (key, value) = self.entries.get_key_value(key)?;
        Some((self.at(key.span()), value))
    }

    fn at(&self, span: Range<usize>) -> Place {
        Place { source: Arc::clone(&self.place.source), span }
    }

    fn as_table(&self, key: &str, key_place: &Place, value: &'d Spanned<DeValue<'d>>) -> Option<Table<'d>> {
        let DeValue::Table(entries) = value.get_ref() else {
            self.wrong_type(key, &self.at(value.span()), "a table", value.get_ref());
            return None;
        };
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        Some(Table::new(name, key_place.clone(), entries, self.log))
    }

    /// Records what is wrong with the value of `key`.
    fn wrong_value(&self, place: &Place, message: String, hint: Option<String>) {
        self.log.problem(Finding::at(place, Kind::Value, message).maybe_hint(hint));
    }

    fn wrong_type(&self, key: &str, place: &Place, wanted: &str, found: &DeValue<'_>) {
        let message = format!("{} must be {wanted}, not {}", quoted(key), type_name(found));
        self.log.problem(Finding::at(place, Kind::Value, message));
    }
}

/// What a value is, with its article.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
