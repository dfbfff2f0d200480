//! A draft for tests of output guards, with everything that a test does not care about filled in.

use mainstay_core::guard::{Citation, Draft, EffectFact, Evidence};
use mainstay_core::principal::Principal;
use regex::Regex;
use serde_json::Value;

/// Owns what a [`Draft`] borrows.
pub(crate) struct Fixture {
    pub(crate) instructions: String,
    pub(crate) request: String,
    pub(crate) text: String,
    pub(crate) sources: Vec<String>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) effects: Vec<EffectFact>,
    pub(crate) claims: Vec<(String, Vec<Regex>)>,
    principal: Principal,
}

impl Fixture {
    pub(crate) fn new(request: &str, text: &str) -> Self {
        Self {
            instructions: String::new(),
            request: request.to_owned(),
            text: text.to_owned(),
            sources: Vec::new(),
            evidence: Vec::new(),
            effects: Vec::new(),
            claims: Vec::new(),
            principal: Principal::new("c-1001"),
        }
    }

    /// Adds a tool result.
    pub(crate) fn read(mut self, content: Value) -> Self {
        self.evidence.push(Evidence { tool: "get_order".to_owned(), content, citations: Vec::new() });
        self
    }

    /// Adds a passage of the knowledge base.
    pub(crate) fn passage(mut self, id: &str, text: &str) -> Self {
        let citation = Citation {
            id: id.to_owned(),
            document: "page.md".to_owned(),
            start: 0,
            end: text.len(),
            text: text.to_owned(),
        };
        let content = serde_json::json!({ "passages": [{ "source": id, "text": text }] });
        self.evidence.push(Evidence { tool: "search_knowledge".to_owned(), content, citations: vec![citation] });
        self
    }

    /// Calls a guard with the draft.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Draft<'_>) -> T) -> T {
        let claims: Vec<(&str, &[Regex])> =
            self.claims.iter().map(|(tool, patterns)| (tool.as_str(), patterns.as_slice())).collect();
        look(&Draft {
            instructions: &self.instructions,
            claims: &claims,
            principal: &self.principal,
            request: &self.request,
            text: &self.text,
            sources: &self.sources,
            evidence: &self.evidence,
            effects: &self.effects,
        })
    }
}
