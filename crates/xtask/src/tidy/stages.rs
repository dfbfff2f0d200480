//! No stage of the pipeline knows another one; only `pipeline.rs` knows their order.

use std::collections::BTreeSet;

use crate::tidy::rust;
use crate::tidy::tree::File;
use crate::tidy::violation::Violation;

const FOLDER: &str = "crates/core/src/";
const STAGES: &[&str] = &["screen", "cache", "route", "execute", "validate", "rules", "escalate"];

/// Finds a stage that names another one, and any other module that names more than one. Tests may name what they need.
pub(crate) fn check(file: &File) -> Vec<Violation> {
    let Some(module) = file.path.strip_prefix(FOLDER).and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    if ["pipeline", "lib"].contains(&module) || module.ends_with("/tests") {
        return Vec::new();
    }
    let own = module.split('/').next().unwrap_or_default();
    let depth = module.split('/').count();
    let is_stage = STAGES.contains(&own);
    let shipped = rust::shipped(&rust::code(&file.text));
    let mut named = BTreeSet::new();
    let mut found = Vec::new();
    for (line, path) in rust::paths(&shipped.code) {
        let Some(stage) = stage_of(&path, depth).filter(|stage| *stage != own) else { continue };
        named.insert(stage);
        if is_stage || named.len() > 1 {
            let what = format!("`{own}` must not know the stage `{stage}`");
            let hint = "only pipeline.rs knows the stages: pass a value, or move what both need to a module of its own";
            found.push(Violation::new(&file.path, line, what, hint));
        }
    }
    found.dedup();
    found
}

/// The stage that a path leads into, seen from a module `depth` levels below the crate's root.
fn stage_of(path: &str, depth: usize) -> Option<&'static str> {
    let mut parts = path.split("::").peekable();
    if parts.next_if_eq(&"crate").is_none() {
        for _ in 0..depth {
            parts.next_if_eq(&"super")?;
        }
    }
    let target = parts.next()?;
    STAGES.iter().copied().find(|stage| *stage == target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    fn found(path: &str, text: &str) -> Vec<String> {
        places(&check(&File { path: path.into(), text: text.into() }))
    }

    #[test]
    fn a_stage_that_imports_another_is_found_however_it_is_written() {
        let direct = "//! See [`crate::cache`].\nuse crate::run::Run;\nuse crate::cache::Key;\n";
        assert_eq!(
            found("crates/core/src/screen.rs", direct),
            ["crates/core/src/screen.rs:3: `screen` must not know the stage `cache`"]
        );
        assert_eq!(found("crates/core/src/screen.rs", "use crate::{run::Run, cache};").len(), 1);
        assert_eq!(found("crates/core/src/screen.rs", "fn f() { super::cache::lookup(); }").len(), 1);
        assert_eq!(found("crates/core/src/execute/turn.rs", "use super::super::rules::x;").len(), 1);
    }

    #[test]
    fn a_stage_may_know_its_own_parts_and_what_is_no_stage() {
        assert!(
            found("crates/core/src/execute.rs", "use crate::execute::turn::Turn;\nuse crate::run::Run;").is_empty()
        );
        assert!(found("crates/core/src/execute/turn.rs", "use super::policy::Ruling;").is_empty());
        assert!(found("crates/core/src/screen.rs", "#[cfg(test)]\nmod tests { use crate::cache::Key; }").is_empty());
        assert!(found("crates/core/src/pipeline.rs", "use crate::{cache, route, screen};").is_empty());
        assert!(found("crates/store/src/screen.rs", "use crate::cache;").is_empty());
    }

    #[test]
    fn a_second_place_that_knows_several_stages_is_found() {
        assert!(found("crates/core/src/run.rs", "use crate::escalate::Reason;").is_empty());
        assert_eq!(found("crates/core/src/run.rs", "use crate::escalate::Reason;\nuse crate::screen::Input;").len(), 1);
    }
}
