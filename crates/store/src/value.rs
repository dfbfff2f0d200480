//! What goes into a statement and what comes out of it, the same on both engines.
//!
//! Only what the schema needs: text, integers, bytes and nothing. No floats, no dates, no JSON type: those are where
//! engines differ.

use std::vec::IntoIter;

use mainstay_core::error::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One argument or one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Int(i64),
    Bytes(Vec<u8>),
    /// PostgreSQL wants to know what a NULL would have been; rows give this one for every NULL.
    NoText,
    NoInt,
    /// Of a kind that we never wrote; only in rows.
    Unreadable,
}

/// A statement: mostly one text for both engines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// A statement that takes row locks where several writers work at once. SQLite has one writer.
macro_rules! locking {
    ($lock:literal, $($part:expr),+) => {
        $crate::value::Sql { sqlite: concat!($($part),+), postgres: concat!($($part,)+ " ", $lock) }
    };
}
pub(crate) use locking;

/// The arguments of a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::NoText, Self::Text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::NoInt, Self::Int)
    }
}

impl From<Option<u32>> for Value {
    fn from(number: Option<u32>) -> Self {
        number.map(i64::from).into()
    }
}

impl From<[u8; 32]> for Value {
    fn from(hash: [u8; 32]) -> Self {
        Self::Bytes(hash.to_vec())
    }
}

/// A row that is read column by column, from the left.
#[derive(Debug)]
pub(crate) struct Row {
    /// Named in errors; the row's values never are.
    subject: &'static str,
    columns: IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self { subject: "a row", columns: columns.into_iter() }
    }

    /// Names the row in errors, such as `a run`.
    pub(crate) fn of(mut self, subject: &'static str) -> Self {
        self.subject = subject;
        self
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or_else(|| self.corrupt())
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.columns.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::NoText | Value::NoInt) => Ok(None),
            _ => Err(self.corrupt()),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreError> {
        self.maybe_int()?.ok_or_else(|| self.corrupt())
    }

    pub(crate) fn maybe_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.columns.next() {
            Some(Value::Int(number)) => Ok(Some(number)),
            Some(Value::NoText | Value::NoInt) => Ok(None),
            _ => Err(self.corrupt()),
        }
    }

    /// A position in a run.
    pub(crate) fn position(&mut self) -> Result<u32, StoreError> {
        let number = self.int()?;
        u32::try_from(number).map_err(|_| self.corrupt())
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        match self.columns.next() {
            Some(Value::Bytes(bytes)) => bytes.try_into().map_err(|_| self.corrupt()),
            _ => Err(self.corrupt()),
        }
    }

    /// Text of a known form: an id, a state.
    pub(crate) fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| self.corrupt())
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|_| self.corrupt())
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt(self.subject.to_owned())
    }
}

/// JSON that can be read back: the reader stops at 128 levels, so deeper values must not get in. `what` names the value
/// in the error.
pub(crate) fn json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    let refused = |why| crate::error::refused(format!("{what} {why}"));
    let text = serde_json::to_string(value).map_err(|_| refused("cannot be written as JSON"))?;
    if depth(&text) > MAX_DEPTH { Err(refused("is nested more than 127 levels deep")) } else { Ok(text) }
}

const MAX_DEPTH: usize = 127;

fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> serde_json::Value {
        (0..levels).fold(serde_json::json!("]]}[["), |inner, _| serde_json::json!([inner]))
    }

    #[test]
    fn json_that_could_not_be_read_back_is_refused_and_all_else_is_read_back() {
        let deep = nested(MAX_DEPTH);
        let text = json("the value", &deep).unwrap();
        assert_eq!(Row::new(vec![Value::Text(text)]).json::<serde_json::Value>().unwrap(), deep);

        let error = json("the value", &nested(MAX_DEPTH + 1)).unwrap_err();
        assert!(error.to_string().contains("the value is nested more than 127 levels deep"), "{error}");
    }

    #[test]
    fn an_unreadable_column_is_named_by_its_row_and_never_quoted() {
        let mut row = Row::new(vec![Value::Text("hunter2".to_owned())]).of("a run");
        assert_eq!(row.int().unwrap_err().to_string(), "the store holds something unreadable: a run");
    }
}
