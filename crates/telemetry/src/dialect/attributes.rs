//! OTLP attributes in the making. What is empty is left out.

use serde_json::Value;

use crate::wire::Writer;

/// Writes the attributes of one message, each name once: the caller takes care of that.
#[derive(Debug)]
pub(crate) struct Attributes<'w> {
    writer: &'w mut Writer,
    /// The number of the field that holds them.
    field: u32,
}

impl<'w> Attributes<'w> {
    /// The attributes in `field` of the message that is being written.
    pub(crate) fn new(writer: &'w mut Writer, field: u32) -> Self {
        Self { writer, field }
    }

    /// Text.
    pub(crate) fn text(&mut self, name: impl AsRef<str>, text: impl AsRef<str>) {
        let text = text.as_ref();
        if !text.is_empty() {
            self.put(name, |value| value.bytes(STRING, text.as_bytes()));
        }
    }

    /// A count.
    pub(crate) fn count(&mut self, name: impl AsRef<str>, count: u64) {
        self.integer(name, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A number.
    pub(crate) fn number(&mut self, name: impl AsRef<str>, number: f64) {
        self.put(name, |value| value.fixed64(DOUBLE, number.to_bits()));
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: impl AsRef<str>, flag: bool) {
        self.put(name, |value| value.varint(BOOL, flag.into()));
    }

    /// A list of texts.
    pub(crate) fn texts<T: AsRef<str>>(&mut self, name: impl AsRef<str>, texts: impl IntoIterator<Item = T>) {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_none() {
            return;
        }
        self.put(name, |value| {
            value.message(ARRAY, |list| {
                texts.for_each(|text| list.message(ITEM, |item| item.bytes(STRING, text.as_ref().as_bytes())));
            });
        });
    }

    /// A JSON value as what it is; objects and lists of anything but text as JSON text, which is how the conventions
    /// want structured values on spans.
    pub(crate) fn value(&mut self, name: impl AsRef<str>, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.flag(name, *flag),
            Value::String(text) => self.text(name, text),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => self.integer(name, integer),
                (None, Some(number)) => self.number(name, number),
                (None, None) => {}
            },
            Value::Array(items) if items.iter().all(Value::is_string) => {
                self.texts(name, items.iter().filter_map(Value::as_str));
            }
            Value::Array(_) | Value::Object(_) => self.json(name, value),
        }
    }

    /// A JSON value as text: text as it is, anything else as JSON.
    pub(crate) fn json(&mut self, name: impl AsRef<str>, value: &Value) {
        match value.as_str() {
            Some(text) => self.text(name, text),
            None => self.text(name, value.to_string()),
        }
    }

    fn integer(&mut self, name: impl AsRef<str>, integer: i64) {
        self.put(name, |value| value.varint(INT, integer.cast_unsigned()));
    }

    fn put(&mut self, name: impl AsRef<str>, write: impl FnOnce(&mut Writer)) {
        self.writer.message(self.field, |pair| {
            pair.text(KEY, name.as_ref());
            pair.message(VALUE, write);
        });
    }
}

/// Fields of `KeyValue`, of `AnyValue` and of `ArrayValue`, as in [`crate::otlp`].
const KEY: u32 = 1;
const VALUE: u32 = 2;
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const ITEM: u32 = 1;

/// Text as it is, anything else as JSON.
pub(crate) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
