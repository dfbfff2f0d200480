//! The knowledge base: documents, pinned as one snapshot, and BM25 search over their passages.
//!
//! Markdown, HTML, text and CSV are read into blocks that remember which bytes of the file they came from. Passages are
//! cut along headings, paragraphs, lists and rows, so a citation `document#start-end` points at exact bytes of a file
//! whose hash is part of [`Knowledge::snapshot`]. Everything is in memory and built once; the same files always give the
//! same passages in the same order.
//!
//! Absent on purpose: embeddings, watching files, a query language.

mod chunk;
mod document;
mod html;
mod index;
mod markdown;
mod passage;
mod plain;
mod rows;
mod text;

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::guard::Citation;
use mainstay_core::tool::{Invocation, Tool, ToolOutcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::warn;

use chunk::Chunk;
use document::Document;
use index::Index;
pub use passage::Passage;

/// Largest file, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;
/// All files together, in bytes.
pub const MAX_BYTES: usize = 128 * 1024 * 1024;
/// Most files.
pub const MAX_DOCUMENTS: usize = 20_000;
/// Most passages that one search returns.
pub const MAX_PASSAGES: usize = 50;

/// A pinned set of documents that can be searched. Cheap to share; never changes.
pub struct Knowledge {
    snapshot: String,
    /// Sorted by path.
    documents: Vec<Document>,
    /// In the order of the documents; their numbers are those of the index.
    chunks: Vec<Chunk>,
    index: Index,
}

impl Knowledge {
    /// Reads and indexes `documents`: paths inside the knowledge folder, with `/`, and the bytes of the files. Their order
    /// does not matter.
    ///
    /// # Errors
    /// The first file, by path, that cannot be used.
    pub fn build(mut documents: Vec<(String, Vec<u8>)>) -> Result<Self, KnowledgeError> {
        documents.sort();
        check(&documents)?;
        let snapshot = hash(&documents);
        let documents: Vec<Document> =
            documents.into_iter().map(|(path, bytes)| document::parse(path, bytes)).collect::<Result<_, _>>()?;
        let chunks: Vec<Chunk> = documents
            .iter()
            .enumerate()
            .flat_map(|(number, document)| {
                chunk::cut(document).into_iter().map(move |cut| Chunk { document: number, ..cut })
            })
            .collect();
        let index = Index::build(&chunks).map_err(KnowledgeError::Index)?;
        Ok(Self { snapshot, documents, chunks, index })
    }

    /// SHA-256, in hex, over the sorted paths and bytes.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// The documents, sorted by path.
    pub fn documents(&self) -> impl Iterator<Item = DocumentSummary<'_>> {
        self.documents.iter().map(|document| DocumentSummary {
            path: &document.path,
            title: &document.title,
            owner: document.owner.as_deref(),
            review_by: document.review_by.as_deref(),
        })
    }

    /// How many passages there are.
    pub fn passages(&self) -> usize {
        self.chunks.len()
    }

    /// The best `top` passages for `query`, best first, at most [`MAX_PASSAGES`]. The query is text, whatever it looks
    /// like: there is no syntax in it. Equal scores keep the order of the documents.
    ///
    /// # Errors
    /// The index failed; no hits are an empty list.
    pub fn search(&self, query: &str, top: usize) -> Result<Vec<Passage>, KnowledgeError> {
        let hits = self.index.search(query, top.min(MAX_PASSAGES)).map_err(KnowledgeError::Index)?;
        Ok(hits.into_iter().filter_map(|(number, score)| self.passage(number, score)).collect())
    }

    /// The citation that `id` (`document#start-end`) names, if it lies in one document of this snapshot, on character
    /// boundaries, and holds some of its text. It need not be a passage that was ever returned.
    pub fn citation(&self, id: &str) -> Option<Citation> {
        let (path, start, end) = passage::parse_id(id)?;
        let number = self.documents.binary_search_by(|document| document.path.as_str().cmp(path)).ok()?;
        let document = self.documents.get(number)?;
        document.source.get(start..end)?;
        let whole = self.chunks.iter().find(|chunk| (chunk.document, chunk.start, chunk.end) == (number, start, end));
        let text = whole.map_or_else(|| document.text_within(start..end), |chunk| chunk.text.clone());
        if text.trim().is_empty() {
            return None;
        }
        Some(Citation { id: id.to_owned(), document: path.to_owned(), start, end, text })
    }

    fn passage(&self, number: usize, score: f32) -> Option<Passage> {
        let chunk = self.chunks.get(number)?;
        let document = &self.documents.get(chunk.document)?.path;
        Some(Passage {
            id: passage::id(document, chunk.start, chunk.end),
            document: document.clone(),
            title: chunk.title.clone(),
            start: chunk.start,
            end: chunk.end,
            text: chunk.text.clone(),
            score,
        })
    }
}

