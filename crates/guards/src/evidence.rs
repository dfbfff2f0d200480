//! Everything that a run has read, as texts: what an answer may rest on.

use mainstay_core::guard::{Draft, Evidence};
use serde_json::Value;

/// One value that a tool returned, or one passage of the knowledge base.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Leaf<'a> {
    /// A text.
    Text(&'a str),
    /// A number as JSON writes it.
    Number(String),
    /// The length of a list: what "you have three orders" rests on.
    Length(usize),
}

/// Every leaf of all evidence, passages included.
pub(crate) fn leaves<'a>(evidence: &'a [Evidence]) -> Vec<Leaf<'a>> {
    let mut leaves = Vec::new();
    for read in evidence {
        let mut open: Vec<&'a Value> = vec![&read.content];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => leaves.push(Leaf::Text(text)),
                Value::Number(number) => leaves.push(Leaf::Number(number.to_string())),
                Value::Array(items) => {
                    leaves.push(Leaf::Length(items.len()));
                    open.extend(items.iter().rev());
                }
                Value::Object(fields) => {
                    leaves.extend(fields.keys().map(|key| Leaf::Text(key)));
                    open.extend(fields.values().rev());
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
        leaves.extend(read.citations.iter().map(|citation| Leaf::Text(&citation.text)));
    }
    leaves
}

/// The texts that may put words into an answer: what was read, and what was asked.
pub(crate) fn texts<'a>(draft: &Draft<'a>) -> Vec<std::borrow::Cow<'a, str>> {
    let read = leaves(draft.evidence).into_iter().filter_map(|leaf| match leaf {
        Leaf::Text(text) => Some(text.into()),
        Leaf::Number(number) => Some(number.into()),
        Leaf::Length(_) => None,
    });
    read.chain([draft.request.into()]).collect()
}
