//! Writes protobuf, as far as OTLP traces need it.
//!
//! A span has dozens of attributes, and most of what they say is at hand as text. Written straight into one buffer,
//! they cost a copy each; as messages of [`crate::otlp`] they would cost a handful of allocations each.

/// Bytes in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

/// How a field's value is laid out.
#[derive(Clone, Copy)]
enum Layout {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}

impl Writer {
    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A varint; written even where it is zero.
    pub(crate) fn varint(&mut self, field: u32, value: u64) {
        self.tag(field, Layout::Varint);
        self.raw_varint(value);
    }

    /// Eight bytes.
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, Layout::Fixed64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes.
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        self.tag(field, Layout::Fixed32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A text, which protobuf leaves out where it is empty.
    pub(crate) fn text(&mut self, field: u32, value: &str) {
        if !value.is_empty() {
            self.bytes(field, value.as_bytes());
        }
    }

    /// Bytes; written even where there are none.
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.tag(field, Layout::Length);
        self.raw_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A message, whose fields `write` writes.
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, Layout::Length);
        let start = self.bytes.len();
        // Most messages are short, so one byte for the length is nearly always right; a longer one moves the message.
        self.bytes.push(0);
        write(self);
        let length = self.bytes.len().saturating_sub(start + 1);
        match (u8::try_from(length), self.bytes.get_mut(start)) {
            (Ok(length @ 0..0x80), Some(place)) => *place = length,
            _ => {
                let mut encoded = Self::default();
                encoded.raw_varint(length as u64);
                self.bytes.splice(start..=start, encoded.bytes);
            }
        }
    }

    /// Fields that were written elsewhere.
    pub(crate) fn fields(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    fn tag(&mut self, field: u32, layout: Layout) {
        self.raw_varint(u64::from(field << 3 | layout as u32));
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::otlp::{AnyValue, KeyValue, Value};

    #[test]
    fn messages_of_every_length_read_as_they_were_written() {
        for length in [0, 1, 120, 123, 124, 125, 127, 128, 16_383, 16_384, 100_000] {
            let mut writer = Writer::default();
            let text = "x".repeat(length);
            writer.text(1, "key");
            writer.message(2, |value| value.bytes(1, text.as_bytes()));
            let value = Some(AnyValue { value: Some(Value::String(text)) });
            assert_eq!(KeyValue::decode(writer.into_bytes().as_slice()), Ok(KeyValue { key: "key".into(), value }));
        }
    }

    #[test]
    fn integers_of_every_size_read_as_they_were_written() {
        for number in [0, 1, 127, 128, i64::MAX, -1, i64::MIN] {
            let mut writer = Writer::default();
            writer.varint(3, number.cast_unsigned());
            let value = Some(Value::Int(number));
            assert_eq!(AnyValue::decode(writer.into_bytes().as_slice()), Ok(AnyValue { value }));
        }
    }
}
