//! What a destination is sent: path, headers and body of each dialect and transport, and what its answers lead to.

use std::time::Duration;

use crate::receiver::{self, Journal, Receiver, Say, Seen, export, run, runs, settings, start, to};
use axum::http::Version;
use mainstay_egress::Secret;
use mainstay_telemetry::otlp::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use mainstay_telemetry::{Credentials, DestinationError, Dialect, DropReason, ExporterSettings, StartError, Transport};
use serde_json::json;

async fn one_request(make: impl FnOnce(ExporterSettings) -> ExporterSettings) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::taking().await;
    let counters = export(folder.path(), vec![make(to("there", &receiver))], &runs(0..3)).await;
    assert_eq!((counters[0].exported_runs, counters[0].exported_spans), (3, 3));
    assert_eq!(receiver.runs(), runs(0..3));
    receiver.seen().remove(0)
}

#[tokio::test]
async fn a_collector_gets_protobuf_at_the_usual_path_with_the_headers_that_were_set_up() {
    let seen = one_request(|settings| ExporterSettings {
        headers: vec![("X-Scope".to_owned(), Secret::new("team-1"))],
        ..settings
    })
    .await;
    assert_eq!((seen.version, seen.path.as_str()), (Version::HTTP_11, "/v1/traces"));
    assert_eq!(seen.header("content-type"), "application/x-protobuf");
    assert_eq!(seen.header("x-scope"), "team-1");
    assert_eq!(seen.header("authorization"), "");
    assert!(seen.header("user-agent").starts_with("mainstay/"));
    assert_eq!(seen.resource()["service.name"], "mainstay");
}

#[tokio::test]
async fn langfuse_gets_both_keys_and_the_version_that_makes_it_fast() {
    let seen = one_request(|settings| ExporterSettings {
        dialect: Dialect::Langfuse,
        credentials: Credentials::Basic { user: "pk-lf-1".to_owned(), password: Secret::new("sk-lf-2") },
        ..settings
    })
    .await;
    assert_eq!(seen.path, "/api/public/otel/v1/traces");
    assert_eq!(seen.header("authorization"), "Basic cGstbGYtMTpzay1sZi0y");
    assert_eq!(seen.header("x-langfuse-ingestion-version"), "4");
}

#[tokio::test]
async fn langsmith_gets_its_key_and_the_project() {
    let seen = one_request(|settings| ExporterSettings {
        dialect: Dialect::LangSmith,
        credentials: Credentials::ApiKey(Secret::new("lsv2-1")),
        project: Some("shop".to_owned()),
        ..settings
    })
    .await;
    assert_eq!(seen.path, "/otel/v1/traces");
    assert_eq!((seen.header("x-api-key"), seen.header("langsmith-project")), ("lsv2-1", "shop"));
}

#[tokio::test]
async fn phoenix_gets_its_project_in_a_header_over_http() {
    let seen = one_request(|settings| ExporterSettings {
        dialect: Dialect::OpenInference,
        credentials: Credentials::Bearer(Secret::new("px-1")),
        project: Some("shop".to_owned()),
        ..settings
    })
    .await;
    assert_eq!(seen.path, "/v1/traces");
    assert_eq!((seen.header("authorization"), seen.header("x-project-name")), ("Bearer px-1", "shop"));
    assert_eq!(seen.resource()["openinference.project.name"], "shop");
}

/// Takes everything, over gRPC.
async fn taking_grpc() -> Receiver {
    Receiver::start(|_, _| Say::Grpc(0, "", Some(ExportTraceServiceResponse::default()))).await
}

fn over_grpc(receiver: &Receiver) -> ExporterSettings {
    ExporterSettings { transport: Transport::Grpc, ..to("there", receiver) }
}

#[tokio::test]
async fn a_call_over_grpc_has_its_frame_its_deadline_and_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = taking_grpc().await;
    let settings = ExporterSettings {
        dialect: Dialect::OpenInference,
        credentials: Credentials::Bearer(Secret::new("px-1")),
        project: Some("shop".to_owned()),
        timeout: Duration::from_secs(7),
        ..over_grpc(&receiver)
    };
    let counters = export(folder.path(), vec![settings], &runs(0..3)).await;
    assert_eq!((counters[0].exported_runs, counters[0].last_error.clone()), (3, None));
    assert_eq!(receiver.runs(), runs(0..3));
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.version, Version::HTTP_2);
    assert_eq!(seen.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!((seen.header("te"), seen.header("grpc-timeout")), ("trailers", "7000m"));
    assert_eq!((seen.header("authorization"), seen.header("x-project-name")), ("Bearer px-1", ""));
    assert_eq!(seen.resource()["openinference.project.name"], "shop");
}

