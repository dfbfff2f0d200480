//! `core` opens no socket, reads no environment and starts no task.

use crate::tidy::rust;
use crate::tidy::tree::File;
use crate::tidy::violation::Violation;

const FORBIDDEN: &[(&str, &str)] = &[
    ("std::net", "core does no network; that is what `egress` and the store are for"),
    ("tokio::net", "core does no network; that is what `egress` and the store are for"),
    ("std::env", "only the config crate reads the environment; take a value"),
    ("tokio::spawn", "core starts no task; the caller owns them, so that shutdown can wait"),
    ("tokio::task::spawn", "core starts no task; the caller owns them, so that shutdown can wait"),
    ("tokio::task::spawn_blocking", "core starts no task; the caller owns them, so that shutdown can wait"),
    ("std::thread::spawn", "core starts no task; the caller owns them, so that shutdown can wait"),
];

/// Finds what must not be in `core`, its tests included.
pub(crate) fn check(file: &File) -> Vec<Violation> {
    if !file.path.starts_with("crates/core/src/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, path) in rust::paths(&rust::code(&file.text)) {
        let inside = |name: &str| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
        if let Some((name, hint)) = FORBIDDEN.iter().find(|(name, _)| inside(name)) {
            found.push(Violation::new(&file.path, line, format!("core must not use `{name}`"), *hint));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    #[test]
    fn sockets_environment_and_tasks_are_found_in_core_and_only_there() {
        let text = "//! Not `std::env`.\nuse std::{env, fmt};\nfn f() { tokio::spawn(g()); std::network::x(); }\n";
        let file = |path: &str| File { path: path.into(), text: text.into() };
        assert_eq!(
            places(&check(&file("crates/core/src/run.rs"))),
            [
                "crates/core/src/run.rs:2: core must not use `std::env`",
                "crates/core/src/run.rs:3: core must not use `tokio::spawn`",
            ]
        );
        assert!(check(&file("crates/tools/src/http.rs")).is_empty());
    }
}
