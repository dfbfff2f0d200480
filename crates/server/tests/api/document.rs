//! The OpenAPI document, and every answer held against it.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::support::{Answer, Call, House};

const URL: &str = "http://mainstay.test/openapi.json";

#[derive(Default)]
pub(crate) struct Document {
    json: Value,
}

impl Document {
    pub(crate) fn new(json: Value) -> Self {
        Self { json }
    }

    fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.json["paths"].as_object().unwrap().iter()
    }

    /// The operation that a request belongs to.
    fn operation(&self, call: &Call) -> Option<&Value> {
        let path = call.path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (wanted, given) = (template.split('/'), path.split('/'));
            wanted.clone().count() == given.clone().count()
                && wanted.zip(given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
        };
        let (_, item) = self.paths().find(|(template, _)| fits(template))?;
        Some(&item[call.method.as_str().to_lowercase()]).filter(|operation| operation.is_object())
    }

    /// Fails when the answer is not one that the document names, or not of the shape that it says.
    pub(crate) fn check(&self, call: &Call, answer: &Answer) {
        let what = format!("{} {}", call.method, call.path);
        assert!(answer.headers.contains_key("x-request-id"), "{what}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
        let Some(operation) = self.operation(call) else {
            assert!(matches!(answer.status.as_u16(), 404 | 405), "{what}: {}", answer.status);
            let error = json!({"$ref": format!("{URL}#/components/schemas/ErrorBody")});
            return self.holds(&error, &answer.json, &what);
        };
        let response = &operation["responses"][answer.status.as_str()];
        assert!(response.is_object(), "{what}: {} is not in the document: {}", answer.status, answer.text);
        let content = response["content"].as_object().unwrap();
        let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
        let media = content.get(kind).unwrap_or_else(|| panic!("{what}: {kind} is not in the document"));
        if kind == "application/json" {
            self.holds(&media["schema"], &answer.json, &what);
            let mut unknown = Vec::new();
            self.undocumented(&media["schema"], &answer.json, "", &mut unknown);
            assert!(unknown.is_empty(), "{what}: not in the document: {unknown:?}");
        }
    }

    /// Fails when `value` is not as `schema` says.
    pub(crate) fn holds(&self, schema: &Value, value: &Value, what: &str) {
        let schema: Value = serde_json::from_str(&schema.to_string().replace("\"#/", &format!("\"{URL}#/"))).unwrap();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(URL, self.json.clone()).unwrap();
        compiler.add_resource("http://mainstay.test/asked", schema).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("http://mainstay.test/asked", &mut schemas).unwrap();
        if let Err(error) = schemas.validate(value, index) {
            panic!("{what}: {error:#}\n{value:#}");
        }
    }

    /// Collects the fields that the document does not name, where it names any.
    fn undocumented(&self, schema: &Value, value: &Value, at: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                let schemas = self.parts(schema);
                let Some(of_item) = schemas.iter().find_map(|part| part.get("items")) else { return };
                items.iter().for_each(|item| self.undocumented(of_item, item, at, unknown));
            }
            Value::Object(fields) => {
                let parts = self.parts(schema);
                let named: Vec<_> = parts.iter().filter_map(|part| part["properties"].as_object()).collect();
                if named.is_empty() {
                    return;
                }
                for (name, field) in fields {
                    match named.iter().find_map(|properties| properties.get(name)) {
                        Some(of_field) => self.undocumented(of_field, field, &format!("{at}/{name}"), unknown),
                        None => unknown.push(format!("{at}/{name}")),
                    }
                }
            }
            _ => {}
        }
    }

    /// The schema itself and what it refers to.
    fn parts<'d>(&'d self, schema: &'d Value) -> Vec<&'d Value> {
        let mut parts = vec![schema];
        if let Some(reference) = schema["$ref"].as_str() {
            parts.extend(self.parts(self.resolve(reference).unwrap()));
        }
        for word in ["allOf", "oneOf", "anyOf"] {
            let inner = schema[word].as_array().into_iter().flatten();
            inner.for_each(|part| parts.extend(self.parts(part)));
        }
        parts
    }

    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.json.pointer(reference.strip_prefix('#')?)
    }
}

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        _ => {}
    }
}

/// Schemas that ask for two types at once.
fn contradictions<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| contradictions(item, found)),
        Value::Object(fields) => {
            let parts = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
            let types: BTreeSet<&str> = parts.filter_map(|part| part["type"].as_str()).collect();
            if types.len() > 1 {
                found.push(value);
            }
            fields.values().for_each(|field| contradictions(field, found));
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_every_route_once_and_refers_to_nothing_that_is_not_there() {
    let house = House::open().await;
    let document = house.document();
    assert!(document.json["openapi"].as_str().unwrap().starts_with("3.1"));

    let mut all = Vec::new();
    references(&document.json, &mut all);
    assert!(all.len() > 20);
    for reference in all {
        assert!(document.resolve(reference).is_some(), "{reference} leads nowhere");
    }

    let source = include_str!("../../src/lib.rs");
    let mut sorts = Vec::new();
    contradictions(&document.json, &mut sorts);
    assert!(sorts.is_empty(), "nothing fits {sorts:#?}");

    let routes: BTreeSet<(String, String)> = source
        .lines()
        .filter_map(|line| {
            let (path, rest) = line.trim().strip_prefix(".route(\"")?.split_once("\", ")?;
            Some((path.to_owned(), rest.split_once('(')?.0.to_owned()))
        })
        .collect();
    let documented: BTreeSet<(String, String)> = document
        .paths()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect();
    assert_eq!(routes, documented);

    let mut ids = BTreeSet::new();
    for (path, item) in document.paths() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            let in_path = |name: &str| path.contains(&format!("{{{name}}}"));
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let is_in_path = parameter["in"] == "path";
                assert_eq!(is_in_path, in_path(parameter["name"].as_str().unwrap()), "{method} {path}");
                assert!(parameter["schema"].is_object(), "{method} {path}: {parameter}");
            }
            if path.starts_with("/v1") {
                let responses = operation["responses"].as_object().unwrap();
                for status in ["400", "401", "403", "429", "500", "503"] {
                    assert!(responses.contains_key(status), "{method} {path} lacks {status}");
                }
                assert_eq!(operation["security"], json!([{"key": []}, {}]), "{method} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_requests_are_closed_and_bounded() {
    let house = House::open().await;
    let document = house.document();
    let start = &document.json["components"]["schemas"]["StartRun"];
    assert_eq!(start["additionalProperties"], false);
    assert_eq!(start["properties"]["wait"]["maximum"], 60);
    assert_eq!(document.json["components"]["schemas"]["Name"]["maxLength"], 200);
    assert_eq!(start["required"], json!(["input", "principal"]));
    let schemas = &document.json["components"]["schemas"];
    assert_eq!(schemas["GiveFeedback"]["additionalProperties"], false);
    let decisions = schemas["Decide"]["oneOf"].as_array().unwrap();
    assert_eq!(decisions.len(), 4);
    assert!(decisions.iter().all(|decision| decision["additionalProperties"] == false));
    document.holds(start, &json!({"input": "hello", "principal": "c-1", "wait": 0, "metadata": {"a": 1}}), "text");
    let messages = json!([{"role": "user", "content": "hello"}]);
    document.holds(start, &json!({"input": messages, "principal": "c-1", "conversation": null}), "messages");
}
