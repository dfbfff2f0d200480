//! No secret leaves by the back door: errors, logs, counters and what prints itself.

use std::io;
use std::sync::{Arc, Mutex};

use mainstay_egress::Secret;
use mainstay_telemetry::{Content, Credentials, Dialect, ExporterSettings, Transport};
use tracing_subscriber::fmt::MakeWriter;

use crate::receiver::{Journal, LONG, Receiver, Say, run, settings, start, to};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

const SECRETS: [&str; 7] = [
    "sk-bearer-1",
    "sk-key-2",
    "sk-password-3",
    "cGs6c2stcGFzc3dvcmQtMw==",
    "sk-header-4",
    "sk-exchange-5",
    "sk-token-6",
];

/// Refuses everything and quotes every secret that it was told.
async fn leaky() -> Receiver {
    Receiver::start(|_, seen| {
        if seen.path.ends_with("/token") {
            return Say::Http(200, Vec::new(), r#"{"token": "sk-token-6", "project_id": "p"}"#.to_owned());
        }
        if seen.header("content-type") == "application/grpc" {
            return Say::Grpc(3, "no such key: Bearer sk-bearer-1, sk-header-4", None);
        }
        let key = if seen.header("authorization").contains("token") { "sk-exchange-5" } else { "" };
        let password = if seen.header("authorization").contains("Basic") { "sk-password-3" } else { "" };
        let said = format!("no such key: {key}{password} {:?}", seen.headers);
        Say::Http(400, vec![("content-type", "text/plain".to_owned())], said)
    })
    .await
}

#[tokio::test]
async fn a_destination_that_quotes_our_secrets_does_not_get_them_into_a_log_or_a_counter() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false);
    tracing::subscriber::set_global_default(subscriber.with_max_level(tracing::Level::TRACE).finish()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let receiver = leaky().await;
    let new = |name: &str, credentials: Credentials| ExporterSettings {
        credentials,
        headers: vec![("x-more".to_owned(), Secret::new("sk-header-4"))],
        ..to(name, &receiver)
    };
    let url = format!("{}/token", receiver.url());
    let bearer = || Credentials::Bearer(Secret::new("sk-bearer-1"));
    let exchange = Credentials::TokenExchange { url, api_key: Secret::new("sk-exchange-5") };
    let settings = settings(
        folder.path(),
        vec![
            new("bearer", bearer()),
            new("key", Credentials::ApiKey(Secret::new("sk-key-2"))),
            new("basic", Credentials::Basic { user: "pk".to_owned(), password: Secret::new("sk-password-3") }),
            ExporterSettings { dialect: Dialect::AgentOps, ..new("exchange", exchange) },
            ExporterSettings { transport: Transport::Grpc, ..new("grpc", bearer()) },
            ExporterSettings { content: Content::Full, ..new("full", bearer()) },
        ],
    );
    let mut shown = vec![format!("{settings:?}")];
    let exporters = start(settings, Journal::open()).unwrap();
    exporters.offer(run(1));
    exporters.close(LONG).await;
    shown.push(format!("{exporters:?}"));

    // All of them were sent, and quoted.
    let sent = format!("{:?}", receiver.seen());
    SECRETS.iter().filter(|secret| !secret.contains("password")).for_each(|secret| assert!(sent.contains(secret)));
    let words: Vec<String> = exporters.counters().into_iter().map(|counters| counters.last_error.unwrap()).collect();
    for words in &words[..5] {
        assert!(words.contains("no such key") && words.contains("[secret]"), "{words}");
    }
    // What is quoted may be content that nobody redacted, so nothing is.
    assert_eq!(words[5], "it answered 400 Bad Request");
    shown.extend(words);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for name in ["bearer", "key", "basic", "exchange", "grpc", "full"] {
        assert!(log.contains(&format!("traces do not reach `{name}`")), "{name}");
    }
    shown.extend(log.lines().map(str::to_owned));
    for shown in shown {
        SECRETS.iter().for_each(|secret| assert!(!shown.contains(secret), "{secret}: {shown}"));
    }
}
