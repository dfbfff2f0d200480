//! Masked values, kept aside: the model sees `[email_1]`, the same principal gets the value back.

use serde_json::{Map, Value};

use crate::guard::Masked;
use crate::journal::entry::Kept;

/// The placeholders of one run, in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    kept: Vec<Kept>,
}

impl Vault {
    /// Replaces `spans` of `text` (sorted, without overlap, on character boundaries; others are ignored) by placeholders.
    /// The same value always gets the same placeholder.
    pub fn mask(&mut self, text: &str, spans: &[Masked]) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for span in spans {
            let (Some(before), Some(value)) = (text.get(from..span.start), text.get(span.start..span.end)) else {
                continue;
            };
            masked.push_str(before);
            masked.push_str(&self.placeholder(value, span.kind));
            from = span.end;
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        masked
    }

    /// Puts the values back.
    pub fn restore(&self, text: &str) -> String {
        if self.kept.is_empty() || !text.contains('[') {
            return text.to_owned();
        }
        let mut restored = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('[') {
            let (before, from_open) = rest.split_at(open);
            restored.push_str(before);
            match self.kept.iter().find(|kept| from_open.starts_with(&kept.placeholder)) {
                Some(kept) => {
                    restored.push_str(&kept.value);
                    rest = from_open.get(kept.placeholder.len()..).unwrap_or_default();
                }
                None => {
                    restored.push('[');
                    rest = from_open.get(1..).unwrap_or_default();
                }
            }
        }
        restored.push_str(rest);
        restored
    }

    /// Puts the values back into every string of a JSON value.
    pub fn restore_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.restore(text)),
            Value::Array(items) => items.iter().map(|item| self.restore_value(item)).collect(),
            Value::Object(fields) => Value::Object(self.restore_fields(fields)),
            other => other.clone(),
        }
    }

    /// Puts the values back into every string of an object.
    pub fn restore_fields(&self, fields: &Map<String, Value>) -> Map<String, Value> {
        fields.iter().map(|(name, value)| (name.clone(), self.restore_value(value))).collect()
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// True when nothing was masked.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What came up since there were `len` values.
    pub fn since(&self, len: usize) -> Vec<Kept> {
        self.kept.get(len..).unwrap_or_default().to_vec()
    }

    /// Takes over what the journal kept.
    pub fn adopt(&mut self, kept: &[Kept]) {
        for new in kept {
            if !self.kept.contains(new) {
                self.kept.push(new.clone());
            }
        }
    }

    fn placeholder(&mut self, value: &str, kind: &str) -> String {
        let prefix = format!("[{kind}_");
        let of_kind = |kept: &&Kept| kept.placeholder.starts_with(&prefix);
        if let Some(known) = self.kept.iter().filter(of_kind).find(|kept| kept.value == value) {
            return known.placeholder.clone();
        }
        let number = self.kept.iter().filter(of_kind).count() + 1;
        let placeholder = format!("{prefix}{number}]");
        self.kept.push(Kept { placeholder: placeholder.clone(), value: value.to_owned() });
        placeholder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_comes_back_and_the_same_value_has_one_placeholder() {
        let mut vault = Vault::default();
        let text = "mail a@x.example or b@x.example, then a@x.example";
        let spans = [(5, 16), (20, 31), (38, 49)].map(|(start, end)| Masked { start, end, kind: "email" });
        let masked = vault.mask(text, &spans);
        assert_eq!(masked, "mail [email_1] or [email_2], then [email_1]");
        assert_eq!(vault.restore(&masked), text);
        assert_eq!(vault.restore("[email_9] [x"), "[email_9] [x");
    }

    #[test]
    fn spans_that_make_no_sense_are_ignored() {
        let mut vault = Vault::default();
        let spans = [Masked { start: 1, end: 2, kind: "x" }, Masked { start: 9, end: 99, kind: "x" }];
        assert_eq!(vault.mask("äb", &spans), "äb");
    }
}
