//! A JSON body as a typed value.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{BodyError, BodyLimits, is_deeper_than, read_body};

/// The longest text about a fault, in bytes: it may quote the caller.
const LONGEST_FAULT: usize = 200;

/// A body that was JSON of the right shape.
#[derive(Clone, Debug)]
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// As it came, for whoever must recognise the same body again.
    pub bytes: Bytes,
}

/// Reads a JSON body that is declared as `application/json` (or as another type that ends in `+json`).
///
/// Asking for the declaration is a safeguard, too: a page of another site cannot send it without a preflight request.
///
/// # Errors
///
/// [`BodyError`].
pub async fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
) -> Result<JsonBody<T>, BodyError> {
    if !is_declared_json(headers) {
        return Err(BodyError::WrongContentType);
    }
    let bytes = read_body(body, limits).await?;
    Ok(JsonBody { value: parse_json(&bytes, limits.depth)?, bytes })
}

/// Parses a JSON text that is nested at most `depth` deep.
///
/// # Errors
///
/// [`BodyError::TooDeep`], [`BodyError::NotJson`], [`BodyError::WrongShape`].
pub fn parse_json<T: DeserializeOwned>(text: &[u8], depth: usize) -> Result<T, BodyError> {
    if is_deeper_than(depth, text) {
        return Err(BodyError::TooDeep { limit: depth });
    }
    let mut parser = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let path = error.path().to_string();
        fault(error.inner(), path)
    })?;
    parser.end().map_err(|error| fault(&error, ".".to_owned()))?;
    Ok(value)
}

fn fault(error: &serde_json::Error, path: String) -> BodyError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The place has fields of its own.
    let what = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    // The last segment of an unknown field's path is the field.
    let path = if what.starts_with("unknown field") {
        path.rsplit_once('.').map_or_else(|| ".".to_owned(), |(parent, _)| parent.to_owned())
    } else {
        path
    };
    let what = clip(&without_value(what));
    match error.classify() {
        serde_json::error::Category::Data => BodyError::WrongShape { path: clip(&path), what },
        _ => BodyError::NotJson { line, column, what },
    }
}

/// What a parser says, without the value that it quotes: that may be a secret in the wrong place, and errors end up in logs.
pub(crate) fn without_value(text: &str) -> String {
    let Some(start) = text.find(['`', '"']) else { return text.to_owned() };
    let (before, quoted) = text.split_at(start);
    let quote = quoted.get(..1).unwrap_or_default();
    let after_value = [", expected", ", there are no", " is not an id"];
    // The value may hold the quote itself.
    let end =
        after_value.iter().find_map(|after| quoted.rfind(&format!("{quote}{after}"))).or_else(|| quoted.rfind(quote));
    let rest = end.and_then(|end| quoted.get(end + 1..)).unwrap_or_default();
    format!("{}{rest}", if rest.starts_with(' ') { format!("{before}…") } else { before.trim_end().to_owned() })
}

fn clip(text: &str) -> String {
    if text.len() <= LONGEST_FAULT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST_FAULT - '…'.len_utf8());
    format!("{}…", text.get(..end).unwrap_or_default())
}

fn is_declared_json(headers: &HeaderMap) -> bool {
    let mut declared = headers.get_all(CONTENT_TYPE).iter();
    let (Some(declared), None) = (declared.next(), declared.next()) else { return false };
    let Ok(declared) = declared.to_str() else { return false };
    let mut parts = declared.split(';');
    let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    is_json && parts.all(is_harmless)
}

/// JSON is always UTF-8, so a declaration may say so but nothing else.
fn is_harmless(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.trim().is_empty() };
    let is_charset = name.trim().eq_ignore_ascii_case("charset");
    !is_charset || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        count: u32,
    }

    fn order(text: &str) -> Result<Order, BodyError> {
        parse_json(text.as_bytes(), 8)
    }

    fn shape(text: &str) -> (String, String) {
        match order(text) {
            Err(BodyError::WrongShape { path, what }) => (path, what),
            other => panic!("{other:?}"),
        }
    }

    fn declared(kind: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())])
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        assert_eq!(order(r#"{"items": [{"count": 2}]}"#).unwrap().items[0].count, 2);
        let (path, what) = shape(r#"{"items": [{"count": 1}, {"count": "two"}]}"#);
        assert_eq!(path, "items[1].count");
        assert_eq!(what, "invalid type: string, expected u32");
        let unknown = shape(r#"{"items": [], "coupon": 1}"#);
        assert_eq!((unknown.0.as_str(), unknown.1.as_str()), (".", "unknown field, expected `items`"));
        assert_eq!(shape("[]").0, ".");
    }

    #[test]
    fn what_is_not_json_is_named_by_its_place() {
        for (text, place) in [("", (1, 0)), ("{\n  \"items\": [,]}", (2, 13)), (r#"{"items": []} {}"#, (1, 15))] {
            match order(text) {
                Err(BodyError::NotJson { line, column, what }) => {
                    assert_eq!((line, column), place, "{text}: {what}");
                    assert!(!what.contains("line"), "{what}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_body_that_is_nested_too_deep_never_reaches_the_parser() {
        let deep = "[".repeat(100_000);
        assert!(matches!(parse_json::<Value>(deep.as_bytes(), 32), Err(BodyError::TooDeep { limit: 32 })));
        let deepest = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(parse_json::<Value>(deepest.as_bytes(), 32).is_ok());
    }

    #[test]
    fn a_fault_is_no_longer_than_a_line_and_quotes_no_value() {
        let (_, what) = shape(&format!(r#"{{"items": "{}"}}"#, "ü".repeat(10_000)));
        assert!(what.len() <= LONGEST_FAULT && !what.contains('ü'), "{what}");
        for secret in
            [r#"{"items": "my secret"}"#, r#"{"items": "a\", expected secret"}"#, r#"{"my secret`, expected": 1}"#]
        {
            let (path, what) = shape(secret);
            assert!(!what.contains("secret") && !path.contains("secret"), "{path}: {what}");
        }
    }

    #[tokio::test]
    async fn a_body_must_be_declared_as_json() {
        let limits = BodyLimits::default();
        for kind in ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/problem+json"] {
            let read = read_json::<Value>(&declared(kind), Body::from("[1]"), &limits).await;
            assert_eq!(read.unwrap().bytes, "[1]", "{kind}");
        }
        let mut twice = declared("application/json");
        twice.append(CONTENT_TYPE, "text/plain".parse().unwrap());
        let wrong = ["text/plain", "application/json; charset=latin1", "application/jsonp", "text/x+json", ""];
        for headers in wrong.map(declared).into_iter().chain([HeaderMap::new(), twice]) {
            let read = read_json::<Value>(&headers, Body::from("[1]"), &limits).await;
            assert!(matches!(read, Err(BodyError::WrongContentType)), "{headers:?}");
        }
    }
}
