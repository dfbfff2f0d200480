//! An agent's version: a hash over everything that decides what it does.
//!
//! Part of it are the agent's files, what functions of the program say of themselves and, for the models that it names, who serves them under which name. Prices, timeouts
//! and credentials are not: they change what a run costs, not what it says.

use std::collections::BTreeMap;
use std::fmt::Write;

use mainstay_core::canonical::call_hash;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::agent::{Document, ModelNames};
use super::settings::{EMBEDDED, ModelConfig, ProviderConfig};

/// The parts of a bundle.
pub(super) struct Bundle<'a> {
    /// `agent.toml`.
    pub(super) agent: &'a str,
    /// `instructions.md`.
    pub(super) instructions: &'a str,
    /// `playbooks.toml`, where there is one.
    pub(super) playbooks: Option<&'a str>,
    /// The answer's JSON Schema as written, where there is one.
    pub(super) schema: Option<&'a str>,
    /// The knowledge base, by path.
    pub(super) knowledge: &'a [Document],
    /// Functions of the program by name, and what they say of themselves.
    pub(super) functions: BTreeMap<String, Map<String, Value>>,
    /// The models that it names.
    pub(super) models: &'a ModelNames,
    /// All models by name.
    pub(super) definitions: &'a BTreeMap<String, Option<ModelConfig>>,
    /// All providers by name.
    pub(super) providers: &'a BTreeMap<String, Option<ProviderConfig>>,
}

impl Bundle<'_> {
    /// SHA-256 in hex. Every part has its name and length before it, so that no two bundles run together.
    pub(super) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |name: &str, bytes: &[u8]| {
            for piece in [name.as_bytes(), bytes] {
                hash.update(u64::try_from(piece.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(piece);
            }
        };
        part("mainstay bundle", b"1");
        part("agent.toml", self.agent.as_bytes());
        part("instructions.md", self.instructions.as_bytes());
        if let Some(playbooks) = self.playbooks {
            part("playbooks.toml", playbooks.as_bytes());
        }
        if let Some(schema) = self.schema {
            part("schema", schema.as_bytes());
        }
        for document in self.knowledge {
            part(&format!("knowledge/{}", document.path), &document.bytes);
        }
        for (name, declared) in &self.functions {
            part(&format!("function {name}"), call_hash(name, declared).as_bytes());
        }
        let mut names = self.models.all();
        names.sort_unstable();
        for name in names {
            part(&format!("model {name}"), self.model(name).as_bytes());
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Who serves a model, as JSON: one line with its fields in a fixed order.
    fn model(&self, name: &str) -> String {
        let Some(Some(model)) = self.definitions.get(name) else { return String::new() };
        let provider = self.providers.get(&model.provider).and_then(Option::as_ref);
        let kind = provider.map_or(EMBEDDED, |provider| provider.kind.as_str());
        let base_url = provider.and_then(|provider| provider.base_url.as_ref()).map(ToString::to_string);
        serde_json::json!([kind, base_url, model.model]).to_string()
    }
}
