//! What of a run's content a destination may see.
//!
//! The policy works on the spans before any dialect reads them, so no dialect can leak what was taken away. Ids, names
//! and notes that somebody outside chose are no content, but nothing keeps an e-mail address out of them: unless the
//! policy is [`Content::Full`] they are redacted too, ids by a pseudonym, so that they still tell conversations and
//! users apart.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use mainstay_core::journal::entry::{Entry, Kept, Payload};
use mainstay_core::trace::{Span, SpanKind, name};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How much content leaves the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// None: no messages, arguments, results, documents, reasons or error texts. What happened, when, for how much.
    None,
    /// As the journal masks it, and once more: values that a guard masked anywhere in the run are replaced by their
    /// placeholders wherever they occur, and everything passes a [`Redactor`].
    #[default]
    Redacted,
    /// As the journal has it: what models read and wrote, with placeholders where a guard masked, and the real values
    /// that people approved and tools were sent.
    Full,
}

/// Takes personal data and secrets out of free text.
pub trait Redactor: Send + Sync {
    /// The text without them. Must be linear in the text's length; must not fail.
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str>;
}

/// The values that guards masked in a run, and what stands for them.
#[derive(Clone, Debug)]
pub(crate) enum Masks {
    /// Nothing was masked.
    Empty,
    /// These were.
    Known { values: AhoCorasick, placeholders: Vec<String> },
    /// They cannot be looked for, so no content may be shown.
    Unusable,
}

impl Masks {
    /// Those of a run's journal.
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let kept = entries.iter().flat_map(|entry| match &entry.payload {
            Payload::Screened(screened) => screened.kept.as_slice(),
            Payload::ToolCalled(called) => called.kept.as_slice(),
            _ => &[],
        });
        let (values, placeholders): (Vec<&str>, Vec<String>) = kept
            .filter(|kept| !kept.value.is_empty())
            .map(|Kept { placeholder, value }| (value.as_str(), placeholder.clone()))
            .unzip();
        if values.is_empty() {
            return Self::Empty;
        }
        // Built for every run and used on a few kilobytes, so what counts is to be built fast.
        let values = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .prefilter(false)
            .build(values);
        values.map_or(Self::Unusable, |values| Self::Known { values, placeholders })
    }

    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::Known { values, placeholders } if values.is_match(text) => {
                Cow::Owned(values.replace_all(text, placeholders))
            }
            _ => Cow::Borrowed(text),
        }
    }
}

/// A policy at work on one run.
pub(crate) struct Lens<'t> {
    content: Content,
    masks: &'t Masks,
    redactor: &'t dyn Redactor,
}

impl<'t> Lens<'t> {
    pub(crate) fn new(content: Content, masks: &'t Masks, redactor: &'t dyn Redactor) -> Self {
        let is_blind = matches!(masks, Masks::Unusable) && content == Content::Redacted;
        Self { content: if is_blind { Content::None } else { content }, masks, redactor }
    }

    /// The span as it may be seen.
    pub(crate) fn show(&self, span: &Span) -> Span {
        let Span { trace, id, parent_id, parent, kind, start, start_us, took_us, .. } = *span;
        let attributes = span.attributes.iter();
        let attributes =
            attributes.filter_map(|(name, value)| Some((name.clone(), self.value(name, value)?.into_owned())));
        Span {
            trace,
            id,
            parent_id,
            parent,
            kind,
            name: self.name(span),
            start,
            start_us,
            took_us,
            attributes: attributes.collect(),
            error: self.error(span),
        }
    }

    /// Names hold what config says, but for the tools that a model made up.
    fn name(&self, span: &Span) -> String {
        if span.kind == SpanKind::Policy { self.scrub(&span.name).into_owned() } else { span.name.clone() }
    }

    fn error(&self, span: &Span) -> Option<String> {
        let why = span.error.as_deref()?;
        Some(match self.content {
            Content::None => span.text(name::ERROR_TYPE).unwrap_or("failed").to_owned(),
            Content::Redacted | Content::Full => self.scrub(why).into_owned(),
        })
    }

