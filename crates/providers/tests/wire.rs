//! The real clients against a server that speaks the real protocols and misbehaves on demand.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper outside of the tests fails loudly too")]

use std::sync::Arc;
use std::time::Duration;

use mainstay_core::error::Retry;
use mainstay_core::message::{Message, ToolCall, Usage};
use mainstay_core::provider::{
    ChatReply, ChatRequest, Finish, OutputSchema, Provider, ProviderError, ProviderErrorKind, ToolSpec,
};
use mainstay_egress::Secret;
use mainstay_providers::{KINDS, Settings, SettingsError};
use mainstay_testkit::fake_provider::{FakeProvider, Fault, Reply};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

const KEY: &str = "sk-secret-0123456789";

fn settings(base_url: String) -> Settings {
    Settings { base_url: Some(base_url), api_key: Some(Secret::new(KEY)), allow_private: true, ..Settings::new("main") }
}

fn build(kind: &str, settings: Settings) -> Result<Arc<dyn Provider>, SettingsError> {
    let kind = KINDS.iter().find(|row| row.name == kind).unwrap();
    (kind.build)(settings)
}

/// Every kind, streamed and whole: what the caller sees must not depend on either.
fn all_ways(server: &FakeProvider) -> Vec<(String, Arc<dyn Provider>)> {
    let mut ways = Vec::new();
    for kind in KINDS {
        for stream in [true, false] {
            let settings = Settings { stream, idle_timeout: IDLE, ..settings(server.base_url()) };
            ways.push((format!("{} stream={stream}", kind.name), build(kind.name, settings).unwrap()));
        }
    }
    ways
}

fn request() -> ChatRequest {
    ChatRequest {
        model: "small".to_owned(),
        instructions: "You answer questions about orders.".to_owned(),
        messages: vec![Message::User("Where is my order?".to_owned())],
        tools: vec![ToolSpec {
            name: "get_order".to_owned(),
            description: "Looks up an order".to_owned(),
            parameters: json!({"type": "object", "properties": {"order_id": {"type": "string"}}}),
        }],
        output: Some(OutputSchema {
            name: "answer".to_owned(),
            schema: json!({"type": "object", "properties": {"answer": {"type": "string"}}}),
        }),
        max_output_tokens: 500,
    }
}

async fn ask(provider: &Arc<dyn Provider>, limit: Duration) -> Result<ChatReply, ProviderError> {
    provider.chat(&request(), Instant::now() + limit).await
}

const LONG: Duration = Duration::from_secs(20);
/// Long for a test, but a busy machine may pause anything.
const IDLE: Duration = Duration::from_millis(400);

/// Scripts the fault once per way of asking and checks the failure of each.
async fn every_way_fails(fault: &Fault, limit: Duration, is_expected: impl Fn(&ProviderErrorKind, Retry) -> bool) {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server) {
        server.then_fault(fault.clone());
        let error = ask(&provider, limit).await.expect_err(&way);
        assert_eq!(error.provider, "main");
        assert!(is_expected(&error.kind, error.retry), "{way}: {fault:?} gave {error:?}");
        assert!(!format!("{error} {error:?}").contains(KEY));
    }
}

#[tokio::test]
async fn a_text_comes_back_the_same_streamed_and_whole() {
    let server = FakeProvider::start().await;
    let text = "Your order #W1234567 is on its way – “delivered” by Friday. 包裹 🚚 and some more words to stream.";
    for (way, provider) in all_ways(&server) {
        server.then_text(text);
        let reply = ask(&provider, LONG).await.unwrap();
        assert_eq!((reply.text.as_str(), &reply.calls, &reply.finish), (text, &Vec::new(), &Finish::Stop), "{way}");
        assert_eq!(reply.usage, Reply::USAGE, "{way}");
        assert_eq!(reply.model, "small");
        assert!(reply.response_id.is_some());
    }
}

