//! One document: its source, what is said about it, and its blocks.

use std::ops::Range;

use super::text::Text;
use super::{KnowledgeError, chunk, html, markdown, plain, rows};

/// A document that has been read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) path: String,
    pub(super) title: String,
    pub(super) owner: Option<String>,
    pub(super) review_by: Option<String>,
    /// The file.
    pub(super) source: String,
    pub(super) blocks: Vec<Block>,
}

impl Document {
    /// The text that came from `range` of the file.
    pub(super) fn text_within(&self, range: Range<usize>) -> String {
        let parts = self.blocks.iter().map(|block| block.text.within(&range)).filter(|text| !text.trim().is_empty());
        parts.collect::<Vec<_>>().join("\n")
    }
}

/// A heading, a paragraph, a list, a table, a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) text: Text,
    /// Repeated in front of each part when the block is torn: the head of a table.
    pub(super) lead: String,
}

impl Block {
    pub(super) const fn new(kind: Kind, text: Text) -> Self {
        Self { kind, text, lead: String::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A heading of that level.
    Heading(u8),
    /// Content that may share a passage with its neighbours.
    Body,
    /// Content that is a passage of its own.
    Alone,
}

/// What a parser finds in a file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) title: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) review_by: Option<String>,
    pub(super) blocks: Vec<Block>,
}

impl Parsed {
    /// Keeps `text` as a block unless it is blank.
    pub(super) fn push(&mut self, kind: Kind, text: Text) {
        if !text.is_blank() {
            self.blocks.push(Block::new(kind, text));
        }
    }
}

pub(super) fn parse(path: String, bytes: Vec<u8>) -> Result<Document, KnowledgeError> {
    let source = String::from_utf8(bytes)
        .map_err(|error| KnowledgeError::NotUtf8 { path: path.clone(), at: error.utf8_error().valid_up_to() })?;
    let name = path.rsplit('/').next().unwrap_or(&path);
    let Some((stem, ending)) = name.rsplit_once('.') else { return Err(KnowledgeError::UnknownKind(path)) };
    let parsed = match ending.to_ascii_lowercase().as_str() {
        "md" | "markdown" => markdown::parse(&source),
        "html" | "htm" => html::parse(&source),
        "txt" => plain::parse(&source),
        "csv" => rows::parse(&source).map_err(|source| KnowledgeError::Csv { path: path.clone(), source })?,
        _ => return Err(KnowledgeError::UnknownKind(path)),
    };
    let heading = parsed.blocks.iter().find(|block| matches!(block.kind, Kind::Heading(_)));
    let title = parsed
        .title
        .or_else(|| heading.map(|block| block.text.as_str().to_owned()))
        .unwrap_or_else(|| stem.replace(['-', '_'], " "));
    let title = chunk::line(&title);
    Ok(Document { title, owner: parsed.owner, review_by: parsed.review_by, blocks: parsed.blocks, path, source })
}

/// The bytes of a byte order mark in front.
pub(super) fn mark_length(source: &str) -> usize {
    if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}
