//! Reads files of a configuration's folder, and nothing outside it.
//!
//! Symbolic links are followed only where they stay inside the folder (mounted configurations are made of such links).
//! Pipes, devices and sockets are never opened, and no more is read than a limit.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::problem::{Finding, Log};

/// Largest TOML, schema or instructions file, in bytes.
pub(super) const MAX_TEXT: u64 = 1024 * 1024;

/// A folder that nothing is read outside of.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("there is no such file")]
    Missing,
    #[error("this path leads out of the folder")]
    Outside,
    #[error("this is not a regular file")]
    NotRegular,
    #[error("this is not a folder")]
    NotFolder,
    #[error("the file is larger than {} KiB", .limit / 1024)]
    TooLarge { limit: u64 },
    #[error("the file is not UTF-8 (byte {at} of line {line})")]
    NotUtf8 { line: usize, at: usize },
    #[error("cannot be read: {}", .0.kind())]
    Io(io::Error),
}

impl From<io::Error> for FolderError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

impl FolderError {
    /// Where the text stops being UTF-8: after `valid`.
    pub(super) fn not_utf8_after(valid: &[u8]) -> Self {
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let at = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self::NotUtf8 { line, at }
    }
}

/// One thing in a folder.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name; `None` when that is not UTF-8.
    pub(super) name: Option<String>,
    /// True for a folder, also behind a link.
    pub(super) is_folder: bool,
}

impl Folder {
    /// Opens `root`.
    pub(super) fn open(root: &Path) -> Result<Self, FolderError> {
        let root = fs::canonicalize(root)?;
        if !fs::metadata(&root)?.is_dir() {
            return Err(FolderError::NotFolder);
        }
        Ok(Self { root })
    }

    /// Its path, absolute and without links.
    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// The bytes of a file, at most `limit`. `relative` is written with `/`.
    pub(super) fn bytes(&self, relative: &str, limit: u64) -> Result<Vec<u8>, FolderError> {
        let path = self.resolve(relative)?;
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(FolderError::NotRegular);
        }
        if metadata.len() > limit {
            return Err(FolderError::TooLarge { limit });
        }
        let mut bytes = Vec::new();
        File::open(&path)?.take(limit + 1).read_to_end(&mut bytes)?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= limit => Ok(bytes),
            _ => Err(FolderError::TooLarge { limit }),
        }
    }

    /// The text of a file, at most `limit` bytes; a byte order mark at its start is dropped.
    pub(super) fn text(&self, relative: &str, limit: u64) -> Result<Arc<str>, FolderError> {
        let text = String::from_utf8(self.bytes(relative, limit)?).map_err(|error| {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            FolderError::not_utf8_after(valid)
        })?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).into())
    }

    /// [`Self::text`], or `None` and a problem.
    pub(super) fn text_or_problem(&self, relative: &str, hint: &str, log: &Log) -> Option<Arc<str>> {
        match self.text(relative, MAX_TEXT) {
            Ok(text) => Some(text),
            Err(error) => {
                let finding = Finding::of_file(relative, error.to_string());
                let is_missing = matches!(error, FolderError::Missing);
                log.problem(if is_missing { finding.hint(hint) } else { finding });
                None
            }
        }
    }

    /// True when there is something at `relative`, usable or not.
    pub(super) fn has(&self, relative: &str) -> bool {
        fs::symlink_metadata(self.root.join(relative)).is_ok()
    }

    /// What is in a folder, by name; at most `limit` things.
    pub(super) fn entries(&self, relative: &str, limit: usize) -> Result<Vec<Entry>, FolderError> {
        let path = self.resolve(relative)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(FolderError::NotFolder);
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(&path)?.take(limit) {
            let entry = entry?;
            // A link that leads nowhere is no folder; whoever reads it as a file says what is wrong.
            let is_folder = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            entries.push(Entry { name: entry.file_name().into_string().ok(), is_folder });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn resolve(&self, relative: &str) -> Result<PathBuf, FolderError> {
        let stays_inside = Path::new(relative).components().all(|part| matches!(part, Component::Normal(_)));
        if !stays_inside || relative.contains('\0') {
            return Err(FolderError::Outside);
        }
        let path = fs::canonicalize(self.root.join(relative))?;
        if path.starts_with(&self.root) { Ok(path) } else { Err(FolderError::Outside) }
    }
}