    fn value<'s>(&self, name: &str, value: &'s Value) -> Option<Cow<'s, Value>> {
        match self.content {
            Content::Full => Some(Cow::Borrowed(value)),
            Content::None if name::is_content(name) => None,
            Content::None | Content::Redacted if name::is_from_outside(name) => self.foreign(name, value),
            Content::Redacted if name::is_content(name) => Some(self.scrub_value(value)),
            Content::None | Content::Redacted => Some(Cow::Borrowed(value)),
        }
    }

    fn foreign<'s>(&self, name: &str, value: &'s Value) -> Option<Cow<'s, Value>> {
        // A note's name is as foreign as the note.
        if matches!(self.scrub(name), Cow::Owned(_)) {
            return None;
        }
        let is_id =
            matches!(name, name::CONVERSATION | name::USER | name::TENANT | name::TOOL_CALL | name::RESPONSE_ID);
        match value.as_str() {
            Some(id) if is_id => Some(match self.scrub(id) {
                Cow::Borrowed(_) => Cow::Borrowed(value),
                Cow::Owned(_) => Cow::Owned(Value::String(pseudonym(id))),
            }),
            _ => Some(self.scrub_value(value)),
        }
    }

    /// The text itself where there is nothing to take out.
    fn scrub<'s>(&self, text: &'s str) -> Cow<'s, str> {
        if self.content == Content::Full {
            return Cow::Borrowed(text);
        }
        let scrubbed = match self.masks.mask(text) {
            Cow::Borrowed(text) => self.redactor.redact(text),
            Cow::Owned(masked) => Cow::Owned(self.redactor.redact(&masked).into_owned()),
        };
        // A redactor may hand back a copy of what it was given.
        if scrubbed == text { Cow::Borrowed(text) } else { scrubbed }
    }

    /// The value itself where there is nothing to take out.
    fn scrub_value<'s>(&self, value: &'s Value) -> Cow<'s, Value> {
        match value {
            Value::String(text) => match self.scrub(text) {
                Cow::Borrowed(_) => Cow::Borrowed(value),
                Cow::Owned(text) => Cow::Owned(Value::String(text)),
            },
            // A card or a telephone number may be written as one.
            Value::Number(number) => {
                let text = number.to_string();
                match self.scrub(&text) {
                    Cow::Owned(scrubbed) => Cow::Owned(Value::String(scrubbed)),
                    Cow::Borrowed(_) => Cow::Borrowed(value),
                }
            }
            Value::Array(items) => self.scrub_items(value, items),
            Value::Object(fields) => self.scrub_fields(value, fields),
            Value::Null | Value::Bool(_) => Cow::Borrowed(value),
        }
    }

    fn scrub_items<'s>(&self, value: &'s Value, items: &'s [Value]) -> Cow<'s, Value> {
        let scrubbed: Vec<Cow<'s, Value>> = items.iter().map(|item| self.scrub_value(item)).collect();
        if scrubbed.iter().all(|item| matches!(item, Cow::Borrowed(_))) {
            return Cow::Borrowed(value);
        }
        Cow::Owned(scrubbed.into_iter().map(Cow::into_owned).collect())
    }

    fn scrub_fields<'s>(&self, value: &'s Value, fields: &'s Map<String, Value>) -> Cow<'s, Value> {
        let scrubbed: Vec<_> = fields.iter().map(|(key, field)| (self.scrub(key), self.scrub_value(field))).collect();
        if scrubbed.iter().all(|pair| matches!(pair, (Cow::Borrowed(_), Cow::Borrowed(_)))) {
            return Cow::Borrowed(value);
        }
        let fields = scrubbed.into_iter().map(|(key, field)| (key.into_owned(), field.into_owned()));
        Cow::Owned(Value::Object(fields.collect()))
    }
}

/// Stands for an id that holds personal data: the same for the same id, and not to be read. Whoever can guess the id
/// can tell that it is the one.
fn pseudonym(id: &str) -> String {
    let hash = Sha256::new().chain_update(b"mainstay/pseudonym/1").chain_update(id.as_bytes()).finalize();
    let mut text = "redacted-".to_owned();
    for byte in hash.iter().take(8) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use mainstay_core::clock::Timestamp;
    use mainstay_core::journal::entry::Screened;
    use serde_json::json;

    use super::*;

    struct Digits;

    impl Redactor for Digits {
        fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
            if text.contains("555") { Cow::Owned(text.replace("555", "#")) } else { Cow::Borrowed(text) }
        }
    }

    fn masks(kept: &[(&str, &str)]) -> Masks {
        let kept =
            kept.iter().map(|(placeholder, value)| Kept { placeholder: (*placeholder).into(), value: (*value).into() });
        let screened = Screened {
            text: String::new(),
            history: Vec::new(),
            kept: kept.collect(),
            verdicts: Vec::new(),
            stopped: None,
        };
        let payload = Payload::Screened(screened);
        Masks::new(&[Entry { position: 0, at: Timestamp(0), took_us: 0, payload, hash: [0; 32] }])
    }

    #[test]
    fn what_was_masked_once_is_masked_wherever_it_occurs() {
        let masks = masks(&[("[email_1]", "ann@shop.example"), ("[card_1]", "4111111111111111"), ("[name_1]", "")]);
        let lens = Lens::new(Content::Redacted, &masks, &Digits);
        let value = json!({"to": ["Ann@Shop.example, please"],
            "ann@shop.example": {"card": 4_111_111_111_111_111_u64}, "n": 7});
        let expected = json!({"to": ["[email_1], please"], "[email_1]": {"card": "[card_1]"}, "n": 7});
        assert_eq!(*lens.scrub_value(&value), expected);
    }

    #[test]
    fn the_longest_masked_value_wins_so_that_no_rest_of_it_stays() {
        let masks = masks(&[("[name_1]", "ann"), ("[email_1]", "ann@shop.example")]);
        let lens = Lens::new(Content::Redacted, &masks, &Digits);
        assert_eq!(lens.scrub("to ann@shop.example for ann"), "to [email_1] for [name_1]");
    }

    #[test]
    fn what_holds_nothing_to_hide_is_not_copied() {
        let masks = masks(&[("[email_1]", "ann@shop.example")]);
        let lens = Lens::new(Content::Redacted, &masks, &Digits);
        let value = json!({"order": "#W1234567", "items": [1, 2, "three"]});
        assert!(matches!(lens.scrub_value(&value), Cow::Borrowed(_)));
    }

    #[test]
    fn masks_that_cannot_be_looked_for_leave_no_content() {
        let lens = Lens::new(Content::Redacted, &Masks::Unusable, &Digits);
        assert_eq!(lens.value(name::TOOL_RESULT, &json!("anything")), None);
    }

    #[test]
    fn ids_with_personal_data_get_a_pseudonym_that_tells_them_apart() {
        let lens = Lens::new(Content::None, &Masks::Empty, &Digits);
        let shown = |id: &str| lens.value(name::USER, &json!(id)).unwrap().as_str().unwrap().to_owned();
        assert_eq!(shown("c-1001"), "c-1001");
        assert_eq!(shown("555-1"), shown("555-1"));
        assert_ne!(shown("555-1"), shown("555-2"));
        assert!(!shown("555-1").contains("555-1"));
        assert_eq!(lens.value("mainstay.metadata.phone-555", &json!("x")), None, "a note whose name gives it away");
    }
}
