//! Heavy or dangerous dependencies live in one crate each, so that a review of that crate is a review of its use.

use crate::tidy::metadata::Workspace;
use crate::tidy::violation::Violation;

/// A package, the only crates of ours that may name it, and what of them is meant.
const FENCES: &[(&str, &[&str], Reach)] = &[
    ("reqwest", &[], Reach::TestsToo),
    ("openssl", &[], Reach::TestsToo),
    ("native-tls", &[], Reach::TestsToo),
    // Calls go out through egress; the server is where connections come in.
    ("hyper", &["mainstay-egress", "mainstay-server"], Reach::TestsToo),
    ("hyper-rustls", &["mainstay-egress"], Reach::TestsToo),
    ("hyper-util", &["mainstay-egress", "mainstay-server"], Reach::TestsToo),
    ("rustls", &["mainstay-egress", "mainstay-server"], Reach::TestsToo),
    ("tokio-rustls", &["mainstay-server"], Reach::TestsToo),
    ("sqlx", &["mainstay-store", "mainstay-tools", "mainstay-shop", "mainstay-testkit"], Reach::TestsToo),
    ("tantivy", &["mainstay-tools"], Reach::TestsToo),
    ("sqlparser", &["mainstay-tools"], Reach::TestsToo),
    ("prost", &["mainstay-telemetry"], Reach::ShippingCode),
    ("prometheus-client", &["mainstay", "mainstay-server"], Reach::TestsToo),
    ("utoipa", &["mainstay-server"], Reach::TestsToo),
    ("toml", &["mainstay"], Reach::ShippingCode),
    ("clap", &["mainstay-cli"], Reach::TestsToo),
    ("indicatif", &["mainstay-cli"], Reach::TestsToo),
    ("axum", &["mainstay-testkit", "mainstay-shop", "mainstay-server"], Reach::ShippingCode),
    ("anyhow", &["mainstay-cli", "mainstay-shop", "xtask"], Reach::ShippingCode),
];

/// How far a fence reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Tests, examples and benches may name it.
    ShippingCode,
    /// Nothing may name it: what tests need of it, `testkit` or the store has.
    TestsToo,
}

/// Finds dependencies outside their fence.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            let fence = FENCES.iter().find(|(name, ..)| *name == dependency.name);
            let Some((name, allowed, reach)) = fence else { continue };
            let meant = *reach == Reach::TestsToo || !dependency.dev;
            if meant && !allowed.contains(&package.name.as_str()) {
                let hint = match allowed {
                    [] => "no crate of ours may use it".to_owned(),
                    names => format!("only {} may", names.join(", ")),
                };
                let what = format!("`{}` must not depend on `{name}`", package.name);
                found.push(Violation::new(&package.manifest, 1, what, hint));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    #[test]
    fn a_fenced_dependency_is_found_outside_its_fence_and_most_fences_hold_for_tests() {
        let workspace = Workspace::of(&[
            ("mainstay-store", &["sqlx"]),
            ("mainstay-guards", &["dev:sqlx", "dev:anyhow", "regex"]),
            ("mainstay-egress", &["hyper", "reqwest", "anyhow"]),
        ]);
        assert_eq!(
            places(&check(&workspace)),
            [
                "crates/mainstay-guards/Cargo.toml:1: `mainstay-guards` must not depend on `sqlx`",
                "crates/mainstay-egress/Cargo.toml:1: `mainstay-egress` must not depend on `reqwest`",
                "crates/mainstay-egress/Cargo.toml:1: `mainstay-egress` must not depend on `anyhow`",
            ]
        );
    }
}
