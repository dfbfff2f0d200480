//! What `cargo metadata --no-deps` says of our crates: names, places, direct dependencies.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

/// The workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Our crates.
    pub(crate) packages: Vec<Package>,
}

/// One crate of ours.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its package name.
    pub(crate) name: String,
    /// Its Cargo.toml, from the root.
    pub(crate) manifest: String,
    /// What it names in its Cargo.toml.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One direct dependency.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The package's real name, whatever it is renamed to.
    pub(crate) name: String,
    /// Only tests, examples and benches see it.
    pub(crate) dev: bool,
    /// A crate of ours.
    pub(crate) ours: bool,
}

impl Workspace {
    /// Reads the JSON document.
    pub(crate) fn read(json: &[u8]) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_slice(json).context("`cargo metadata` printed no JSON")?;
        let root = document.get("workspace_root").and_then(Value::as_str).context("no `workspace_root`")?;
        let packages = document.get("packages").and_then(Value::as_array).context("no `packages`")?;
        let packages = packages.iter().map(|package| read_package(package, root)).collect::<Option<_>>();
        Ok(Self { root: root.into(), packages: packages.context("a package lacks its name, place or dependencies")? })
    }
}

fn read_package(package: &Value, root: &str) -> Option<Package> {
    let manifest = package.get("manifest_path")?.as_str()?;
    let dependencies = package.get("dependencies")?.as_array()?;
    Some(Package {
        name: package.get("name")?.as_str()?.to_owned(),
        manifest: manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/').to_owned(),
        dependencies: dependencies.iter().map(read_dependency).collect::<Option<_>>()?,
    })
}

fn read_dependency(dependency: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: dependency.get("name")?.as_str()?.to_owned(),
        dev: dependency.get("kind").and_then(Value::as_str) == Some("dev"),
        ours: dependency.get("path").is_some_and(|path| !path.is_null()),
    })
}

#[cfg(test)]
impl Workspace {
    /// A made-up workspace: crate, and its dependencies (`dev:` in front of those of tests, `ours:` of ours).
    pub(crate) fn of(packages: &[(&str, &[&str])]) -> Self {
        let dependency = |text: &&str| {
            let (dev, text) = text.strip_prefix("dev:").map_or((false, *text), |rest| (true, rest));
            let (ours, name) = text.strip_prefix("ours:").map_or((false, text), |rest| (true, rest));
            Dependency { name: name.to_owned(), dev, ours }
        };
        let package = |(name, dependencies): &(&str, &[&str])| Package {
            name: (*name).to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: dependencies.iter().map(dependency).collect(),
        };
        Self { root: PathBuf::new(), packages: packages.iter().map(package).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_places_and_kinds_are_read_from_what_cargo_prints() {
        let json = br#"{"workspace_root": "/w", "packages": [{"name": "a", "manifest_path": "/w/crates/a/Cargo.toml",
            "dependencies": [{"name": "b", "kind": null, "path": "/w/crates/b"}, {"name": "serde", "kind": "dev", "rename": "s"}]}]}"#;
        let workspace = Workspace::read(json).unwrap();
        let package = &workspace.packages[0];
        assert_eq!((package.name.as_str(), package.manifest.as_str()), ("a", "crates/a/Cargo.toml"));
        assert!(package.dependencies[0].ours && !package.dependencies[0].dev);
        assert!(!package.dependencies[1].ours && package.dependencies[1].dev);
        assert!(Workspace::read(br#"{"workspace_root": "/w", "packages": [{"name": "a"}]}"#).is_err());
    }
}
