//! What each dialect makes of one run with an entry of every kind.
//!
//! With `MAINSTAY_BLESS=1` the recordings are written anew; read the difference before it goes anywhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod fixture;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use fixture::{DIALECTS, MASKED_EMAIL, MASKED_NUMBER, PHONE, REVIEWER, SAID, format, trace};
use mainstay_core::journal::entry::Payload;
use mainstay_telemetry::otlp::{ExportTraceServiceRequest, KeyValue, Span, SpanKind, StatusCode, Value as Otlp};
use mainstay_telemetry::{Content, Dialect, encode};
use prost::Message;
use serde_json::{Map, Value, json};

#[test]
fn every_dialect_says_the_run_as_recorded() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut different = Vec::new();
    for (dialect, name) in DIALECTS {
        let actual = format!("{:#}\n", render(&decoded(dialect, Content::Redacted)));
        let file = folder.join(name).with_extension("json");
        if is_blessing() {
            fs::write(&file, actual).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != actual {
            different.push(name);
        }
    }
    assert!(different.is_empty(), "differ from their recordings: {different:?}; MAINSTAY_BLESS=1 writes them anew");
}

#[test]
fn the_run_has_an_entry_of_every_kind() {
    let kinds: BTreeSet<&str> = fixture::entries().iter().map(|entry| entry.payload.kind()).collect();
    let rest = ["screened", "cache_lookup", "routed", "model_called", "tool_judged", "approval_asked"];
    let all = rest.into_iter().chain(["approval_decided", "effect_intended", "tool_called", "validated", "ruled"]);
    assert_eq!(kinds, all.chain(["replied"]).collect());
    assert!(
        fixture::entries()
            .iter()
            .any(|entry| matches!(&entry.payload, Payload::ModelCalled(called) if !called.failures.is_empty()))
    );
}

/// Names, or their beginnings, under which content stands in some dialect.
const CONTENT_NAMES: [&str; 26] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "input.",
    "output.",
    "llm.input_messages",
    "llm.output_messages",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "langfuse.observation.metadata.decision_reason",
    "langfuse.observation.metadata.effect_settled",
    "agentops.entity.input",
    "agentops.entity.output",
    "tool.parameters",
    "tool.result",
    "mainstay.decision.reason",
    "mainstay.input",
    "mainstay.effect.settled",
];

fn is_content(name: &str) -> bool {
    CONTENT_NAMES.iter().any(|content| name.starts_with(content))
        || (name.starts_with("retrieval.documents.") && name.ends_with(".content"))
}

#[test]
fn without_content_no_dialect_says_what_anybody_said() {
    for (dialect, name) in DIALECTS {
        let request = decoded(dialect, Content::None);
        for span in spans(&request) {
            let content = span.attributes.iter().find(|attribute| is_content(&attribute.key));
            assert_eq!(content, None, "{name}: {}", span.name);
        }
        let text = render(&request).to_string();
        let leaked: Vec<&str> = SAID.into_iter().filter(|said| text.contains(said)).collect();
        assert!(leaked.is_empty(), "{name}: {leaked:?}");
        let real: Vec<&str> = real_values().into_iter().filter(|real| text.contains(real)).collect();
        assert!(real.is_empty(), "{name}: {real:?}");
        // What happened and for how much is still told.
        assert!(text.contains("grounding") && text.contains("3702"), "{name}");
    }
}

#[test]
fn with_content_every_dialect_says_what_went_in_and_what_came_out() {
    for (dialect, name) in DIALECTS {
        for content in [Content::Redacted, Content::Full] {
            let text = render(&decoded(dialect, content)).to_string();
            let missing: Vec<&str> = SAID.into_iter().filter(|said| !text.contains(said)).collect();
            assert!(missing.is_empty(), "{name}: {missing:?}");
        }
    }
}

fn real_values() -> [&'static str; 4] {
    [MASKED_EMAIL, MASKED_NUMBER, PHONE, REVIEWER]
}

