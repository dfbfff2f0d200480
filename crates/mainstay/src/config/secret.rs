//! References to secrets, resolved only when they are needed. The one place that reads the environment.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mainstay_egress::Secret;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Largest secret, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// How long a command may take to print a secret.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a secret comes from. Holds none itself.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "path" }`, absolute here; a line break at its end does not belong to the secret.
    File(PathBuf),
    /// `{ command = ["program", "argument"] }`: what it prints, without the line break at the end. No shell is involved.
    Command {
        /// Program and arguments; never empty.
        words: Vec<String>,
        /// Where it is started: the folder of `mainstay.toml`.
        folder: PathBuf,
    },
}

/// A setting that may be written out or come from where secrets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// As written; holds no credential.
    Text(String),
    /// By reference.
    Secret(SecretRef),
}

/// A secret that cannot be had. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("environment variable `{0}` is not set")]
    NotSet(String),
    /// The variable, file or output is empty.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// Not UTF-8, with control characters, or too long.
    #[error("{0} holds no usable text")]
    Unusable(SecretRef),
    /// The file cannot be read.
    #[error("cannot read {from}")]
    Read {
        /// Which.
        from: SecretRef,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command cannot be started.
    #[error("cannot start {from}")]
    Start {
        /// Which.
        from: SecretRef,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The command ended with an error. What it said is not repeated, for it may hold the secret.
    #[error("{from} ended with {status}")]
    Command {
        /// Which.
        from: SecretRef,
        /// How.
        status: std::process::ExitStatus,
    },
    /// The command did not end in time and was stopped.
    #[error("{0} did not end in time")]
    TimedOut(SecretRef),
}

impl Setting {
    /// The value; treated as a secret in either case.
    pub async fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Text(text) => Ok(Secret::new(text.clone())),
            Self::Secret(reference) => reference.resolve().await,
        }
    }
}

impl SecretRef {
    /// Fetches the secret: at most 64 KiB, without line breaks at its end, and never empty.
    pub async fn resolve(&self) -> Result<Secret, SecretError> {
        self.resolve_within(COMMAND_TIMEOUT).await
    }

    async fn resolve_within(&self, limit: Duration) -> Result<Secret, SecretError> {
        let bytes = match self {
            Self::Env(name) => from_environment(name)?.into_bytes(),
            Self::File(path) => read_file(path).map_err(|source| SecretError::Read { from: self.clone(), source })?,
            Self::Command { words, folder } => self.run(words, folder, limit).await?,
        };
        let text = String::from_utf8(bytes).map_err(|_| SecretError::Unusable(self.clone()))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        // A line break in a header would be refused much later, and far from the cause.
        if text.len() as u64 > MAX_SECRET || text.chars().any(char::is_control) {
            return Err(SecretError::Unusable(self.clone()));
        }
        Ok(Secret::new(text))
    }

    async fn run(&self, words: &[String], folder: &Path, limit: Duration) -> Result<Vec<u8>, SecretError> {
        let Some((program, arguments)) = words.split_first() else { return Err(SecretError::Empty(self.clone())) };
        let start = |source| SecretError::Start { from: self.clone(), source };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let Some(stdout) = child.stdout.take() else { return Err(SecretError::Unusable(self.clone())) };
        let work = async {
            let mut bytes = Vec::new();
            stdout.take(MAX_SECRET + 1).read_to_end(&mut bytes).await.map_err(start)?;
            let status = child.wait().await.map_err(start)?;
            if status.success() { Ok(bytes) } else { Err(SecretError::Command { from: self.clone(), status }) }
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(SecretError::TimedOut(self.clone())))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn from_environment(name: &str) -> Result<String, SecretError> {
    match std::env::var(name) {
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet(name.to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::Unusable(SecretRef::Env(name.to_owned()))),
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe would block for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_SECRET + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Says where the secret comes from. Arguments of a command are left out, for they may hold a credential.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Command { words, .. } => {
                write!(f, "command `{}`", words.first().map(String::as_str).unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_never_ends_is_stopped() {
        let words = ["sleep", "3600"].map(str::to_owned).to_vec();
        let reference = SecretRef::Command { words, folder: std::env::temp_dir() };
        let error = reference.resolve_within(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.to_string(), "command `sleep` did not end in time");
    }
}
