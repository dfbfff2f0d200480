//! Dependencies cost: each says what it is for, and there is a most of them.

use crate::tidy::violation::Violation;

/// The lock file may hold so many packages.
const MOST_PACKAGES: usize = 350;

/// Finds dependencies of the workspace that do not say what they are for.
pub(crate) fn check_reasons(file: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut open: Option<Open> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('[') && open.is_none() {
            inside = line.trim_end() == "[workspace.dependencies]";
            continue;
        }
        if !inside {
            continue;
        }
        let (value, comment) = split_comment(line);
        let dependency = match open.take() {
            Some(dependency) => dependency,
            None => match value.split_once('=') {
                Some((name, _)) => Open { name: name.trim().into(), line: number, depth: 0, excused: false },
                None => continue,
            },
        };
        let depth = dependency.depth + nesting(value);
        let excused = dependency.excused || !comment.is_empty() || value.contains("path = \"");
        match depth {
            1.. => open = Some(Open { depth, excused, ..dependency }),
            _ if excused => {}
            _ => found.push(Violation::new(
                file,
                dependency.line,
                format!("dependency `{}` does not say what it is for", dependency.name),
                "end the line with `# reason`",
            )),
        }
    }
    found
}

/// A dependency whose value goes on over several lines.
struct Open {
    name: String,
    line: usize,
    depth: i32,
    excused: bool,
}

/// A line's value and its comment; a `#` inside a string is no comment.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let (value, comment) = line.split_at(at);
                return (value, comment.trim_start_matches('#').trim());
            }
            _ => {}
        }
    }
    (line, "")
}

fn nesting(value: &str) -> i32 {
    value.chars().fold(0, |depth, character| match character {
        '[' | '{' => depth + 1,
        ']' | '}' => depth - 1,
        _ => depth,
    })
}

/// How many packages a lock file holds.
pub(crate) fn packages(lock: &str) -> usize {
    lock.lines().filter(|line| *line == "[[package]]").count()
}

/// Finds a lock file that has grown too large.
pub(crate) fn check_lock(file: &str, lock: &str) -> Option<Violation> {
    let count = packages(lock);
    (count > MOST_PACKAGES).then(|| {
        let what = format!("{count} packages, at most {MOST_PACKAGES} are allowed");
        Violation::new(file, 1, what, "switch off default features, or write the fifty lines ourselves")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    #[test]
    fn a_dependency_without_a_reason_is_found_and_ours_need_none() {
        let text = r##"
[workspace]
members = ["a"]
[workspace.dependencies]
# a heading is no reason
ours = { path = "crates/ours" }
serde = "1" # formats
regex = "1"
hash = "#1"
toml = { version = "1", features = [
  "parse",
] } # config
csv = { version = "1", features = [
  "std",
] }
[profile.dev]
debug = 1
"##;
        assert_eq!(
            places(&check_reasons("Cargo.toml", text)),
            [
                "Cargo.toml:8: dependency `regex` does not say what it is for",
                "Cargo.toml:9: dependency `hash` does not say what it is for",
                "Cargo.toml:13: dependency `csv` does not say what it is for",
            ]
        );
    }

    #[test]
    fn a_lock_file_over_the_limit_is_found() {
        assert!(check_lock("Cargo.lock", &"[[package]]\n".repeat(350)).is_none());
        assert!(check_lock("Cargo.lock", &"[[package]]\n".repeat(351)).is_some());
    }
}
