//! Cuts a document into passages: along headings first, then between blocks, and inside a block only when it is too
//! large: between list items and rows, then between sentences, then between words.

use std::ops::Range;

use super::document::{Block, Document, Kind};

/// Longest passage, in bytes of text.
const MAX: usize = 900;

/// A passage before it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Number of the document.
    pub(super) document: usize,
    /// First byte in the file.
    pub(super) start: usize,
    /// One past the last byte in the file.
    pub(super) end: usize,
    /// The document's title and the headings above.
    pub(super) title: String,
    /// What is searched and shown.
    pub(super) text: String,
}

pub(super) fn cut(document: &Document) -> Vec<Chunk> {
    let mut cutter = Cutter { document, chunks: Vec::new(), headings: Vec::new(), open: None, bare: None };
    for block in &document.blocks {
        match block.kind {
            Kind::Heading(level) => cutter.heading(level, block),
            Kind::Body => cutter.body(block),
            Kind::Alone => {
                cutter.flush();
                cutter.body(block);
                cutter.flush();
            }
        }
    }
    cutter.heading_stands_alone(0);
    cutter.flush();
    cutter.chunks
}

struct Cutter<'a> {
    document: &'a Document,
    chunks: Vec<Chunk>,
    /// The headings above, by level.
    headings: Vec<(u8, String)>,
    /// The passage that may still grow.
    open: Option<(Range<usize>, String)>,
    /// A heading that nothing has followed yet.
    bare: Option<(u8, &'a Block)>,
}

impl<'a> Cutter<'a> {
    fn heading(&mut self, level: u8, block: &'a Block) {
        self.flush();
        self.heading_stands_alone(level);
        while self.headings.last().is_some_and(|(above, _)| *above >= level) {
            self.headings.pop();
        }
        self.headings.push((level, line(block.text.as_str())));
        self.bare = Some((level, block));
    }

    /// A heading without content of its own or of a smaller heading is content itself.
    fn heading_stands_alone(&mut self, next_level: u8) {
        if let Some((level, block)) = self.bare.take()
            && next_level <= level
        {
            self.body(block);
            self.flush();
        }
    }

    fn body(&mut self, block: &Block) {
        self.bare = None;
        let length = block.text.as_str().len();
        if length > MAX {
            self.flush();
            self.tear(block);
            return;
        }
        if self.open.as_ref().is_some_and(|(_, text)| text.len() + length > MAX) {
            self.flush();
        }
        self.add(block, 0..length, "");
    }

    fn tear(&mut self, block: &Block) {
        let text = block.text.as_str();
        let room = MAX.saturating_sub(block.lead.len()).max(MAX / 2);
        let mut from = 0;
        while from < text.len() {
            let to = best_cut(text, block.text.breaks(), from, room);
            // The first part begins with the lead itself.
            let lead = if from == 0 || block.lead.len() > MAX / 2 { "" } else { block.lead.as_str() };
            self.add(block, from..to, lead);
            self.flush();
            from = to;
        }
    }

    fn add(&mut self, block: &Block, part: Range<usize>, lead: &str) {
        let Some(text) = block.text.as_str().get(part.clone()) else { return };
        let skipped = text.len() - text.trim_start().len();
        let words = text.trim();
        let trimmed = part.start + skipped..part.start + skipped + words.len();
        let Some(source) = block.text.source_of(trimmed).map(|range| on_boundaries(&self.document.source, range))
        else {
            return;
        };
        let (range, passage) = self.open.get_or_insert_with(|| (source.clone(), String::new()));
        range.start = range.start.min(source.start);
        range.end = range.end.max(source.end);
        for part in [lead, words] {
            if !passage.is_empty() && !part.is_empty() {
                passage.push('\n');
            }
            passage.push_str(part);
        }
    }

    fn flush(&mut self) {
        let Some((range, text)) = self.open.take() else { return };
        let mut title = vec![self.document.title.as_str()];
        title.extend(
            self.headings.iter().map(|(_, heading)| heading.as_str()).filter(|heading| *heading != self.document.title),
        );
        let title = title.join(" > ");
        self.chunks.push(Chunk { document: 0, start: range.start, end: range.end, title, text });
    }
}

/// The first words of a text, on one line.
pub(super) fn line(text: &str) -> String {
    const MAX_CHARS: usize = 160;
    let words = text.split_whitespace().take(MAX_CHARS).collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_CHARS).collect()
}

/// Where to cut `text`, at most `room` bytes after `from`: always after it, always on a character boundary.
fn best_cut(text: &str, breaks: &[usize], from: usize, room: usize) -> usize {
    if text.len() - from <= room {
        return text.len();
    }
    let mut limit = from + room;
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    let last_break = breaks.partition_point(|at| *at <= limit);
    if let Some(at) = last_break.checked_sub(1).and_then(|number| breaks.get(number)).filter(|at| **at > from) {
        return *at;
    }
    let window = text.get(from..limit).unwrap_or_default();
    // Not too early, or a passage would be a scrap.
    let late = |at: &usize| *at > room / 3;
    let sentence =
        [". ", "! ", "? ", "。", "\n"].iter().filter_map(|end| window.rfind(end).map(|at| at + end.len())).max();
    let word = window.rfind(char::is_whitespace).map(|at| at + 1);
    let inside = sentence.filter(late).or_else(|| word.filter(late)).unwrap_or(window.len());
    let mut at = from + inside;
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// The smallest range around `range` that is on character boundaries.
fn on_boundaries(source: &str, range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start.min(source.len()), range.end.min(source.len()));
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
