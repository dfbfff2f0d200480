//! Views of a text: what a reader would see in it, once disguises are taken off.
//!
//! A view is a changed copy of the text that remembers, for each of its characters, the bytes of the original that
//! it came from. Guards search views and report spans of the original. Building all views takes time and memory
//! linear in the text: each character is folded alone, decoded runs are shorter than what they were decoded from,
//! and nesting stops at [`MAX_DEPTH`].

use std::ops::Range;

use mainstay_core::guard::GuardError;

mod decode;
mod fold;

/// The longest text that guards look at, in bytes. A longer one is an error, and so fails closed.
pub const MAX_TEXT: usize = 16 * 1024 * 1024;

/// How many encodings may lie around each other before a decoder stops looking.
pub const MAX_DEPTH: usize = 2;

/// A changed copy of a text with the way back to the original.
#[derive(Clone, Debug)]
pub struct View {
    text: String,
    origin: Origin,
}

/// All views of one text.
#[derive(Clone, Debug)]
pub struct Views {
    /// Compatibility forms, case, look-alike letters, accents and digits of every script folded; invisible characters
    /// gone.
    pub folded: View,
    /// What encoded or disguised parts of the text say; see [`Views::of`].
    pub decoded: Vec<View>,
}

#[derive(Clone, Debug)]
enum Origin {
    /// Every byte is where it was.
    Same,
    /// One mark for each character.
    Marks(Vec<Mark>),
    /// The whole view came out of these bytes.
    Whole(Range<usize>),
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u32,
    start: u32,
    end: u32,
}

impl Views {
    /// Folds the text, and decodes what it hides: base64 and hexadecimal runs, escapes (`%41`, `&#65;`, `\x41`, `\u0041`),
    /// invisible tag characters, letters that stand apart (`i g n o r e`), digits that stand for letters (`1gn0re`),
    /// rot13, and the text backwards.
    pub fn of(text: &str) -> Self {
        let folded = View::folded(text);
        let decoded = decode::all(text, &folded);
        Self { folded, decoded }
    }

    /// The folded view and then the decoded ones.
    pub fn iter(&self) -> impl Iterator<Item = &View> {
        std::iter::once(&self.folded).chain(&self.decoded)
    }
}

impl View {
    /// The text with disguises and differences that do not matter taken off; see [`Views::folded`].
    pub fn folded(text: &str) -> Self {
        Self::build(text, fold::reading)
    }

    /// The text without invisible characters and in compatibility forms, but with its case and its letters.
    pub fn exact(text: &str) -> Self {
        Self::build(text, fold::exact)
    }

    /// What to search.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when the view came out of an encoding that hides it from a reader.
    pub fn is_encoded(&self) -> bool {
        matches!(self.origin, Origin::Whole(_))
    }

    /// The bytes of the original that a range of the view came from; always on character boundaries of the original.
    pub fn span(&self, range: Range<usize>) -> Range<usize> {
        match &self.origin {
            Origin::Same => range,
            Origin::Whole(whole) => whole.clone(),
            Origin::Marks(marks) => {
                let first = marks.partition_point(|mark| (mark.at as usize) <= range.start).saturating_sub(1);
                let past = marks.partition_point(|mark| (mark.at as usize) < range.end).max(first + 1);
                let start = marks.get(first).map_or(0, |mark| mark.start as usize);
                let end = marks.get(first..past).unwrap_or_default().iter().map(|mark| mark.end as usize).max();
                start..end.unwrap_or(start)
            }
        }
    }

    fn build(text: &str, fold: fn(char, &mut dyn FnMut(char))) -> Self {
        if text.bytes().all(fold::is_plain_ascii) {
            let mut folded = String::with_capacity(text.len());
            text.chars().for_each(|c| fold(c, &mut |folded_char| folded.push(folded_char)));
            return Self { text: folded, origin: Origin::Same };
        }
        let mut writer = Writer::with_capacity(text.len());
        for (start, c) in text.char_indices() {
            fold(c, &mut |folded| writer.push(folded, start..start + c.len_utf8()));
        }
        writer.finish()
    }

    /// The same characters changed one by one, some dropped.
    fn mapped(&self, mut change: impl FnMut(usize, char) -> Option<char>) -> Self {
        let mut writer = Writer::with_capacity(self.text.len());
        for (at, c) in self.text.char_indices() {
            if let Some(changed) = change(at, c) {
                writer.push(changed, self.span(at..at + c.len_utf8()));
            }
        }
        writer.finish()
    }
}

/// Builds a view character by character.
struct Writer {
    text: String,
    marks: Vec<Mark>,
}

impl Writer {
    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), marks: Vec::with_capacity(bytes / 2) }
    }

    fn push(&mut self, c: char, from: Range<usize>) {
        // Texts are below `MAX_TEXT`, and a character folds to at most eighteen, so positions fit.
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.marks.push(Mark { at: narrow(self.text.len()), start: narrow(from.start), end: narrow(from.end) });
        self.text.push(c);
    }

    fn finish(self) -> View {
        View { text: self.text, origin: Origin::Marks(self.marks) }
    }
}

/// Refuses texts that are too long to be looked at as a whole.
pub(crate) fn within_limit(guard: &'static str, text: &str) -> Result<(), GuardError> {
    if text.len() > MAX_TEXT {
        return Err(GuardError {
            guard,
            reason: format!("the text has {} bytes, at most {MAX_TEXT} are read", text.len()),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
