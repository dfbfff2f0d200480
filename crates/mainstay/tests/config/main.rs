//! Configuration: what is read, what is refused and in which words, and what is never printed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod broken;
mod files;
mod good;
mod hostile;
mod scaffold;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};

use mainstay::config::problem::Problems;
use mainstay::config::{Loaded, load_as_of};
use tempfile::TempDir;
use time::{Date, Month};

/// `tests/configs`
fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs")
}

/// A copy of one of the configurations, to be changed.
fn copy_of(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    copy(&configs().join(name), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else if !["expected.txt", "remove"].contains(&path.file_name().unwrap().to_str().unwrap()) {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Loads as on a fixed day, so that no test grows old.
fn load(root: &Path) -> Result<Loaded, Problems> {
    load_as_of(root, Date::from_calendar_date(2026, Month::January, 15).unwrap())
}

/// The problems of a configuration that has some.
fn problems(root: &Path) -> String {
    load(root).unwrap_err().to_string()
}

/// Whether expected texts are written anew.
fn is_blessing() -> bool {
    std::env::var_os("MAINSTAY_BLESS").is_some()
}

/// Compares with a file, or writes it.
fn expect_file(path: &Path, said: &str) {
    if is_blessing() {
        fs::write(path, said).unwrap();
    } else {
        assert_eq!(fs::read_to_string(path).unwrap_or_default(), said, "{}", path.display());
    }
}