#[tokio::test]
async fn tool_calls_come_back_the_same_streamed_and_whole_and_their_results_are_taken() {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server) {
        let arguments =
            json!({"order_id": "#W1234567", "note": "a \"quoted\" note that is long enough to stream", "n": 7});
        server.then_calls(&[("get_order", arguments.clone()), ("get_order", json!({}))]);
        let reply = ask(&provider, LONG).await.unwrap();
        assert_eq!(reply.finish, Finish::ToolCalls, "{way}");
        let calls: Vec<(&str, &Value)> = reply.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
        assert_eq!(calls, [("get_order", &arguments), ("get_order", &json!({}))], "{way}");

        // The server refuses a conversation whose calls and results do not match.
        let mut next = request();
        let results = reply.calls.iter().map(|call| Message::Tool {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: r#"{"status":"sent"}"#.to_owned(),
        });
        let results: Vec<Message> = results.collect();
        next.messages.push(Message::Assistant { text: String::new(), calls: reply.calls.clone() });
        next.messages.extend(results);
        next.messages.push(Message::User("Now answer.".to_owned()));
        server.then_json(&json!({"answer": "sent"}));
        let reply = provider.chat(&next, Instant::now() + LONG).await.unwrap();
        assert_eq!(reply.text, r#"{"answer":"sent"}"#, "{way}");
    }
}

#[tokio::test]
async fn a_conversation_that_began_elsewhere_goes_on_with_any_provider() {
    let server = FakeProvider::start().await;
    let call = |id: &str, arguments: Value| ToolCall { id: id.to_owned(), name: "get_order".to_owned(), arguments };
    let result =
        |id: &str| Message::Tool { call_id: id.to_owned(), name: "get_order".to_owned(), content: "{}".to_owned() };
    for (way, provider) in all_ways(&server) {
        let mut conversation = request();
        for _ in 0..2 {
            // The same odd id twice, and arguments that never were JSON.
            let calls = vec![call("embedded/1 ü", json!("{\"order_id\": "))];
            conversation.messages.push(Message::Assistant { text: String::new(), calls });
            conversation.messages.push(result("embedded/1 ü"));
        }
        conversation.messages.push(result("nobody asked"));
        server.then_text("fine");
        let reply = provider.chat(&conversation, Instant::now() + LONG).await;
        assert_eq!(reply.unwrap().text, "fine", "{way}");
    }
}

#[tokio::test]
async fn refusals_and_cut_answers_say_so() {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server) {
        for finish in [Finish::ContentFilter, Finish::Length] {
            server.then(Reply::text("I can't help with that").with_finish(finish.clone()));
            let reply = ask(&provider, LONG).await.unwrap();
            assert_eq!((reply.text.as_str(), reply.finish), ("I can't help with that", finish), "{way}");
        }
    }
}

#[tokio::test]
async fn a_server_that_counts_nothing_is_not_free() {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server) {
        server.then(Reply::text("12345678").with_usage(None));
        let usage = ask(&provider, LONG).await.unwrap().usage;
        assert_eq!(usage.output_tokens, 2, "{way}");
        assert!(usage.input_tokens > 20 && usage.input_tokens < 100, "{way}: {usage:?}");
        server.then(Reply::text("x").with_usage(Some(Usage { input_tokens: 9, cached_tokens: 0, ..Reply::USAGE })));
        assert_eq!(ask(&provider, LONG).await.unwrap().usage.input_tokens, 9, "{way}");
    }
}

#[tokio::test]
async fn the_key_travels_in_the_header_of_its_protocol_and_nowhere_else() {
    let server = FakeProvider::start().await;
    for (_, provider) in all_ways(&server) {
        server.then_text("hello");
        ask(&provider, LONG).await.unwrap();
    }
    for request in server.requests() {
        let header = if request.path == "/v1/messages" { "x-api-key" } else { "authorization" };
        assert!(request.headers[header].to_str().unwrap().ends_with(KEY), "{}", request.path);
        assert!(!request.body.to_string().contains(KEY));
        assert_eq!(request.headers.values().filter(|value| value.to_str().unwrap().contains(KEY)).count(), 1);
    }
    assert_eq!(server.request_count(), 6);
}

