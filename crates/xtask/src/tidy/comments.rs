//! Every source file begins by saying what it is. A `tests.rs` need not: it stands below the module that it tests.

use crate::tidy::tree::File;
use crate::tidy::violation::Violation;

/// Finds Rust files that do not begin with a module comment.
pub(crate) fn check(file: &File) -> Option<Violation> {
    if matches!(file.path.rsplit('/').next(), Some("build.rs" | "tests.rs")) {
        return None;
    }
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    (!first.starts_with("//!")).then(|| {
        let hint = "begin with `//!`: what it is, why, and what is absent on purpose";
        Violation::new(&file.path, 1, "there is no module comment", hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        assert!(check(&file("src/a.rs", "\n//! What it is.\nuse b;")).is_none());
        assert!(check(&file("build.rs", "fn main() {}")).is_none());
        assert!(check(&file("src/a/tests.rs", "use super::*;")).is_none());
        assert!(check(&file("src/a.rs", "/// An item.\nfn a() {}")).is_some());
        assert!(check(&file("src/a.rs", "")).is_some());
    }
}