#[tokio::test]
async fn a_destination_that_is_unavailable_over_grpc_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|before, _| match before {
        0 => Say::Grpc(14, "not now", None),
        _ => Say::Grpc(0, "", Some(ExportTraceServiceResponse::default())),
    })
    .await;
    let exporters = start(settings(folder.path(), vec![over_grpc(&receiver)]), Journal::open()).unwrap();
    exporters.offer(run(1));
    receiver.requests(2).await;
    exporters.close(receiver::LONG).await;
    let counters = exporters.counters().remove(0);
    assert_eq!((counters.exported_runs, counters.dropped(DropReason::Rejected)), (1, 0));
    assert_eq!(receiver.runs(), [run(1), run(1)]);
}

#[tokio::test]
async fn what_is_invalid_over_grpc_is_rejected_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, _| Say::Grpc(3, "bad span", None)).await;
    let counters = export(folder.path(), vec![over_grpc(&receiver)], &runs(0..3)).await;
    assert_eq!((counters[0].dropped(DropReason::Rejected), counters[0].spooled_bytes), (3, 0));
    assert_eq!(counters[0].last_error.as_deref(), Some("it answered gRPC status 3: bad span"));
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_destination_that_wants_a_part_only_gets_it_once_and_the_rest_is_counted() {
    let partial = || ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() };
    let folder = tempfile::tempdir().unwrap();
    let answer = move |_: usize, seen: &Seen| match seen.version {
        Version::HTTP_2 => Say::Grpc(0, "", Some(ExportTraceServiceResponse { partial_success: Some(partial()) })),
        _ => {
            let json = json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}});
            Say::Http(200, vec![("content-type", "application/json".to_owned())], json.to_string())
        }
    };
    let receiver = Receiver::start(answer).await;
    let both = vec![ExporterSettings { name: "grpc".to_owned(), ..over_grpc(&receiver) }, to("http", &receiver)];
    for counters in export(folder.path(), both, &runs(0..3)).await {
        assert_eq!((counters.exported_runs, counters.exported_spans, counters.rejected_spans), (3, 1, 2));
        assert_eq!(counters.last_error.as_deref(), Some("it refused 2 spans: too old"));
    }
    assert_eq!(receiver.seen().len(), 2);
}

/// Gives tokens `token-1`, `token-2` …, and takes what comes with one that `takes` likes.
async fn agentops(takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Receiver {
    let given = std::sync::atomic::AtomicUsize::new(0);
    Receiver::start(move |_, seen| {
        if seen.path == "/v3/auth/token" {
            let number = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            let body = json!({"token": format!("token-{number}"), "project_id": "project-9"});
            return Say::Http(200, vec![("content-type", "application/json".to_owned())], body.to_string());
        }
        Say::status(if takes(seen.header("authorization")) { 200 } else { 401 })
    })
    .await
}

fn to_agentops(receiver: &Receiver) -> ExporterSettings {
    let url = format!("{}/v3/auth/token", receiver.url());
    ExporterSettings {
        dialect: Dialect::AgentOps,
        credentials: Credentials::TokenExchange { url, api_key: Secret::new("ao-key-1") },
        ..to("there", receiver)
    }
}

fn paths(receiver: &Receiver) -> Vec<String> {
    receiver.seen().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test]
async fn agentops_gives_a_token_for_the_key_once_and_gets_its_project_in_the_resource() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = agentops(|bearer| bearer == "Bearer token-1").await;
    let exporters = start(settings(folder.path(), vec![to_agentops(&receiver)]), Journal::open()).unwrap();
    exporters.offer(run(1));
    receiver.requests(2).await;
    exporters.offer(run(2));
    exporters.close(receiver::LONG).await;
    assert_eq!(exporters.counters()[0].exported_runs, 2);
    assert_eq!(paths(&receiver), ["/v3/auth/token", "/v1/traces", "/v1/traces"]);
    let seen = receiver.seen();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&seen[0].body).unwrap(), json!({"api_key": "ao-key-1"}));
    assert_eq!((seen[0].header("content-type"), seen[0].header("authorization")), ("application/json", ""));
    assert_eq!((seen[1].runs(), seen[2].runs()), (vec![run(1)], vec![run(2)]));
    for seen in &seen[1..] {
        assert_eq!(seen.resource()["agentops.project.id"], "project-9");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_exchanged_once_more_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = agentops(|bearer| bearer == "Bearer token-2").await;
    let counters = export(folder.path(), vec![to_agentops(&receiver)], &runs(0..3)).await;
    assert_eq!((counters[0].exported_runs, counters[0].dropped(DropReason::Rejected)), (3, 0));
    assert_eq!(paths(&receiver), ["/v3/auth/token", "/v1/traces", "/v3/auth/token", "/v1/traces"]);
}

