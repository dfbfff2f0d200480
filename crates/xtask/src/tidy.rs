//! `cargo xtask tidy`: the map in ARCHITECTURE.md, enforced.
//!
//! Each check is a module with pure functions over names and texts; only this file and `tree` touch the disk. Every
//! violation is printed at once as `file:line: what: hint`, so that one run is enough to mend them all.

mod arrows;
mod codes;
mod comments;
mod core_fence;
mod fences;
mod lengths;
mod links;
mod manifest;
mod metadata;
mod rust;
mod stages;
mod tree;
mod violation;

use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::tidy::metadata::Workspace;
use crate::tidy::tree::Tree;
use crate::tidy::violation::Violation;

/// Runs every check; true when nothing was found.
pub(crate) fn run() -> anyhow::Result<bool> {
    let workspace = Workspace::read(&cargo_metadata()?)?;
    let tree = Tree::read(&workspace.root)?;
    let lock = tree.text("Cargo.lock").context("there is no Cargo.lock")?;

    let mut found = Vec::new();
    found.extend(arrows::check(&workspace));
    found.extend(fences::check(&workspace));
    found.extend(manifest::check_reasons("Cargo.toml", tree.text("Cargo.toml").unwrap_or_default()));
    found.extend(manifest::check_lock("Cargo.lock", lock));
    found.extend(codes::check(&tree));
    for file in tree.files() {
        if file.path.ends_with(".rs") {
            found.extend(comments::check(file));
            found.extend(lengths::check(file));
            found.extend(stages::check(file));
            found.extend(core_fence::check(file));
        }
        if file.path.ends_with(".md") {
            found.extend(links::check(file, &tree));
        }
    }
    found.sort();
    let packages = manifest::packages(lock);
    report(&found, &format!("{} files, {} crates, {packages} locked packages", tree.len(), workspace.packages.len()))?;
    Ok(found.is_empty())
}

fn report(found: &[Violation], summary: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for violation in found {
        writeln!(out, "{violation}")?;
    }
    match found.len() {
        0 => writeln!(out, "tidy: {summary}; nothing to mend")?,
        count => writeln!(out, "tidy: {summary}; {count} to mend")?,
    }
    Ok(())
}

fn cargo_metadata() -> anyhow::Result<Vec<u8>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .context("cannot run `cargo metadata`")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
