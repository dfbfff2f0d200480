//! Values that several requests carry, each as strict as the document says: what is wrong is refused where it is read.

use std::borrow::Cow;
use std::fmt;

use mainstay_core::clock::Timestamp;
use mainstay_core::money::MicroUsd;
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// Most characters of a [`Name`].
const LONGEST_NAME: usize = 200;
/// Characters that can be seen, as a class of a regular expression; see [`is_visible`].
const VISIBLE: &str =
    r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]";

/// Not a space of any kind, no control character, and none that hides or turns text around.
fn is_visible(character: char) -> bool {
    !matches!(character,
        '\0'..='\u{20}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}')
}

/// An application's name for somebody or something: visible characters, single spaces between words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = || text.split(' ').all(|word| !word.is_empty() && word.chars().all(is_visible));
        if text.chars().nth(LONGEST_NAME).is_none() && words() {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("a name is 1 to 200 visible characters, with single spaces between words"))
    }
}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        let schema = string().min_length(Some(1)).max_length(Some(LONGEST_NAME));
        let schema = schema.pattern(Some(format!("^{VISIBLE}+( {VISIBLE}+)*$")));
        let words = "An application's name for somebody or something: visible characters, single spaces between words.";
        schema.description(Some(words)).into()
    }
}

impl ToSchema for Name {
    fn name() -> Cow<'static, str> {
        "Name".into()
    }
}

/// Text of at most `MOST` characters, at least one of them visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<const MOST: usize>(pub(crate) String);

/// A request, or one message of a conversation.
pub(crate) type LongText = Text<50_000>;
/// An answer that a person writes.
pub(crate) type AnswerText = Text<8_000>;
/// Why somebody did something.
pub(crate) type Remark = Text<2_000>;
/// What to look for.
pub(crate) type Sought = Text<200>;

impl<const MOST: usize> Text<MOST> {
    /// Takes the text if it is one.
    pub(crate) fn new(text: String) -> Result<Self, String> {
        let is_short = text.chars().nth(MOST).is_none();
        if is_short && !text.contains('\0') && text.chars().any(is_visible) {
            return Ok(Self(text));
        }
        Err(format!("a text has 1 to {MOST} characters, at least one that can be seen and none of them U+0000"))
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<const MOST: usize> PartialSchema for Text<MOST> {
    fn schema() -> RefOr<Schema> {
        let schema = string().min_length(Some(1)).max_length(Some(MOST));
        schema.pattern(Some(format!(r"^[^\u0000]*{VISIBLE}[^\u0000]*$"))).into()
    }
}

impl<const MOST: usize> ToSchema for Text<MOST> {
    fn name() -> Cow<'static, str> {
        format!("TextOf{MOST}").into()
    }
}

/// The hash of a call, as an approval shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) String);

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_hash = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash { Ok(Self(text)) } else { Err(serde::de::Error::custom("a hash is 64 digits, 0 to 9 and a to f")) }
    }
}

impl PartialSchema for Hash {
    fn schema() -> RefOr<Schema> {
        string().pattern(Some("^[0-9a-f]{64}$")).into()
    }
}

impl ToSchema for Hash {}

/// A whole number from `LEAST` to `MOST`. JSON has one kind of number, so `30.0` is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const LEAST: i32, const MOST: i32>(pub(crate) i32);

/// How long to wait, in seconds.
pub(crate) type Wait = Whole<0, 60>;
/// How many to list.
pub(crate) type Limit = Whole<1, 200>;
/// What somebody thinks of an answer: bad, neither, good.
pub(crate) type Rating = Whole<-1, 1>;
/// A place in a run's journal.
pub(crate) type Position = Whole<0, { i32::MAX }>;

impl<const LEAST: i32, const MOST: i32> Whole<LEAST, MOST> {
    /// The number, where it cannot be negative.
    pub(crate) fn count(self) -> u32 {
        u32::try_from(self.0).unwrap_or(0)
    }

    /// Takes the number if it is one.
    pub(crate) fn new(number: i64) -> Result<Self, String> {
        let number = i32::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or_else(|| format!("must be from {LEAST} to {MOST}"))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de, const LEAST: i32, const MOST: i32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(deserializer.deserialize_i64(WholeVisitor)?).map_err(serde::de::Error::custom)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
        // What does not fit is out of any bound.
        Ok(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() != 0.0 {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        // A cast of a number without fraction keeps it, or goes to the nearest end, which is out of any bound.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        Ok(number as i64)
    }
}

impl<const LEAST: i32, const MOST: i32> PartialSchema for Whole<LEAST, MOST> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
        schema.minimum(Some(LEAST)).maximum(Some(MOST)).into()
    }
}

impl<const LEAST: i32, const MOST: i32> ToSchema for Whole<LEAST, MOST> {
    fn name() -> Cow<'static, str> {
        format!("WholeFrom{LEAST}To{MOST}").into()
    }
}

/// Reads a value that may be left out but not be null.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// A moment as RFC 3339 says it.
pub(crate) fn moment(at: Timestamp) -> String {
    let nanoseconds = i128::from(at.0) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

/// Dollars as a decimal number, with all six decimals.
pub(crate) fn dollars(amount: MicroUsd) -> String {
    format!("{}.{:06}", amount.0 / 1_000_000, amount.0 % 1_000_000)
}

/// Text that is there, or nothing.
pub(crate) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn name(text: &str) -> Result<Name, serde_json::Error> {
        from_value(json!(text))
    }

    #[test]
    fn a_name_can_be_seen_whole() {
        for good in ["c-1001", "Jürgen Groß", "日本", "a@b.example", &"x".repeat(200)] {
            assert!(name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(201);
        for bad in ["", " ", " a", "a ", "a  b", "a\0", "a\tb", "a\nb", "\u{202e}abc", "a\u{200b}b", "a\u{a0}b", &long]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(from_value::<Name>(json!(7)).is_err());
    }

    #[test]
    fn a_text_says_something() {
        let text = |text: &str| from_value::<Text<5>>(Value::from(text));
        assert!(text("\u{a0}a\n").is_ok());
        assert!(text("äöüßé").is_ok(), "five characters, ten bytes");
        for bad in ["", "   ", "\u{200b}", "a\0b", "123456"] {
            assert!(text(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn moments_and_money_are_written_for_machines_and_people() {
        assert_eq!(moment(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(dollars(MicroUsd(12_000_034)), "12.000034");
        assert_eq!(from_value::<Limit>(json!(200)).unwrap(), Whole(200));
        assert_eq!(from_value::<Limit>(json!(200.0)).unwrap(), Whole(200));
        for bad in [json!(0), json!(201), json!(1.5), json!(1e300), json!(u64::MAX), json!("7"), json!(null)] {
            assert!(from_value::<Limit>(bad.clone()).is_err(), "{bad}");
        }
    }
}