#[tokio::test]
async fn each_error_status_has_its_kind_and_says_whether_to_ask_again() {
    for status in [401, 403] {
        every_way_fails(&Fault::status(status), LONG, |kind, retry| {
            matches!(kind, ProviderErrorKind::Unauthorized(seen) if *seen == status) && retry == Retry::No
        })
        .await;
    }
    for (status, expected) in [
        (400, Retry::No),
        (404, Retry::No),
        (302, Retry::No),
        (408, Retry::Backoff),
        (500, Retry::Backoff),
        (529, Retry::Backoff),
    ] {
        every_way_fails(&Fault::status(status), LONG, |kind, retry| {
            let quoted = format!("scripted status {status}");
            matches!(kind, ProviderErrorKind::Status { status: seen, message } if *seen == status && *message == quoted)
                && retry == expected
        })
        .await;
    }
    every_way_fails(&Fault::status(429), LONG, |kind, retry| {
        matches!(kind, ProviderErrorKind::RateLimited) && retry == Retry::Backoff
    })
    .await;
}

#[tokio::test]
async fn a_server_that_names_a_time_is_asked_again_after_it() {
    every_way_fails(&Fault::retry_after(429, "7"), LONG, |kind, retry| {
        matches!(kind, ProviderErrorKind::RateLimited) && retry == Retry::After(Duration::from_secs(7))
    })
    .await;
    every_way_fails(&Fault::retry_after(503, "2"), LONG, |kind, retry| {
        matches!(kind, ProviderErrorKind::Status { status: 503, .. }) && retry == Retry::After(Duration::from_secs(2))
    })
    .await;
    every_way_fails(&Fault::retry_after(400, "2"), LONG, |kind, retry| {
        matches!(kind, ProviderErrorKind::Status { status: 400, .. }) && retry == Retry::No
    })
    .await;
}

