//! The knowledge folder read: every document, with what cannot be read or found again recorded.

use std::collections::BTreeMap;

use mainstay_tools::knowledge::{MAX_BYTES, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS};

use super::super::agent::Document;
use super::super::folder::{Entry, Folder, FolderError};
use super::super::problem::{Finding, Log, clean, quoted, visible};

/// Formats by extension.
const FORMATS: &[&str] = &["md", "markdown", "html", "htm", "txt", "csv"];

const MAX_ENTRIES: usize = 50_000;
const MAX_DEPTH: usize = 16;
const MAX_PATH: usize = 200;

/// Reads all documents under `path`, by their path inside it.
pub(super) fn read(folder: &Folder, path: &str, log: &Log) -> Vec<Document> {
    if !folder.has(path) {
        return Vec::new();
    }
    let mut reading = Reading { folder, root: path, log, documents: Vec::new(), size: 0, is_full: false };
    reading.folder("", 0);
    let mut documents = reading.documents;
    documents.sort_by(|one, other| one.path.cmp(&other.path));
    twins(path, &documents, log);
    documents
}

struct Reading<'a> {
    folder: &'a Folder,
    root: &'a str,
    log: &'a Log,
    documents: Vec<Document>,
    size: usize,
    is_full: bool,
}

impl Reading<'_> {
    fn folder(&mut self, inside: &str, depth: usize) {
        let path = join(self.root, inside);
        if depth > MAX_DEPTH {
            self.log.problem(Finding::of_file(&path, format!("folders are nested more than {MAX_DEPTH} deep")));
            return;
        }
        match self.folder.entries(&path, MAX_ENTRIES) {
            Ok(entries) => entries.iter().for_each(|entry| self.entry(inside, entry, depth)),
            Err(error) => self.log.problem(Finding::of_file(&path, error.to_string())),
        }
    }

    fn entry(&mut self, inside: &str, entry: &Entry, depth: usize) {
        let Some(name) = &entry.name else {
            self.log.problem(Finding::of_file(&join(self.root, inside), "a file has a name that is not UTF-8"));
            return;
        };
        if name.starts_with('.') || self.is_full {
            return;
        }
        let inside = if inside.is_empty() { name.clone() } else { join(inside, name) };
        if entry.is_folder {
            self.folder(&inside, depth + 1);
        } else {
            self.document(inside);
        }
    }

    fn document(&mut self, inside: String) {
        let path = join(self.root, &inside);
        let extension = inside.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()).unwrap_or_default();
        if !FORMATS.contains(&extension.as_str()) {
            let finding = Finding::of_file(&path, "this is no format of the knowledge base, so nobody will find it");
            self.log.warning(finding.hint("Markdown (.md), HTML (.html), text (.txt) or CSV (.csv)"));
            return;
        }
        // A citation is `path#start-end` and stands in JSON, in pages and in logs.
        if inside.len() > MAX_PATH || inside.contains('#') || inside.chars().any(|c| visible(c) != c) {
            let finding = Finding::of_file(&path, "the path of a document cannot be cited");
            self.log.problem(finding.hint(format!("no `#`, no invisible characters, at most {MAX_PATH} bytes")));
            return;
        }
        let bytes = match self.folder.bytes(&path, MAX_DOCUMENT_BYTES as u64) {
            Ok(bytes) if bytes.is_empty() => {
                self.log.warning(Finding::of_file(&path, "the document is empty"));
                return;
            }
            Ok(bytes) => bytes,
            Err(error) => {
                self.log.problem(Finding::of_file(&path, error.to_string()));
                return;
            }
        };
        if let Err(error) = std::str::from_utf8(&bytes) {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            self.log.problem(Finding::of_file(&path, FolderError::not_utf8_after(valid).to_string()));
            return;
        }
        self.size = self.size.saturating_add(bytes.len());
        self.documents.push(Document { path: inside, bytes });
        if self.size > MAX_BYTES || self.documents.len() > MAX_DOCUMENTS {
            self.is_full = true;
            let message = format!(
                "the knowledge base is larger than {} MiB or {MAX_DOCUMENTS} documents",
                MAX_BYTES / 1024 / 1024
            );
            self.log.problem(Finding::of_file(self.root, message));
        }
    }
}

/// Two names that are one on a file system that ignores case.
fn twins(root: &str, documents: &[Document], log: &Log) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for document in documents {
        if let Some(other) = seen.insert(document.path.to_lowercase(), &document.path) {
            let message =
                format!("this document and {} have the same path but for upper and lower case", quoted(other));
            log.problem(Finding::of_file(&join(root, &document.path), clean(&message, 300)).hint("rename one of them"));
        }
    }
}

fn join(one: &str, other: &str) -> String {
    if other.is_empty() { one.to_owned() } else { format!("{one}/{other}") }
}
