//! The repository's text files, read once. Build output, hidden folders and everything binary stay outside.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Every text file that a check may want to see, and the path of every other file.
pub(crate) struct Tree {
    files: Vec<File>,
    others: Vec<String>,
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

impl Tree {
    /// Reads the tree below `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self { files: Vec::new(), others: Vec::new() };
        tree.visit(root, "")?;
        Ok(tree)
    }

    /// Every text file.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// How many files there are.
    pub(crate) fn len(&self) -> usize {
        self.files.len() + self.others.len()
    }

    /// The text at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// True when `path` is a file or a folder of the repository.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        let names = self.files.iter().map(|file| &file.path).chain(&self.others);
        path.is_empty() || names.into_iter().any(|name| name == path || name.starts_with(&folder))
    }

    fn visit(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let listing = fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
        for item in listing {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = item.file_type()?;
            if name == ".git" || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                let generated = name.starts_with("target") || path == "mainstay-demo";
                if !generated {
                    self.visit(&item.path(), &format!("{path}/"))?;
                }
            } else if [".rs", ".md", ".toml", ".lock"].iter().any(|ending| name.ends_with(ending)) {
                let bytes = fs::read(item.path()).with_context(|| format!("cannot read `{path}`"))?;
                match String::from_utf8(bytes) {
                    Ok(text) => self.files.push(File { path, text }),
                    Err(_) => self.others.push(path), // a fixture that is broken on purpose
                }
            } else {
                self.others.push(path);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tree {
    /// A made-up tree.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File { path: (*path).into(), text: (*text).into() }).collect();
        Self { files, others: Vec::new() }
    }
}
