//! Text without markup that remembers which bytes of the file each part of it came from.

use std::ops::Range;

/// Text, with its origin. Parts that stand nowhere in the file (bullets, separators) have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    text: String,
    /// In the order of the text.
    segments: Vec<Segment>,
    /// Where the text may best be torn: starts of list items and table rows.
    breaks: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    text: Range<usize>,
    source: Range<usize>,
}

impl Segment {
    /// True where the text stands in the file byte by byte; otherwise something (an entity, an escape) was decoded.
    fn is_exact(&self) -> bool {
        self.text.len() == self.source.len()
    }

    /// The source bytes of `part` of the text; all of the segment's when they cannot be told apart.
    fn source_of(&self, part: &Range<usize>) -> Option<Range<usize>> {
        let (start, end) = (part.start.max(self.text.start), part.end.min(self.text.end));
        if start >= end {
            return None;
        }
        if !self.is_exact() {
            return Some(self.source.clone());
        }
        let shift = |at: usize| self.source.start + (at - self.text.start);
        Some(shift(start)..shift(end))
    }
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(super) fn breaks(&self) -> &[usize] {
        &self.breaks
    }

    /// Appends `text`, which stands in `source[range]`, perhaps with marks around it.
    pub(super) fn push_inside(&mut self, text: &str, source: &str, range: Range<usize>) {
        let written = source.get(range.clone()).unwrap_or_default();
        match written.find(text) {
            Some(at) => self.push(text, range.start + at..range.start + at + text.len()),
            None => self.push(text, range),
        }
    }

    /// Appends `text`, which was read from exactly these bytes.
    pub(super) fn push(&mut self, text: &str, range: Range<usize>) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.segments.push(Segment { text: start..self.text.len(), source: range });
    }

    /// Appends something that is not in the file.
    pub(super) fn push_mark(&mut self, mark: &str) {
        self.text.push_str(mark);
    }

    /// Appends another text with its origin.
    pub(super) fn append(&mut self, other: &Self) {
        let shift = self.text.len();
        self.text.push_str(&other.text);
        let moved = |range: &Range<usize>| range.start + shift..range.end + shift;
        let segments = other.segments.iter();
        self.segments.extend(segments.map(|segment| Segment { text: moved(&segment.text), ..segment.clone() }));
        self.breaks.extend(other.breaks.iter().map(|at| at + shift));
    }

    /// Starts a new line, unless there is nothing yet or the line is new already.
    pub(super) fn new_line(&mut self) {
        let written = self.segments.last().map_or(0, |segment| segment.text.end);
        while self.text.len() > written && self.text.ends_with(' ') {
            self.text.pop();
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Notes that the text may be torn here.
    pub(super) fn may_break(&mut self) {
        self.breaks.push(self.text.len());
    }

    /// The bytes of the file that `part` of the text came from, first to last.
    pub(super) fn source_of(&self, part: Range<usize>) -> Option<Range<usize>> {
        let first = self.segments.partition_point(|segment| segment.text.end <= part.start);
        let mut sources = self.segments.iter().skip(first).map_while(|segment| segment.source_of(&part));
        let head = sources.next()?;
        let end = sources.fold(head.end, |end, source| end.max(source.end));
        Some(head.start..end)
    }

    /// The part of the text that came from `range` of the file.
    pub(super) fn within(&self, range: &Range<usize>) -> &str {
        let part = |segment: &Segment| {
            let (start, end) = (range.start.max(segment.source.start), range.end.min(segment.source.end));
            if start >= end {
                return None;
            }
            if !segment.is_exact() {
                return Some(segment.text.clone());
            }
            let shift = |at: usize| segment.text.start + (at - segment.source.start);
            Some(shift(start)..shift(end))
        };
        let mut parts = self.segments.iter().filter_map(part);
        let Some(head) = parts.next() else { return "" };
        let end = parts.fold(head.end, |end, part| end.max(part.end));
        self.text.get(head.start..end).unwrap_or_default()
    }
}