#[test]
fn redacted_content_holds_no_value_that_a_guard_masked_and_none_that_the_redactor_knows() {
    for (dialect, name) in DIALECTS {
        let bytes = encode(&[trace()], &format(dialect, Content::Redacted));
        let text = String::from_utf8_lossy(&bytes);
        let leaked: Vec<&str> = real_values().into_iter().filter(|real| text.contains(real)).collect();
        assert!(leaked.is_empty(), "{name}: {leaked:?}");
        // The approval's arguments are there, with the placeholders that the model saw.
        let shown = render(&decoded(dialect, Content::Redacted)).to_string();
        assert!(shown.contains(r#"\"notify\":\"[email_1]\""#) && shown.contains(r#"\"card\":\"[card_1]\""#), "{name}");
    }
}

#[test]
fn full_content_holds_what_people_approved() {
    for (dialect, name) in DIALECTS {
        let text = render(&decoded(dialect, Content::Full)).to_string();
        assert!(real_values().into_iter().all(|real| text.contains(real)), "{name}");
    }
}

#[test]
fn the_same_run_is_the_same_bytes_and_the_same_spans_in_every_dialect() {
    let ids = |dialect| {
        let request = decoded(dialect, Content::None);
        spans(&request).iter().map(|span| (span.trace_id.clone(), span.span_id.clone())).collect::<Vec<_>>()
    };
    for (dialect, name) in DIALECTS {
        let format = format(dialect, Content::Redacted);
        assert_eq!(encode(&[trace()], &format), encode(&[trace()], &format), "{name}");
        assert_eq!(ids(dialect), ids(Dialect::Otel), "{name}");
    }
}

#[test]
fn spans_form_one_tree_under_the_caller_s_span_and_lie_within_their_parents() {
    let request = decoded(Dialect::Otel, Content::None);
    let spans = spans(&request);
    let (root, rest) = spans.split_first().unwrap();
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7", "the caller's span");
    assert_eq!(root.flags, 0x301, "recorded, and the parent is another process's");
    for span in rest {
        let parent = spans.iter().find(|parent| parent.span_id == span.parent_span_id).unwrap();
        assert!(span.start_time_unix_nano >= parent.start_time_unix_nano, "{}", span.name);
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{}", span.name);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{}", span.name);
        assert_eq!((hex(&span.trace_id).as_str(), span.flags), ("4bf92f3577b34da6a3ce929d0e0e4736", 0x101));
    }
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len());
}

#[test]
fn no_span_says_a_thing_twice() {
    for (dialect, name) in DIALECTS {
        for span in spans(&decoded(dialect, Content::Full)) {
            let keys: BTreeSet<&str> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
            assert_eq!(keys.len(), span.attributes.len(), "{name}: {}", span.name);
        }
    }
}

#[test]
fn many_runs_travel_in_one_request_under_one_resource() {
    let format = format(Dialect::Otel, Content::Redacted);
    let bytes = encode(&[trace(), trace()], &format);
    let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(request.resource_spans.len(), 1);
    assert_eq!(spans(&request).len(), 2 * trace().spans.len());
}

fn decoded(dialect: Dialect, content: Content) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(encode(&[trace()], &format(dialect, content)).as_slice()).unwrap()
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

fn render(request: &ExportTraceServiceRequest) -> Value {
    let resource_spans = &request.resource_spans[0];
    let scope_spans = &resource_spans.scope_spans[0];
    let scope = scope_spans.scope.clone().unwrap();
    json!({
        "resource": attributes(&resource_spans.resource.clone().unwrap().attributes),
        "schema_url": scope_spans.schema_url,
        "scope": format!("{} {}", scope.name, scope.version),
        "spans": scope_spans.spans.iter().map(span).collect::<Vec<_>>(),
    })
}

fn span(span: &Span) -> Value {
    let mut shown = json!({
        "name": span.name,
        "kind": format!("{:?}", SpanKind::try_from(span.kind).unwrap()),
        "id": hex(&span.span_id),
        "parent": hex(&span.parent_span_id),
        "trace": hex(&span.trace_id),
        "start": span.start_time_unix_nano,
        "took": span.end_time_unix_nano - span.start_time_unix_nano,
        "attributes": attributes(&span.attributes),
    });
    if let Some(status) = &span.status {
        let code = StatusCode::try_from(status.code).unwrap();
        shown["status"] = json!({"code": format!("{code:?}"), "message": status.message});
    }
    if !span.events.is_empty() {
        let events =
            span.events.iter().map(|event| json!({"name": event.name, "attributes": attributes(&event.attributes)}));
        shown["events"] = events.collect();
    }
    shown
}

fn attributes(attributes: &[KeyValue]) -> Value {
    let pair = |attribute: &KeyValue| {
        (attribute.key.clone(), value(attribute.value.as_ref().unwrap().value.as_ref().unwrap()))
    };
    Value::Object(attributes.iter().map(pair).collect::<Map<_, _>>())
}

fn value(otlp: &Otlp) -> Value {
    match otlp {
        Otlp::String(text) => json!(text),
        Otlp::Bool(flag) => json!(flag),
        Otlp::Int(integer) => json!(integer),
        Otlp::Double(number) => json!(number),
        Otlp::Array(array) => array.values.iter().map(|item| value(item.value.as_ref().unwrap())).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "only this test reads the variable that rewrites its own files")]
fn is_blessing() -> bool {
    std::env::var("MAINSTAY_BLESS").is_ok_and(|value| value == "1")
}
