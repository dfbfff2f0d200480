//! The secret that key hashes are made with: from where `[server] pepper` says, or from a file beside the installation that
//! is made with the first key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use mainstay_egress::Secret;

use super::secret::{SecretError, SecretRef};

/// Where it is kept when the configuration names no other place.
const FILE: &str = ".mainstay/pepper";
const BYTES: usize = 32;

/// The pepper cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// Not from where the configuration says.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Its file cannot be read or made.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes can be had")]
    NoRandomness,
}

/// The pepper, if there is one yet.
pub(crate) async fn find(root: &Path, written: Option<&SecretRef>) -> Result<Option<Secret>, PepperError> {
    if let Some(reference) = written {
        return Ok(Some(reference.resolve().await?));
    }
    let path = root.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= BYTES => Ok(Some(Secret::new(text.trim().to_owned()))),
        Ok(_) => {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it is too short; was it cut?");
            Err(PepperError::File { path, source })
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PepperError::File { path, source }),
    }
}

/// The pepper; makes one where there is none.
pub(crate) async fn find_or_make(root: &Path, written: Option<&SecretRef>) -> Result<Secret, PepperError> {
    if let Some(pepper) = find(root, written).await? {
        return Ok(pepper);
    }
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| PepperError::NoRandomness)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = root.join(FILE);
    let failed = |source| PepperError::File { path: path.clone(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let draft = path.with_extension(text.get(..16).unwrap_or_default());
    write_private(&draft, &text).map_err(failed)?;
    // Whoever is first wins: two processes must not make keys under two peppers.
    let linked = fs::hard_link(&draft, &path);
    drop(fs::remove_file(&draft));
    match linked {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => return Err(failed(source)),
        Ok(()) | Err(_) => {}
    }
    find(root, None).await?.ok_or(PepperError::NoRandomness)
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