impl std::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Knowledge({} documents, {} passages, {})", self.documents.len(), self.chunks.len(), self.snapshot)
    }
}

/// What is known about a document beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentSummary<'a> {
    /// Its path inside the knowledge folder.
    pub path: &'a str,
    /// Its title: from the front matter, its first heading, or the file's name.
    pub title: &'a str,
    /// `owner` of the front matter.
    pub owner: Option<&'a str>,
    /// `review_by` of the front matter, as written.
    pub review_by: Option<&'a str>,
}

/// Files that cannot be a knowledge base.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// Not a kind of file that we read.
    #[error("`{0}` is no Markdown, HTML, text or CSV file")]
    UnknownKind(String),
    /// The bytes are no text.
    #[error("`{path}` is not UTF-8 (first bad byte at {at})")]
    NotUtf8 {
        /// Its path.
        path: String,
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// One file is too large.
    #[error("`{0}` is larger than {MAX_DOCUMENT_BYTES} bytes")]
    DocumentTooLarge(String),
    /// The files together are too large.
    #[error("the documents together are larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// There are too many files.
    #[error("there are more than {MAX_DOCUMENTS} documents")]
    TooMany,
    /// Two files of one path.
    #[error("`{0}` occurs twice")]
    Duplicate(String),
    /// The CSV reader gave up.
    #[error("`{path}` is not usable CSV")]
    Csv {
        /// Its path.
        path: String,
        /// What the reader said.
        #[source]
        source: ::csv::Error,
    },
    /// The search index failed.
    #[error("the search index failed")]
    Index(#[source] tantivy::TantivyError),
}

fn check(documents: &[(String, Vec<u8>)]) -> Result<(), KnowledgeError> {
    if documents.len() > MAX_DOCUMENTS {
        return Err(KnowledgeError::TooMany);
    }
    if documents.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MAX_BYTES {
        return Err(KnowledgeError::TooLarge);
    }
    for (path, bytes) in documents {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(KnowledgeError::DocumentTooLarge(path.clone()));
        }
    }
    let pairs = documents.iter().zip(documents.iter().skip(1));
    for ((path, _), (next, _)) in pairs {
        if path == next {
            return Err(KnowledgeError::Duplicate(path.clone()));
        }
    }
    Ok(())
}

fn hash(documents: &[(String, Vec<u8>)]) -> String {
    let mut sha = Sha256::new();
    for (path, bytes) in documents {
        // With their lengths in front no two sets of files run into one another.
        for part in [path.as_bytes(), bytes] {
            sha.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            sha.update(part);
        }
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Searches the knowledge base. Its argument is `query`; its result is `{"passages": [{"id", "title", "text"}]}`, and the
/// same passages as citations.
#[derive(Debug)]
pub struct KnowledgeTool {
    knowledge: Arc<Knowledge>,
    top: usize,
}

impl KnowledgeTool {
    /// Searches `knowledge` for the best `top` passages.
    pub const fn new(knowledge: Arc<Knowledge>, top: usize) -> Self {
        Self { knowledge, top }
    }
}

#[async_trait]
impl Tool for KnowledgeTool {
    async fn call(&self, call: &Invocation<'_>, _deadline: Instant) -> ToolOutcome {
        let Some(query) = call.arguments.get("query").and_then(Value::as_str) else {
            return ToolOutcome::Failed("the argument `query` is missing".to_owned());
        };
        match self.knowledge.search(query, self.top) {
            Ok(passages) => {
                let shown = |passage: &Passage| json!({"id": passage.id, "title": passage.title, "text": passage.text});
                ToolOutcome::Done {
                    content: json!({"passages": passages.iter().map(shown).collect::<Vec<_>>()}),
                    citations: passages.into_iter().map(Citation::from).collect(),
                }
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "{error}");
                ToolOutcome::Failed(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests;