#[tokio::test]
async fn runs_wait_on_disk_for_a_destination_that_takes_no_token_and_the_next_process_has_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = agentops(|bearer| bearer == "Bearer token-3").await;
    let closed = export(folder.path(), vec![to_agentops(&receiver)], &runs(0..3)).await;
    assert_eq!((closed[0].exported_runs, closed[0].dropped(DropReason::Rejected)), (0, 0));
    assert!(closed[0].spooled_bytes > 0);
    let next = export(folder.path(), vec![to_agentops(&receiver)], &[]).await;
    assert_eq!((next[0].exported_runs, next[0].spooled_bytes), (3, 0));
    assert_eq!(receiver.seen().last().unwrap().resource()["agentops.project.id"], "project-9");
}

#[tokio::test]
async fn each_destination_gets_its_own_part_of_the_runs_and_a_run_is_read_once_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let (all, some, none) = (Receiver::taking().await, Receiver::taking().await, Receiver::taking().await);
    let part = |sample, name: &str, receiver: &Receiver| ExporterSettings { sample, ..to(name, receiver) };
    let exporters = vec![part(1.0, "all", &all), part(0.25, "some", &some), part(0.0, "none", &none)];
    let journal = Journal::open();
    let exporters = start(settings(folder.path(), exporters), journal.clone()).unwrap();
    runs(0..400).into_iter().for_each(|run| exporters.offer(run));
    exporters.close(receiver::LONG).await;
    assert_eq!((all.runs().len(), journal.reads()), (400, 400));
    assert!((60..140).contains(&some.runs().len()), "{}", some.runs().len());
    assert_eq!(none.seen().len(), 0);
}

#[tokio::test]
async fn a_run_that_is_not_there_is_counted_and_the_others_go_out() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::taking().await;
    let mut journal = std::sync::Arc::into_inner(Journal::open()).unwrap();
    journal.missing = Some(run(1));
    let exporters = start(settings(folder.path(), vec![to("there", &receiver)]), journal.into()).unwrap();
    runs(0..3).into_iter().for_each(|run| exporters.offer(run));
    exporters.close(receiver::LONG).await;
    assert_eq!(receiver.runs(), [run(0), run(2)]);
    assert_eq!(exporters.counters()[0].dropped(DropReason::Unreadable), 1);
}

#[tokio::test]
async fn an_address_inside_is_not_called_unless_the_settings_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::taking().await;
    let careful = ExporterSettings { allow_private: false, ..to("there", &receiver) };
    let error = start(settings(folder.path(), vec![careful]), Journal::open()).unwrap_err();
    assert!(matches!(error, StartError::Destination { source: DestinationError::Address(_), .. }), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let refused =
        |exporters: Vec<ExporterSettings>| start(settings(folder.path(), exporters), Journal::open()).unwrap_err();
    let new = |endpoint: &str| ExporterSettings::new("there", Dialect::Otel, endpoint);
    let fine = new("https://otlp.example.com");

    for name in ["", "A", "a b", "../a", "a.2", &"a".repeat(65)] {
        let error = refused(vec![ExporterSettings { name: name.to_owned(), ..fine.clone() }]);
        assert!(matches!(error, StartError::Name(_)), "{name}: {error}");
    }
    assert!(matches!(refused(vec![fine.clone(), fine.clone()]), StartError::SameName(_)));
    for sample in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(refused(vec![ExporterSettings { sample, ..fine.clone() }]), StartError::Sample(_)));
    }
    let why = |settings| match refused(vec![settings]) {
        StartError::Destination { source, .. } => source,
        other => panic!("{other}"),
    };
    for endpoint in ["", "otlp.example.com", "ftp://otlp.example.com", "https://u:p@otlp.example.com"] {
        assert!(matches!(why(new(endpoint)), DestinationError::Address(_)), "{endpoint}");
    }
    let grpc = |settings| ExporterSettings { transport: Transport::Grpc, ..settings };
    assert!(matches!(why(grpc(new("https://otlp.example.com/v1/traces"))), DestinationError::Path));
    let langfuse = ExporterSettings { dialect: Dialect::Langfuse, ..fine.clone() };
    assert!(matches!(why(grpc(langfuse)), DestinationError::NoGrpc));
    let split = ExporterSettings { credentials: Credentials::Bearer(Secret::new("a\r\nb")), ..fine.clone() };
    assert!(matches!(why(split), DestinationError::Header(name) if name == "authorization"));
    let odd = ExporterSettings { headers: vec![("a b".to_owned(), Secret::new("x"))], ..fine };
    assert!(matches!(why(odd), DestinationError::Header(name) if name == "a b"));
}
