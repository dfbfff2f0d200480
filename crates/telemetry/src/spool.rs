//! What could not be delivered yet, on disk: one folder per destination, one file per batch, bounded in bytes.
//!
//! A file is written under another name and renamed, so that a reader sees all of it or nothing; it is not synced, because a
//! trace can be had again from the journal and is not worth a sync. Its head says what it is and what it was made for: a
//! file that is torn, or foreign, or made for another endpoint, dialect or content policy than today's, is never sent: it
//! becomes `last.aside`. A folder belongs to one process at a time; a second one takes a folder of its own beside it.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use mainstay_egress::Bytes;
use sha2::{Digest, Sha256};

use crate::deliver::Batch;

/// The files of one destination.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    made_for: [u8; 8],
    max_bytes: u64,
    /// Oldest first.
    files: VecDeque<Stored>,
    bytes: u64,
    next: u64,
    /// Holds the folder's lock as long as it is open.
    _lock: File,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    number: u64,
    bytes: u64,
}

/// What was read from a file.
#[derive(Debug)]
pub(crate) enum Spooled {
    /// A batch as it was written.
    Batch(Batch),
    /// Something else, which is out of the way now. It said that it holds so many runs.
    SetAside(u64),
}

/// The spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system refused.
    #[error("cannot use the spool at `{path}`")]
    Unusable {
        /// Where.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// Every folder that a process may take is another one's.
    #[error("too many processes use the spool at `{0}`")]
    Shared(PathBuf),
}

const MAGIC: [u8; 8] = *b"MSTOTLP1";
/// 5 numbers of 8 bytes, and a hash of 32.
const HEAD: usize = 72;
/// Largest file that is read back.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
const MAX_FILES: usize = 65_536;
/// So many processes may share a spool.
const FOLDERS: u32 = 16;

impl Spool {
    /// Opens the first folder of `name` under `root` that no other process holds, and finds what is in it.
    pub(crate) fn open(root: &Path, name: &str, made_for: &[&str], max_bytes: u64) -> Result<Self, SpoolError> {
        for number in 1..=FOLDERS {
            let folder = root.join(if number == 1 { name.to_owned() } else { format!("{name}.{number}") });
            let unusable = |source| SpoolError::Unusable { path: folder.clone(), source };
            make_folder(&folder).map_err(unusable)?;
            let lock =
                private().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(unusable)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
            let files = scan(&folder).map_err(unusable)?;
            let bytes = files.iter().map(|file| file.bytes).sum();
            let next = files.back().map_or(1, |last| last.number.saturating_add(1));
            let made_for = fingerprint(made_for);
            return Ok(Self { folder, made_for, max_bytes, files, bytes, next, _lock: lock });
        }
        Err(SpoolError::Shared(root.to_owned()))
    }

    /// Bytes in it.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Files in it.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Puts `batch` behind all others and says how many runs were dropped to make room, this batch's perhaps among them.
    pub(crate) fn push(&mut self, batch: &Batch) -> io::Result<u64> {
        let head = head(batch, self.made_for);
        let bytes = (head.len() + batch.bytes.len()) as u64;
        if bytes > self.max_bytes {
            return Ok(batch.runs);
        }
        let mut dropped = 0;
        while self.bytes + bytes > self.max_bytes || self.files.len() >= MAX_FILES {
            let Some(oldest) = self.files.front().map(|file| file.number) else { break };
            dropped += self.runs_of(oldest);
            self.remove(oldest);
        }
        let number = self.next;
        let written = self.folder.join(format!("{number:020}.tmp"));
        let result = private().create_new(true).write(true).open(&written).and_then(|mut file| {
            file.write_all(&head)?;
            file.write_all(&batch.bytes)?;
            fs::rename(&written, self.path(number))
        });
        self.next = self.next.saturating_add(1);
        if let Err(error) = result {
            let _ = fs::remove_file(&written);
            return Err(error);
        }
        self.files.push_back(Stored { number, bytes });
        self.bytes += bytes;
        Ok(dropped)
    }

    /// Number and content of the file that is `index` places behind the oldest. One that cannot be sent is set aside.
    pub(crate) fn read(&mut self, index: usize) -> Option<(u64, Spooled)> {
        let number = self.files.get(index)?.number;
        let path = self.path(number);
        let found = read_bounded(&path).unwrap_or_default();
        if let Some(batch) = parse(&found, self.made_for) {
            return Some((number, Spooled::Batch(batch)));
        }
        let runs = claimed_runs(&found);
        self.forget(number);
        // What is set aside is for a person to look at, and must not fill the disk: only the last one of them stays.
        let aside = self.folder.join("last.aside");
        if fs::rename(&path, aside).is_err() {
            let _ = fs::remove_file(&path);
        }
        Some((number, Spooled::SetAside(runs)))
    }

    /// Removes a file that was delivered or will not be.
    pub(crate) fn remove(&mut self, number: u64) {
        let _ = fs::remove_file(self.path(number));
        self.forget(number);
    }

    fn forget(&mut self, number: u64) {
        let Some(index) = self.files.iter().position(|file| file.number == number) else { return };
        if let Some(file) = self.files.remove(index) {
            self.bytes = self.bytes.saturating_sub(file.bytes);
        }
    }

    fn runs_of(&self, number: u64) -> u64 {
        let mut head = Vec::new();
        let read = File::open(self.path(number)).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
        read.map_or(1, |_| claimed_runs(&head))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}.otlp"))
    }
}

/// What a file begins with: what it is, for whom, how much it holds, and the hash of the rest.
fn head(batch: &Batch, made_for: [u8; 8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let hash: [u8; 32] = Sha256::digest(&batch.bytes).into();
    let parts = MAGIC
        .into_iter()
        .chain(made_for)
        .chain(batch.runs.to_be_bytes())
        .chain(batch.spans.to_be_bytes())
        .chain((batch.bytes.len() as u64).to_be_bytes())
        .chain(hash);
    head.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    head
}

fn parse(found: &[u8], made_for: [u8; 8]) -> Option<Batch> {
    let (said, content) = found.split_at_checked(HEAD)?;
    let batch = Batch { runs: number(said, 16)?, spans: number(said, 24)?, bytes: Bytes::copy_from_slice(content) };
    (head(&batch, made_for) == said).then_some(batch)
}

/// How many runs a file says that it holds; a file that says nothing believable holds one.
fn claimed_runs(found: &[u8]) -> u64 {
    let is_ours = found.starts_with(&MAGIC);
    number(found, 16).filter(|runs| is_ours && *runs <= 1_000_000).unwrap_or(1)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn fingerprint(made_for: &[&str]) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for part in made_for {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hasher.finalize().into();
    [a, b, c, d, e, f, g, h]
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut found)?;
    Ok(found)
}

/// Our files by number. What is left of a write that never ended goes; what is not named as ours stays and is not looked at.
fn scan(folder: &Path) -> io::Result<VecDeque<Stored>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((number, kind)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        let is_number = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
        let (Ok(number), true) = (number.parse(), is_number) else { continue };
        match kind {
            "otlp" if entry.file_type()?.is_file() => files.push(Stored { number, bytes: entry.metadata()?.len() }),
            "tmp" => fs::remove_file(entry.path())?,
            _ => {}
        }
    }
    files.sort_unstable_by_key(|file: &Stored| file.number);
    Ok(files.into())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Options for a file that only we may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests;
