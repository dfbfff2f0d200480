use mainstay_egress::HeaderValue;
use serde_json::json;

use super::*;

fn request(said: &str) -> ChatRequest {
    ChatRequest {
        model: "m".to_owned(),
        instructions: "Be kind to everybody.".to_owned(),
        messages: vec![Message::User(said.to_owned())],
        tools: Vec::new(),
        output: None,
        max_output_tokens: 10,
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

fn status(status: u16, body: &Value) -> Failure {
    let status = StatusCode::from_u16(status).unwrap();
    of_status(status, &HeaderMap::new(), body.to_string().as_bytes(), &request("hi"), &[])
}

#[test]
fn each_status_says_whether_asking_again_may_help() {
    let body = json!({"error": {"message": "no"}});
    for code in [408, 409, 500, 502, 503, 504, 529] {
        assert!(
            matches!(status(code, &body), (ProviderErrorKind::Status { status, .. }, Retry::Backoff) if status == code)
        );
    }
    for code in [301, 400, 404, 413, 422] {
        assert!(matches!(status(code, &body), (ProviderErrorKind::Status { status, .. }, Retry::No) if status == code));
    }
    for code in [401, 403] {
        assert!(matches!(status(code, &body), (ProviderErrorKind::Unauthorized(status), Retry::No) if status == code));
    }
    assert!(matches!(status(429, &body), (ProviderErrorKind::RateLimited, Retry::Backoff)));
    let empty_account = json!({"error": {"message": "pay", "code": "insufficient_quota"}});
    assert!(matches!(status(429, &empty_account), (ProviderErrorKind::RateLimited, Retry::No)));
}

#[test]
fn a_request_that_is_too_long_stays_too_long_whatever_the_status() {
    for body in [
        json!({"error": {"message": "x", "code": "context_length_exceeded"}}),
        json!({"error": {"code": 500, "type": "exceed_context_size_error", "message": "x"}}),
        json!({"error": "the request exceeds the available context size"}),
    ] {
        assert!(matches!(status(500, &body), (ProviderErrorKind::Status { .. }, Retry::No)), "{body}");
    }
}

#[test]
fn waiting_times_are_read_in_all_their_forms() {
    let now = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
    for (pairs, expected) in [
        (vec![("retry-after", "7")], Some(Duration::from_secs(7))),
        (vec![("retry-after", "1.5")], Some(Duration::from_millis(1500))),
        (vec![("retry-after-ms", "250"), ("retry-after", "7")], Some(Duration::from_millis(250))),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), now], Some(Duration::from_secs(7))),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), now], Some(Duration::ZERO)),
        (vec![("retry-after", "9999999999")], Some(Duration::from_secs(86_400))),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], None),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "NaN")], None),
        (vec![("retry-after", "soon"), now], None),
        (vec![], None),
    ] {
        assert_eq!(retry_after(&headers(&pairs)), expected, "{pairs:?}");
    }
}

#[test]
fn error_objects_of_all_families_are_understood() {
    for (body, message, implied) in [
        (json!({"error": {"message": "slow down", "type": "x", "code": "rate_limit_exceeded"}}), "slow down", 429),
        (json!({"type": "error", "error": {"type": "overloaded_error", "message": "full"}}), "full", 529),
        (json!({"error": {"code": 503, "message": "loading", "type": "unavailable_error"}}), "loading", 503),
        (json!({"error": "model not found"}), "model not found", 500),
        (json!({"object": "error", "message": "bad", "type": "invalid_request_error"}), "bad", 400),
    ] {
        let far_side = FarSide::read(&body).unwrap();
        assert_eq!((far_side.message.as_str(), far_side.implied_status()), (message, implied), "{body}");
    }
    for none in [json!({"choices": []}), json!({"error": null}), json!([]), json!("x")] {
        assert_eq!(FarSide::read(&none), None);
    }
}

#[test]
fn neither_keys_nor_what_was_said_come_back_in_an_error() {
    let said = "my name is Ada Lovelace, ada@lovelace.example, and I want 3 things";
    let body = json!({"error": {"message": format!("invalid input {said:?} for key sk-secret-1: field required")}});
    let key = [Secret::new("sk-secret-1")];
    let (kind, _) =
        of_status(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.to_string().as_bytes(), &request(said), &key);
    let ProviderErrorKind::Status { message, .. } = kind else { panic!("{kind:?}") };
    assert_eq!(message, "invalid input […] for key secret field required");
    let (kind, _) =
        of_status(StatusCode::BAD_REQUEST, &HeaderMap::new(), "ä".repeat(900).as_bytes(), &request(said), &key);
    let ProviderErrorKind::Status { message, .. } = kind else { panic!("{kind:?}") };
    assert_eq!(message.chars().count(), 200);
}
