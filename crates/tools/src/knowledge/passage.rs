//! A passage as it is returned, and the form of its id.

use mainstay_core::guard::Citation;

/// A piece of a document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// `document#start-end`.
    pub id: String,
    /// The document's path inside the knowledge folder.
    pub document: String,
    /// The document's title and the headings above the passage, joined by ` > `.
    pub title: String,
    /// First byte in the document's file.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What a model reads: the text without markup.
    pub text: String,
    /// BM25; only good for comparing passages of one search.
    pub score: f32,
}

impl From<Passage> for Citation {
    fn from(passage: Passage) -> Self {
        let Passage { id, document, title: _, start, end, text, score: _ } = passage;
        Self { id, document, start, end, text }
    }
}

pub(super) fn id(document: &str, start: usize, end: usize) -> String {
    format!("{document}#{start}-{end}")
}

/// The parts of an id that is written exactly as [`id`] writes it.
pub(super) fn parse_id(written: &str) -> Option<(&str, usize, usize)> {
    let (document, span) = written.rsplit_once('#')?;
    let (start, end) = span.split_once('-')?;
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    // One form per span: no sign, no leading zero.
    (start < end && id(document, start, end) == written).then_some((document, start, end))
}
