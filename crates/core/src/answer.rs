//! The shape of an answer: JSON by the agent's schema, with the four fields of the default one where it has them.

use serde_json::{Value, json};

use crate::canonical::is_too_deep;
use crate::journal::entry::AnswerRecord;
use crate::schema::Schema;

/// The schema of agents that declare none.
pub fn default_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["answer", "confidence", "sources", "requires_human_review"],
        "properties": {
            "answer": {"type": "string", "minLength": 1, "maxLength": 8000},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "sources": {"type": "array", "items": {"type": "string", "maxLength": 300}, "maxItems": 20},
            "requires_human_review": {"type": "boolean"}
        }
    })
}

/// Reads a model's text as an answer. The faults are sentences that the model can act on.
pub fn parse(text: &str, schema: &Schema) -> Result<AnswerRecord, Vec<String>> {
    let body: Value = serde_json::from_str(unfenced(text))
        .map_err(|error| vec![format!("the answer is not one JSON value: {error}")])?;
    if is_too_deep(&body) {
        return Err(vec!["the answer is nested too deeply".to_owned()]);
    }
    schema.check(&body)?;
    let text = body.get("answer").and_then(Value::as_str).unwrap_or_default().to_owned();
    if text.trim().is_empty() {
        return Err(vec!["`/answer`: must not be empty".to_owned()]);
    }
    // A schema of the agent's own may leave these out: then the answer is as sure as it gets and cites nothing.
    let confidence = body.get("confidence").and_then(Value::as_f64).unwrap_or(1.0);
    let sources = body.get("sources").and_then(Value::as_array).into_iter().flatten();
    let sources = sources.filter_map(Value::as_str).map(str::to_owned).collect();
    let requires_human_review = body.get("requires_human_review").and_then(Value::as_bool).unwrap_or(false);
    Ok(AnswerRecord { text, confidence, sources, requires_human_review, body })
}

/// What a person wrote in the agent's place: as sure as it gets, and citing nothing.
pub fn of_person(text: String) -> AnswerRecord {
    let body = json!({"answer": text, "confidence": 1.0, "sources": [], "requires_human_review": false});
    AnswerRecord { text, confidence: 1.0, sources: Vec::new(), requires_human_review: false, body }
}

/// Without the Markdown fence that many models put around JSON.
pub(crate) fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner =
        text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|text| text.strip_suffix("```"));
    inner.unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_a_wrong_one_is_named() {
        let schema = Schema::compile(default_schema()).unwrap();
        let good = r#"```json
            {"answer": "Yes.", "confidence": 0.9, "sources": ["a.md#0-9"], "requires_human_review": false}
        ```"#;
        let answer = parse(good, &schema).unwrap();
        assert_eq!((answer.text.as_str(), answer.sources.len()), ("Yes.", 1));

        for (bad, word) in [
            ("Yes.", "JSON"),
            (r#"{"answer": "Yes.", "confidence": 95, "sources": [], "requires_human_review": false}"#, "confidence"),
            (r#"{"answer": "Yes."}"#, "confidence"),
            (r#"{"answer": " ", "confidence": 1, "sources": [], "requires_human_review": false}"#, "answer"),
            (r#"{"answer": "Yes.", "confidence": 1, "sources": [], "requires_human_review": false} {}"#, "JSON"),
        ] {
            let faults = parse(bad, &schema).unwrap_err().join(" ");
            assert!(faults.contains(word), "{word} in {faults}");
        }
    }
}