#[tokio::test]
async fn a_success_that_is_no_reply_is_a_protocol_error() {
    let deep = "[".repeat(100_000);
    for (content_type, body) in [
        ("application/json", "rubbish"),
        ("application/json", ""),
        ("application/json", "{}"),
        ("application/json", "[]"),
        ("application/json", r#"{"choices": []}"#),
        ("application/json", r#"{"choices": [{}], "content": 7}"#),
        ("application/json", r#"{"choices": "many", "content": [{"text": "no type"}]}"#),
        ("text/html", "<html>maintenance</html>"),
        ("text/event-stream", "data: rubbish\n\n"),
        ("text/event-stream", "data: \u{7}[]\n\n"),
        ("application/json", &deep),
        ("text/event-stream", &format!("data: {deep}\n\n")),
    ] {
        every_way_fails(&Fault::rubbish(content_type, body), LONG, |kind, retry| {
            matches!(kind, ProviderErrorKind::Protocol(_)) && retry == Retry::Backoff
        })
        .await;
    }
}

#[tokio::test]
async fn an_error_object_inside_a_success_is_read_as_the_error_that_it_is() {
    let body = r#"{"type": "error", "error": {"type": "overloaded_error", "message": "try later"}}"#;
    for (content_type, body) in
        [("application/json", body.to_owned()), ("text/event-stream", format!("event: error\ndata: {body}\n\n"))]
    {
        every_way_fails(&Fault::rubbish(content_type, &body), LONG, |kind, retry| {
            matches!(kind, ProviderErrorKind::Status { status: 529, message } if message == "try later")
                && retry == Retry::Backoff
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_that_is_cut_anywhere_is_never_taken_for_a_whole_reply() {
    let server = FakeProvider::start().await;
    let replies = [
        Reply::text("The refund was issued. Only kidding: it was not."),
        Reply::calls(&[("get_order", json!({"order_id": "#W1234567"}))]),
    ];
    for (way, provider) in all_ways(&server) {
        for reply in &replies {
            // Whole bodies come in four pieces; of a stream everything but its last event.
            let pieces = if way.ends_with("true") { 5 } else { 4 };
            for count in 0..pieces {
                server.then_fault(Fault::Cut(reply.clone(), count));
                let error = ask(&provider, LONG).await.expect_err(&way);
                let is_cut = matches!(error.kind, ProviderErrorKind::Cut);
                assert!(is_cut && error.retry == Retry::Backoff, "{way} after {count}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_cleanly_but_without_its_marker_is_cut_unless_a_lenient_server_gave_a_reason() {
    let server = FakeProvider::start().await;
    let part = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for (kind, body, expected) in [
        ("openai", format!("{part}{end}"), None),
        ("openai", format!("{part}{end}data: [DONE]"), Some("hello")),
        ("compatible", part.to_owned(), None),
        ("compatible", format!("{part}{end}"), Some("hello")),
        ("compatible", String::new(), None),
        ("anthropic", String::new(), None),
    ] {
        server.then_fault(Fault::rubbish("text/event-stream", &body));
        let provider = build(kind, settings(server.base_url())).unwrap();
        match (ask(&provider, LONG).await, expected) {
            (Ok(reply), Some(text)) => assert_eq!(reply.text, text, "{kind} {body}"),
            (Err(error), None) => assert!(matches!(error.kind, ProviderErrorKind::Cut), "{kind} {body}: {error:?}"),
            (result, _) => panic!("{kind} {body}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let limit = Duration::from_millis(120);
    for fault in [Fault::Silence, Fault::Stall(Reply::text("hello"), 0)] {
        every_way_fails(&fault, limit, |kind, retry| {
            matches!(kind, ProviderErrorKind::TimedOut(after) if *after > limit / 2) && retry == Retry::Backoff
        })
        .await;
    }
}

#[tokio::test]
async fn a_stream_that_goes_quiet_is_given_up_long_before_the_deadline() {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server).into_iter().filter(|(way, _)| way.ends_with("true")) {
        server.then_fault(Fault::Stall(Reply::text("hello"), 2));
        let error = ask(&provider, LONG).await.expect_err(&way);
        assert!(matches!(error.kind, ProviderErrorKind::TimedOut(after) if after == IDLE), "{way}: {error:?}");
    }
}

#[tokio::test]
async fn a_slow_drip_is_read_to_its_end_or_to_the_deadline() {
    let server = FakeProvider::start().await;
    for (way, provider) in all_ways(&server) {
        server.then_fault(Fault::Drip(Reply::text("slow but whole"), Duration::from_millis(5)));
        assert_eq!(ask(&provider, LONG).await.unwrap().text, "slow but whole", "{way}");
        server.then_fault(Fault::Drip(Reply::text("too slow"), Duration::from_millis(60)));
        let error = ask(&provider, Duration::from_millis(100)).await.expect_err(&way);
        assert!(matches!(error.kind, ProviderErrorKind::TimedOut(_)), "{way}: {error:?}");
    }
}

#[tokio::test]
async fn a_huge_body_is_cut_off_and_not_asked_for_again() {
    every_way_fails(&Fault::Huge(9 * 1024 * 1024), LONG, |kind, retry| {
        matches!(kind, ProviderErrorKind::Protocol(reason) if reason.contains("8388608")) && retry == Retry::No
    })
    .await;
}

#[tokio::test]
async fn an_event_without_end_is_cut_off() {
    let line = format!("data: {}", "x".repeat(2 * 1024 * 1024));
    every_way_fails(
        &Fault::rubbish("text/event-stream", &line),
        LONG,
        |kind, _| matches!(kind, ProviderErrorKind::Protocol(reason) if reason.contains("1048576")),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let hangs_up = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 16];
        let _ = stream.read(&mut seen).await;
    };
    let provider = build("openai", settings(base_url)).unwrap();
    let (reply, ()) = tokio::join!(ask(&provider, LONG), hangs_up);
    let error = reply.unwrap_err();
    assert!(matches!(error.kind, ProviderErrorKind::Unreachable(_)) && error.retry == Retry::Backoff, "{error:?}");

    drop(listener);
    let error = ask(&provider, LONG).await.unwrap_err();
    assert!(matches!(error.kind, ProviderErrorKind::Unreachable(_)) && error.retry == Retry::Backoff, "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_keep_alive_and_closes_after_every_stream_does_not_lose_the_next_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let provider = build("compatible", settings(base_url)).unwrap();
    let events =
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nkeep-alive: timeout=5\r\ncontent-length:";
    let serves_two = async {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let read = stream.read_buf(&mut seen).await.unwrap();
                assert!(read > 0, "the request is cut");
            }
            stream.write_all(format!("{head} {}\r\n\r\n{events}", events.len()).as_bytes()).await.unwrap();
        }
    };
    let asks_twice = async {
        for _ in 0..2 {
            assert_eq!(ask(&provider, LONG).await.unwrap().text, "hi");
        }
    };
    tokio::join!(asks_twice, serves_two);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_for_good() {
    let server = FakeProvider::start().await;
    let base_url = server.base_url().replace("http://127.0.0.1", "https://localhost");
    let provider = build("compatible", Settings { allow_private: false, ..settings(base_url) }).unwrap();
    let error = ask(&provider, LONG).await.unwrap_err();
    assert!(matches!(error.kind, ProviderErrorKind::Unreachable(_)) && error.retry == Retry::No, "{error:?}");
    assert_eq!(server.request_count(), 0);
}

#[tokio::test]
async fn lenient_reading_of_servers_that_imitate() {
    let server = FakeProvider::start().await;
    let whole = json!({"choices": [{"message": {"content": null, "tool_calls": [
        {"function": {"name": "get_order", "arguments": {"order_id": "7"}}},
        {"id": "", "function": {"name": "get_order", "arguments": ""}},
    ]}, "finish_reason": "stop"}]});
    let chunk = |calls: Value| format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": calls}}]}));
    let streamed = [
        chunk(json!([{"index": 0, "function": {"name": "get_order", "arguments": {"order_id": "7"}}}])),
        chunk(json!([{"function": {"name": "get_order"}}])),
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"eos\"}]}\n\ndata: [DONE]\n\n".to_owned(),
    ];
    for fault in [
        Fault::rubbish("application/json", &whole.to_string()),
        Fault::rubbish("text/event-stream", &streamed.concat()),
    ] {
        server.then_fault(fault);
        let provider = build("compatible", settings(server.base_url())).unwrap();
        let reply = ask(&provider, LONG).await.unwrap();
        assert_eq!(provider.name(), "main");
        assert_eq!(reply.finish, Finish::ToolCalls);
        let call = |id: &str, arguments: Value| ToolCall { id: id.to_owned(), name: "get_order".to_owned(), arguments };
        assert_eq!(reply.calls, [call("call_1", json!({"order_id": "7"})), call("call_2", json!({}))]);
        assert!(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
        assert_eq!(reply.model, "small");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_when_they_are_read() {
    type Expectation = fn(&SettingsError) -> bool;
    let base = |url: &str| Settings { base_url: Some(url.to_owned()), ..Settings::new("main") };
    let key = |key: &str| Settings { api_key: Some(Secret::new(key)), ..Settings::new("main") };
    let cases: Vec<(&str, Settings, Expectation)> = vec![
        ("openai", Settings::new("main"), |error| matches!(error, SettingsError::NoKey)),
        ("anthropic", key(" "), |error| matches!(error, SettingsError::UnusableKey)),
        ("openai", key("two\nlines"), |error| matches!(error, SettingsError::UnusableKey)),
        ("compatible", Settings::new("main"), |error| matches!(error, SettingsError::NoBaseUrl)),
        ("compatible", base("not a url"), |error| matches!(error, SettingsError::BaseUrl(_))),
        ("compatible", base("https://me@api.example.com/v1"), |error| matches!(error, SettingsError::BaseUrl(_))),
        ("compatible", base("https://10.0.0.7/v1"), |error| matches!(error, SettingsError::BaseUrl(_))),
        ("compatible", base("http://api.example.com/v1"), |error| matches!(error, SettingsError::ClearText)),
        ("compatible", base("https://api.example.com/v1?key=7"), |error| {
            matches!(error, SettingsError::NoPlainBaseUrl)
        }),
    ];
    for (kind, settings, is_expected) in cases {
        let error = build(kind, settings.clone()).err().unwrap_or_else(|| panic!("{kind} took {settings:?}"));
        assert!(is_expected(&error), "{kind} {settings:?}: {error:?}");
    }
    assert_eq!(build("openai", key(KEY)).unwrap().name(), "openai");
    assert_eq!(build("anthropic", key(KEY)).unwrap().name(), "anthropic");
    assert_eq!(build("compatible", base("https://api.example.com/v1/")).unwrap().name(), "main");
}
