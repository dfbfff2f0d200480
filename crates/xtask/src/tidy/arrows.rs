//! Which of our crates may depend on which: the drawing in ARCHITECTURE.md as a table.

use crate::tidy::metadata::{Package, Workspace};
use crate::tidy::violation::Violation;

/// A crate and the crates of ours that it may name. A crate that is not in the table may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("mainstay-core", &[]),
    ("mainstay-egress", &[]),
    ("mainstay-providers", &["mainstay-egress", "mainstay-core"]),
    ("mainstay-tools", &["mainstay-egress", "mainstay-core"]),
    ("mainstay-guards", &["mainstay-egress", "mainstay-core"]),
    ("mainstay-store", &["mainstay-core"]),
    (
        "mainstay",
        &[
            "mainstay-providers",
            "mainstay-tools",
            "mainstay-guards",
            "mainstay-store",
            "mainstay-telemetry",
            "mainstay-egress",
            "mainstay-core",
        ],
    ),
    ("mainstay-telemetry", &["mainstay-egress", "mainstay-core"]),
    ("mainstay-server", &["mainstay", "mainstay-core"]),
    ("mainstay-cli", &["mainstay", "mainstay-server", "mainstay-shop"]),
    ("mainstay-shop", &[]),
    ("mainstay-testkit", &["mainstay-core", "mainstay-store"]),
    ("xtask", &[]),
];

/// What any crate's tests may name besides its own arrows: tests run on the real store and on the whole example.
const FOR_TESTS: &[&str] = &["mainstay-testkit", "mainstay-store", "mainstay-shop"];

/// Finds arrows that are not in the drawing.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    workspace.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        let hint = "a new crate is a design decision: draw it in ARCHITECTURE.md and in tidy/arrows.rs";
        return vec![Violation::new(&package.manifest, 1, format!("crate `{}` is not on the map", package.name), hint)];
    };
    let forbidden = package.dependencies.iter().filter(|dependency| {
        let name = dependency.name.as_str();
        dependency.ours && !allowed.contains(&name) && !(dependency.dev && FOR_TESTS.contains(&name))
    });
    let hint = match allowed {
        [] => "it depends on nothing of ours".to_owned(),
        names => format!("it may depend on {}", names.join(", ")),
    };
    forbidden
        .map(|dependency| {
            let what = format!("`{}` must not depend on `{}`", package.name, dependency.name);
            Violation::new(&package.manifest, 1, what, hint.clone())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    #[test]
    fn an_arrow_that_is_not_drawn_is_found_and_a_drawn_one_is_not() {
        let workspace = Workspace::of(&[
            ("mainstay-core", &["serde", "ours:mainstay-store"]),
            ("mainstay-tools", &["ours:mainstay-core", "ours:mainstay-egress"]),
        ]);
        let found = places(&check(&workspace));
        assert_eq!(found, ["crates/mainstay-core/Cargo.toml:1: `mainstay-core` must not depend on `mainstay-store`"]);
    }

    #[test]
    fn the_testkit_is_for_tests_only_and_they_may_use_the_real_store() {
        assert!(check(&Workspace::of(&[("mainstay-tools", &["dev:ours:mainstay-testkit"])])).is_empty());
        assert_eq!(check(&Workspace::of(&[("mainstay-tools", &["ours:mainstay-testkit"])])).len(), 1);
        assert!(check(&Workspace::of(&[("mainstay-core", &["dev:ours:mainstay-store"])])).is_empty());
        assert_eq!(check(&Workspace::of(&[("mainstay-core", &["dev:ours:mainstay-tools"])])).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_drew_is_found() {
        assert_eq!(check(&Workspace::of(&[("mainstay-utilities", &[])])).len(), 1);
    }
}
