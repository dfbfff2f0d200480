//! TLS: served with the given certificate, renewed without a restart, and refused with words that name the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Client, Server};
use mainstay_server::listen::{ListenSettings, Tls, TlsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listen/certificates").join(name)
}

fn identity(name: &str) -> Tls {
    Tls::from_files(&file(&format!("{name}.pem")), &file(&format!("{name}.key.pem"))).unwrap()
}

async fn start(tls: &Tls, settings: ListenSettings) -> Server {
    Server::start(ListenSettings { tls: Some(tls.clone()), ..settings }).await
}

/// Connects and trusts this certificate alone.
async fn connect(server: &Server, trusted: &str) -> std::io::Result<Client<TlsStream<tokio::net::TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file(&format!("{trusted}.pem"))).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let tcp = server.connect().await.0;
    Ok(Client(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?))
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_http_1_1_is_agreed_on() {
    let server = start(&identity("localhost"), ListenSettings::default()).await;
    let mut client = connect(&server, "localhost").await.unwrap();
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    for _ in 0..3 {
        assert!(client.get("/hello").await.ends_with("hello"));
    }
    client.send("GET /large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    client.0.read_to_end(&mut answer).await.expect("an end that TLS vouches for");
    assert!(answer.len() > 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_stranger_is_not_trusted_and_plain_text_is_not_answered() {
    let server = start(&identity("localhost"), ListenSettings::default()).await;
    assert!(connect(&server, "renewed").await.is_err());
    let mut plain = server.connect().await;
    plain.send("GET /hello HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.0.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(server.counts.read().handshakes_failed, 2);
    assert!(connect(&server, "localhost").await.unwrap().get("/hello").await.ends_with("hello"));
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_cut() {
    let handshake = Duration::from_millis(200);
    let server = start(&identity("localhost"), ListenSettings { handshake, ..ListenSettings::default() }).await;
    let mut silent = server.connect().await;
    assert_eq!(silent.rest().await, "");
    assert_eq!(server.counts.read().too_slow, 1);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_a_bad_one_changes_nothing() {
    let tls = identity("localhost");
    let server = start(&tls, ListenSettings::default()).await;
    let mut old = connect(&server, "localhost").await.unwrap();
    assert!(tls.replace(&file("renewed.pem"), &file("localhost.key.pem")).is_err());
    assert!(connect(&server, "renewed").await.is_err());
    tls.replace(&file("renewed.pem"), &file("renewed.key.pem")).unwrap();
    assert!(connect(&server, "renewed").await.unwrap().get("/hello").await.ends_with("hello"));
    assert!(old.get("/hello").await.ends_with("hello"));
}

#[test]
fn what_cannot_be_used_is_named_with_its_file_and_never_with_its_content() {
    let (chain, key) = (file("localhost.pem"), file("localhost.key.pem"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let secret = std::fs::read_to_string(&key).unwrap();
    let line = secret.lines().nth(1).unwrap();
    let mangled = write("mangled.pem", &secret.replace(line, &format!("{line}?")));
    let not_a_key = write("not-a-key.pem", "-----BEGIN PRIVATE KEY-----\nMEECAQAw\n-----END PRIVATE KEY-----\n");
    let empty = write("empty.pem", "");
    let huge = write("huge.pem", &" ".repeat(2 * 1024 * 1024));
    let missing = folder.path().join("missing.pem");

    let problem = |chain: &Path, key: &Path| Tls::from_files(chain, key).unwrap_err();
    let cases = [
        (problem(&missing, &key), "missing.pem"),
        (problem(&empty, &key), "empty.pem"),
        (problem(&key, &key), "localhost.key.pem"),
        (problem(&chain, &chain), "localhost.pem"),
        (problem(&chain, &mangled), "mangled.pem"),
        (problem(&chain, &not_a_key), "not-a-key.pem"),
        (problem(&chain, &huge), "huge.pem"),
        (problem(&chain, &file("renewed.key.pem")), "renewed.key.pem"),
    ];
    for (error, name) in &cases {
        let words = format!("{error} {error:?}");
        assert!(words.contains(name), "{words}");
        assert!(!words.contains(&line[..16]), "{words}");
    }
    assert!(matches!(cases[2].0, TlsError::Missing { .. }), "{:?}", cases[2].0);
    assert!(matches!(cases[4].0, TlsError::NotPem { .. }), "{:?}", cases[4].0);
    assert!(matches!(cases[7].0, TlsError::OtherKey { .. }), "{:?}", cases[7].0);
    assert_eq!(format!("{:?}", identity("localhost")), "Tls");
}
