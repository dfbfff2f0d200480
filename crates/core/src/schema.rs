//! JSON Schema (2020-12 and older drafts, by `$schema`), compiled once. References leave the document nowhere.

use std::sync::Arc;

use boon::{Compiler, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

/// A compiled JSON Schema.
#[derive(Clone)]
pub struct Schema {
    source: Arc<Value>,
    compiled: Arc<(Schemas, SchemaIndex)>,
}

/// The document is no usable JSON Schema.
#[derive(Debug, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct SchemaError(String);

impl Schema {
    /// Compiles `source`.
    pub fn compile(source: Value) -> Result<Self, SchemaError> {
        const LOCATION: &str = "mainstay:///schema.json";
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(LoadsNothing));
        let failed = |error: boon::CompileError| SchemaError(format!("{error:#}"));
        compiler.add_resource(LOCATION, source.clone()).map_err(failed)?;
        let index = compiler.compile(LOCATION, &mut schemas).map_err(failed)?;
        Ok(Self { source: Arc::new(source), compiled: Arc::new((schemas, index)) })
    }

    /// The schema as written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Checks `value`; the faults are sentences that a model can act on, at most eight.
    pub fn check(&self, value: &Value) -> Result<(), Vec<String>> {
        let (schemas, index) = &*self.compiled;
        schemas.validate(value, *index).map_err(|error| {
            let mut faults = Vec::new();
            collect(&error, &mut faults);
            faults
        })
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.source)
    }
}

fn collect(error: &ValidationError<'_, '_>, faults: &mut Vec<String>) {
    if error.causes.is_empty() && faults.len() < 8 {
        let place = error.instance_location.to_string();
        let place = if place.is_empty() { "the value".to_owned() } else { format!("`{place}`") };
        let fault: String = format!("{place}: {}", error.kind).chars().take(200).collect();
        faults.push(fault);
    }
    for cause in &error.causes {
        collect(cause, faults);
    }
}

struct LoadsNothing;

impl UrlLoader for LoadsNothing {
    fn load(&self, url: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err(format!("`{url}` is outside the schema; references may only point inside it").into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_name_the_place() {
        let schema = Schema::compile(json!({
            "type": "object", "additionalProperties": false, "required": ["order_id"],
            "properties": {"order_id": {"type": "string", "pattern": "^#W[0-9]{7}$"}, "amount": {"type": "number", "maximum": 500}}
        }))
        .unwrap();
        assert!(schema.check(&json!({"order_id": "#W1234567", "amount": 3})).is_ok());
        let faults = schema.check(&json!({"order_id": "7", "amount": "3", "to": "me"})).unwrap_err().join("\n");
        for part in ["/order_id", "/amount", "'to'"] {
            assert!(faults.contains(part), "{part} in {faults}");
        }
        assert!(schema.check(&json!("text")).is_err());
    }

    #[test]
    fn a_schema_cannot_make_us_read_files_or_urls() {
        for reference in ["file:///etc/hostname", "https://schemas.example/x.json", "other.json"] {
            assert!(Schema::compile(json!({"$ref": reference})).is_err(), "{reference}");
        }
        assert!(Schema::compile(json!({"type": "no such type"})).is_err());
    }
}
