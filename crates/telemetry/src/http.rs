//! OTLP over HTTP: where to post for each dialect, with which headers, and what an answer means.

use std::time::Duration;

use mainstay_egress::{HeaderMap, Response, StatusCode, Url, header};
use prost::Message;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::deliver::{Outcome, Words};
use crate::dialect::Dialect;
use crate::otlp::ExportTraceServiceResponse;

/// What bodies are.
pub(crate) const CONTENT_TYPE: &str = "application/x-protobuf";

/// Nobody is asked to wait for longer.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Where traces are posted, from what the settings say: see [`crate::ExporterSettings::endpoint`].
pub(crate) fn url(endpoint: &Url, dialect: Dialect) -> Url {
    const SIGNAL: &str = "/v1/traces";
    let mut url = endpoint.clone();
    let path = endpoint.path().trim_end_matches('/');
    let path = match (path, dialect) {
        (path, _) if path.ends_with(SIGNAL) => path.to_owned(),
        ("", Dialect::Langfuse) => format!("/api/public/otel{SIGNAL}"),
        ("", Dialect::LangSmith) => format!("/otel{SIGNAL}"),
        (path, _) => format!("{path}{SIGNAL}"),
    };
    url.set_path(&path);
    url
}

/// What an answer means.
pub(crate) fn judge(response: &Response) -> Outcome {
    let status = response.status;
    if status.is_success() {
        return taken(&response.body);
    }
    let words = || Words { ours: format!("it answered {status}"), theirs: said(response) };
    let is_busy = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if is_busy || status.is_server_error() {
        return Outcome::Later { after: retry_after(&response.headers), is_fault: !is_busy, words: words() };
    }
    if status == StatusCode::UNAUTHORIZED {
        return Outcome::Unauthorized { words: words() };
    }
    Outcome::Rejected { words: words() }
}

fn taken(body: &[u8]) -> Outcome {
    let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|response| response.partial_success);
    let (rejected, theirs) = match partial {
        Some(partial) => (partial.rejected_spans, partial.error_message),
        // Some answer in JSON whatever they were sent.
        None => partial_json(body).unwrap_or_default(),
    };
    let words = Words { ours: format!("it refused {rejected} spans"), theirs };
    Outcome::Delivered { rejected_spans: u64::try_from(rejected).unwrap_or(0), words }
}

fn partial_json(body: &[u8]) -> Option<(i64, String)> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let partial = answer.get("partialSuccess")?;
    let rejected =
        partial.get("rejectedSpans").and_then(|count| count.as_i64().or_else(|| count.as_str()?.parse().ok()));
    let words = partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
    Some((rejected.unwrap_or(0), words.to_owned()))
}

/// What the body of a failure says, if it is text.
fn said(response: &Response) -> String {
    const MAX_BYTES: usize = 4096;
    let is_text = response
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/plain") || kind.starts_with("application/json"));
    let start = response.body.get(..MAX_BYTES).unwrap_or(&response.body);
    if is_text { String::from_utf8_lossy(start).into_owned() } else { String::new() }
}

/// How long we are asked to wait: in seconds, or until a moment, which is read against the answer's own `date`, so that our
/// clock does not matter.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |name| OffsetDateTime::parse(text(name)?, &Rfc2822).ok();
    let seconds = || Duration::try_from_secs_f64(text(header::RETRY_AFTER)?.parse().ok()?).ok();
    let until = || Some(Duration::try_from(date(header::RETRY_AFTER)? - date(header::DATE)?).unwrap_or_default());
    Some(seconds().or_else(until)?.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use mainstay_egress::{Bytes, HeaderName};

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let status = StatusCode::from_u16(status).unwrap();
        Response { status, headers: headers.collect(), body: body.into(), trailers: HeaderMap::new() }
    }

    #[test]
    fn each_dialect_has_its_path_and_a_whole_path_is_left_alone() {
        for (dialect, endpoint, expected) in [
            (Dialect::Otel, "http://c:4318", "http://c:4318/v1/traces"),
            (Dialect::Otel, "http://c:4318/v1/traces", "http://c:4318/v1/traces"),
            (Dialect::Otel, "http://c/otlp/?a=b", "http://c/otlp/v1/traces?a=b"),
            (Dialect::OpenInference, "http://p:6006/", "http://p:6006/v1/traces"),
            (Dialect::Langfuse, "https://l", "https://l/api/public/otel/v1/traces"),
            (Dialect::Langfuse, "https://l/api/public/otel", "https://l/api/public/otel/v1/traces"),
            (Dialect::LangSmith, "https://s", "https://s/otel/v1/traces"),
            (Dialect::LangSmith, "https://s/api/v1/otel/", "https://s/api/v1/otel/v1/traces"),
            (Dialect::AgentOps, "https://a", "https://a/v1/traces"),
        ] {
            assert_eq!(url(&Url::parse(endpoint).unwrap(), dialect).as_str(), expected, "{endpoint}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_later_and_what_will_not_is_rejected() {
        for (status, expected) in [
            (400, "rejected"),
            (401, "unauthorized"),
            (403, "rejected"),
            (404, "rejected"),
            (408, "later"),
            (413, "rejected"),
            (429, "later"),
            (302, "rejected"),
            (500, "later, its fault"),
            (502, "later"),
            (503, "later"),
            (504, "later"),
        ] {
            let found = match judge(&response(status, &[], "")) {
                Outcome::Delivered { .. } => "delivered",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Unauthorized { .. } => "unauthorized",
                Outcome::Later { is_fault: true, .. } => "later, its fault",
                Outcome::Later { is_fault: false, .. } => "later",
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn a_partial_success_is_read_in_protobuf_and_in_json() {
        use crate::otlp::ExportTracePartialSuccess;
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".to_owned() };
        let protobuf = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let json = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        for body in [Bytes::from(protobuf), Bytes::from(json)] {
            let Outcome::Delivered { rejected_spans, words } = judge(&response(200, &[], body)) else { panic!() };
            assert_eq!((rejected_spans, words.theirs.as_str()), (3, "too old"));
        }
        for body in ["", "{}", "OK", "\u{1}"] {
            let Outcome::Delivered { rejected_spans: 0, .. } = judge(&response(200, &[], body)) else {
                panic!("{body}")
            };
        }
    }

    #[test]
    fn the_wait_is_read_in_seconds_or_as_a_moment_and_is_at_most_an_hour() {
        let now = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
        for (headers, expected) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), now], Some(7)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), now], Some(0)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], None),
            (vec![("retry-after", "1e300")], None),
            (vec![("retry-after", "99999")], Some(3600)),
            (vec![("retry-after", "-1")], None),
            (vec![], None),
        ] {
            let found = retry_after(&response(429, &headers, "").headers);
            assert_eq!(found, expected.map(Duration::from_secs), "{headers:?}");
        }
    }
}
