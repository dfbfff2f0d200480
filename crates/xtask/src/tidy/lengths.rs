//! Files stay short enough to be read in one go. Tests are not counted: a story may take its time.

use crate::tidy::rust;
use crate::tidy::tree::File;
use crate::tidy::violation::Violation;

/// The pipeline is the product's promise; it fits on two screens.
const PIPELINE: (&str, usize) = ("crates/core/src/pipeline.rs", 120);

/// Any other file of a crate.
const MOST_LINES: usize = 600;

/// Finds files that are too long.
pub(crate) fn check(file: &File) -> Option<Violation> {
    let most = most_lines(&file.path)?;
    let lines = rust::shipped(&rust::code(&file.text)).lines;
    (lines > most).then(|| {
        let what = format!("{lines} lines without tests, at most {most} are allowed");
        Violation::new(&file.path, most, what, "it holds a second idea: move that to a file of its own")
    })
}

fn most_lines(path: &str) -> Option<usize> {
    let (longest, most) = PIPELINE;
    if path == longest {
        return Some(most);
    }
    let mut folders = path.split('/');
    let shipped = folders.next() == Some("crates") && folders.next().is_some() && folders.next() == Some("src");
    let tests = path.ends_with("/tests.rs") || path.contains("/tests/");
    (shipped && !tests).then_some(MOST_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize, tail: &str) -> File {
        File { path: path.into(), text: "x\n".repeat(lines) + tail }
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "y\n".repeat(500));
        assert!(check(&file("crates/a/src/b.rs", 600, "")).is_none());
        assert!(check(&file("crates/a/src/b.rs", 601, "")).is_some());
        assert!(check(&file("crates/a/src/b.rs", 500, &tests)).is_none());
        assert!(check(&file("crates/a/src/b/tests.rs", 900, "")).is_none());
        assert!(check(&file("crates/a/tests/b.rs", 900, "")).is_none());
    }

    #[test]
    fn the_pipeline_is_held_to_two_screens() {
        assert!(check(&file("crates/core/src/pipeline.rs", 120, "")).is_none());
        assert!(check(&file("crates/core/src/pipeline.rs", 121, "")).is_some());
    }
}
