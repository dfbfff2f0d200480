//! OTLP over gRPC: one unary call, framed by hand. Absent: compression and streams, which one message does not need.

use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use mainstay_egress::{Bytes, HeaderMap, Response, StatusCode, header};
use prost::Message;

use crate::deliver::{Outcome, Words};
use crate::http;
use crate::otlp::ExportTraceServiceResponse;

/// What bodies are.
pub(crate) const CONTENT_TYPE: &str = "application/grpc";
/// The call.
pub(crate) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// `message` as the one message of a call: a byte that says "not compressed", its length, itself.
pub(crate) fn frame(message: &Bytes) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

/// The value of `grpc-timeout`.
pub(crate) fn timeout(limit: Duration) -> String {
    // At most eight digits are allowed: a day in milliseconds.
    format!("{}m", limit.as_millis().clamp(1, 99_999_999))
}

/// What an answer means.
pub(crate) fn judge(response: &Response) -> Outcome {
    // An answer without a message has its status in the head.
    let status = response.trailers.get(STATUS).or_else(|| response.headers.get(STATUS));
    let is_grpc = response
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with(CONTENT_TYPE));
    if response.status != StatusCode::OK || !is_grpc {
        // Something before the destination answered.
        return match http::judge(response) {
            Outcome::Delivered { .. } => Outcome::Rejected { words: Words::ours("it does not speak gRPC") },
            other => other,
        };
    }
    let status = status.and_then(|status| status.to_str().ok()).and_then(|status| status.trim().parse().ok());
    let metadata = if response.trailers.contains_key(STATUS) { &response.trailers } else { &response.headers };
    match status {
        Some(0) => taken(&response.body),
        Some(status) => failed(status, metadata),
        None => later(None, Words::ours("it answered without a status")),
    }
}

const STATUS: &str = "grpc-status";

fn taken(body: &[u8]) -> Outcome {
    let message = body.split_at_checked(5).filter(|(head, _)| head.first() == Some(&0)).map(|(_, message)| message);
    let partial = message
        .and_then(|message| ExportTraceServiceResponse::decode(message).ok())
        .and_then(|response| response.partial_success)
        .unwrap_or_default();
    let rejected_spans = u64::try_from(partial.rejected_spans).unwrap_or(0);
    let words = Words { ours: format!("it refused {rejected_spans} spans"), theirs: partial.error_message };
    Outcome::Delivered { rejected_spans, words }
}

/// Which codes may pass is said by the OTLP specification, under "Failures" of OTLP/gRPC.
fn failed(status: u32, metadata: &HeaderMap) -> Outcome {
    let said = metadata.get("grpc-message").and_then(|said| said.to_str().ok()).unwrap_or_default();
    let words = Words { ours: format!("it answered gRPC status {status}"), theirs: said.to_owned() };
    let after = retry_delay(metadata);
    match status {
        // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS
        1 | 4 | 10 | 11 | 14 | 15 => later(after, words),
        // RESOURCE_EXHAUSTED: only when it says when to come back; otherwise the message is too large for it.
        8 if after.is_some() => later(after, words),
        16 => Outcome::Unauthorized { words },
        _ => Outcome::Rejected { words },
    }
}

fn later(after: Option<Duration>, words: Words) -> Outcome {
    Outcome::Later { after, is_fault: false, words }
}

/// `google.rpc.Status`, as far as we read it.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_delay(metadata: &HeaderMap) -> Option<Duration> {
    const MAX_WAIT: Duration = Duration::from_secs(3600);
    let details = metadata.get("grpc-status-details-bin")?.as_bytes();
    let details = BASE64_STANDARD.decode(details).or_else(|_| BASE64_STANDARD_NO_PAD.decode(details)).ok()?;
    let status = RpcStatus::decode(details.as_slice()).ok()?;
    let info = status.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    let seconds = u64::try_from(delay.seconds).unwrap_or(0);
    let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
    Some(Duration::new(seconds, nanos).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use mainstay_egress::HeaderName;

    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn ended(trailers: &[(&'static str, &str)]) -> Response {
        let headers = map(&[("content-type", "application/grpc+proto")]);
        Response { status: StatusCode::OK, headers, body: Bytes::new(), trailers: map(trailers) }
    }

    fn details(info: &[u8], type_url: &str) -> String {
        let detail = Detail { type_url: type_url.to_owned(), value: info.to_vec() };
        BASE64_STANDARD_NO_PAD.encode(RpcStatus { details: vec![detail] }.encode_to_vec())
    }

    #[test]
    fn only_the_codes_that_may_pass_are_tried_later() {
        for status in 1..=16_u32 {
            let outcome = judge(&ended(&[("grpc-status", &status.to_string())]));
            let may_pass = [1, 4, 10, 11, 14, 15].contains(&status);
            assert_eq!(matches!(outcome, Outcome::Later { .. }), may_pass, "{status}");
        }
        assert!(matches!(judge(&ended(&[])), Outcome::Later { .. }), "an answer cut off before its status");
        assert!(matches!(judge(&ended(&[("grpc-status", "0")])), Outcome::Delivered { rejected_spans: 0, .. }));
    }

    #[test]
    fn an_exhausted_destination_is_tried_again_only_when_it_says_when() {
        let info = RetryInfo { retry_delay: Some(Delay { seconds: 2, nanos: 500_000_000 }) }.encode_to_vec();
        for (details, after) in [
            (details(&info, "type.googleapis.com/google.rpc.RetryInfo"), Some(Duration::from_millis(2500))),
            (details(&info, "type.googleapis.com/google.rpc.ErrorInfo"), None),
            ("!".to_owned(), None),
        ] {
            let response = ended(&[("grpc-status", "8"), ("grpc-status-details-bin", &details)]);
            match judge(&response) {
                Outcome::Later { after: found, .. } => assert_eq!(found, after),
                _ => assert_eq!(after, None),
            }
        }
    }

    #[test]
    fn a_status_in_the_head_counts_when_there_is_no_message() {
        let headers = map(&[("content-type", "application/grpc"), ("grpc-status", "3"), ("grpc-message", "bad")]);
        let response = Response { headers, ..ended(&[]) };
        let Outcome::Rejected { words } = judge(&response) else { panic!() };
        assert_eq!(words.to_string(), "it answered gRPC status 3: bad");
    }

    #[test]
    fn what_is_not_grpc_is_judged_by_its_status_and_never_taken_for_a_delivery() {
        let page = Response { headers: map(&[("content-type", "text/html")]), ..ended(&[]) };
        assert!(matches!(judge(&page), Outcome::Rejected { .. }));
        let busy = Response { status: StatusCode::SERVICE_UNAVAILABLE, ..page };
        assert!(matches!(judge(&busy), Outcome::Later { .. }));
    }

    #[test]
    fn a_message_is_framed_and_the_timeout_has_at_most_eight_digits() {
        assert_eq!(&frame(&Bytes::from_static(b"ab"))[..], b"\0\0\0\0\x02ab");
        assert_eq!(timeout(Duration::from_secs(10)), "10000m");
        assert_eq!(timeout(Duration::MAX).len(), 9);
    }
}
