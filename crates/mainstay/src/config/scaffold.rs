//! A first agent: `mainstay init NAME` writes a folder that passes the check without a warning, and explains itself.
//!
//! Nothing that exists is ever overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SETTINGS: &str = include_str!("scaffold/mainstay.toml");
const AGENT: &str = include_str!("scaffold/agent.toml");
const INSTRUCTIONS: &str = include_str!("scaffold/instructions.md");
const KNOWLEDGE: &str = include_str!("scaffold/opening-hours.md");
const PLAYBOOKS: &str = include_str!("scaffold/playbooks.toml");

/// An agent cannot be scaffolded.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name cannot be an agent's.
    #[error("`{0}` cannot be the name of an agent; use lower-case letters, digits and `-`, a letter first, at most 64")]
    Name(String),
    /// There is something already.
    #[error("`{}` exists already, and nothing is overwritten", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes the agent `name` into the folder `root`, and a `mainstay.toml` where there is none. Gives what was written, in
/// order.
///
/// # Errors
/// A name that cannot be one, an agent of that name, or a file that cannot be written.
pub fn scaffold(root: &Path, name: &str) -> Result<Vec<PathBuf>, ScaffoldError> {
    if !super::check::is_agent_name(name) {
        return Err(ScaffoldError::Name(name.chars().map(super::problem::visible).take(80).collect()));
    }
    let agent = root.join("agents").join(name);
    if fs::symlink_metadata(&agent).is_ok() {
        return Err(ScaffoldError::Exists(agent));
    }
    let settings = root.join("mainstay.toml");
    let mut written = Vec::new();
    if fs::symlink_metadata(&settings).is_err() {
        written.push(write(settings, SETTINGS)?);
    }
    let files = [
        ("agent.toml", AGENT),
        ("instructions.md", INSTRUCTIONS),
        ("playbooks.toml", PLAYBOOKS),
        ("knowledge/opening-hours.md", KNOWLEDGE),
    ];
    for (path, text) in files {
        written.push(write(agent.join(path), &text.replace("AGENT_NAME", name))?);
    }
    Ok(written)
}

/// Creates a file that is not there yet.
fn write(path: PathBuf, text: &str) -> Result<PathBuf, ScaffoldError> {
    let create = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(text.as_bytes())
    };
    match create() {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(ScaffoldError::Exists(path)),
        Err(source) => Err(ScaffoldError::Write { path, source }),
    }
}
