//! Opening an installation with tools that are functions of this program.

use std::path::PathBuf;

use crate::function::Function;
use crate::{Mainstay, OpenError};

/// An installation that is about to be opened; see [`Mainstay::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    root: PathBuf,
    functions: Vec<(String, Function)>,
}

impl Builder {
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root, functions: Vec::new() }
    }

    /// Gives `function` to the agent of that name as one more tool, exactly as if it were in its `agent.toml`: its playbooks
    /// may name it, its other tools may read facts from it, and it is part of the agent's version. What the function does
    /// inside is not: say so in its description, or in the agent's files, when that changes.
    #[must_use]
    pub fn function(mut self, agent: impl Into<String>, function: Function) -> Self {
        self.functions.push((agent.into(), function));
        self
    }

    /// Reads and checks the configuration together with the functions, and opens the store.
    ///
    /// # Errors
    /// All problems at once: those of the files with their lines, those of functions with their names.
    pub async fn open(self) -> Result<Mainstay, OpenError> {
        Mainstay::open_with(&self.root, &self.functions).await
    }
}
