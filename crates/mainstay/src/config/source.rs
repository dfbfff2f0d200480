//! The text of a configuration file, and places in it.

use std::ops::Range;
use std::sync::Arc;

use super::mask::Mask;
use super::problem::{Position, visible};

/// Longest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 140;

/// A configuration file as read.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    text: Arc<str>,
    mask: Mask,
    /// It is a piece of a program, not a file.
    is_code: bool,
}

/// A range of a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file.
    pub(super) source: Arc<Source>,
    /// Bytes of its text.
    pub(super) span: Range<usize>,
}

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Written<T> {
    /// The value.
    pub(super) value: T,
    /// Where.
    pub(super) place: Place,
}

impl<T> Written<T> {
    /// The same place with another value.
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: convert(self.value), place: self.place }
    }
}

impl Source {
    pub(super) fn new(name: impl Into<String>, text: Arc<str>, mask: Mask) -> Self {
        Self { name: name.into(), text, mask, is_code: false }
    }

    /// A piece of a program, shown as it is; nobody knows where it stands.
    pub(super) fn of_code(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into(), mask: Mask::Hide(Vec::new()), is_code: true }
    }

    /// Relative to the configuration's folder.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Place {
    /// Line, column and the line as it may be shown.
    pub(super) fn position(&self) -> Position {
        let text = self.source.text();
        let start = floor_boundary(text, self.span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| start + at);
        let line = if self.source.is_code { 0 } else { before.matches('\n').count() + 1 };
        let column = text.get(line_start..start).unwrap_or_default().chars().count() + 1;

        // Only a window round the place passes the mask, for a hostile file may be one line.
        let window_start = if start - line_start > 100 { floor_boundary(text, start - 60) } else { line_start };
        let window_end = floor_boundary(text, line_end.min(window_start + 4 * MAX_SHOWN));
        let line_text = text.get(line_start..line_end).unwrap_or_default();
        let shown = self.source.mask.characters(line_text, line_start, window_start..window_end);

        let lead = if window_start > line_start { "…" } else { "" };
        let is_cut = window_end < line_end || shown.len() > MAX_SHOWN;
        let body = shown.iter().take(MAX_SHOWN).map(|(_, character)| visible(*character));
        let tail = if is_cut { "…" } else { "" };
        let source_line: String = lead.chars().chain(body).chain(tail.chars()).collect();
        let source_line = source_line.trim_end_matches(['\u{fffd}', ' ']).to_owned();

        let column_of = |offset: usize| shown.iter().take_while(|(at, _)| *at < offset).count();
        let caret_start = column_of(start) + lead.chars().count();
        let caret_end = column_of(self.span.end.clamp(start, line_end)) + lead.chars().count();
        let room = source_line.chars().count().saturating_sub(caret_start);
        let caret_width = caret_end.saturating_sub(caret_start).min(room).max(1);
        Position { line, column, source_line, caret_start, caret_width }
    }
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
