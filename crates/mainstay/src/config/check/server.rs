//! `[server]` checked: where it listens, and whether the certificate has its key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::super::file::server::Server;
use super::super::problem::{Finding, Kind, Log};
use super::super::server::{ServerConfig, TlsConfig};
use super::super::source::Written;

pub(super) fn check(written: Server, root: &Path, log: &Log) -> ServerConfig {
    let tls = tls(written.certificate.as_ref(), written.private_key.as_ref(), root, log);
    let mut server = ServerConfig { tls, pepper: written.pepper, ..written.limits };
    if let Some(address) = &written.listen {
        if let Some(listen) = listen(address, log) {
            server.listen = listen;
        }
        if !server.listen.ip().is_loopback() && written.certificate.is_none() {
            let message = "the server can be reached from other machines, and nothing is encrypted";
            let hint = "add `certificate` and `private_key`, or let only a proxy that encrypts reach it";
            log.warning(Finding::at(&address.place, Kind::Policy, message).hint(hint));
        }
    }
    server
}

fn listen(written: &Written<String>, log: &Log) -> Option<SocketAddr> {
    let listen = written.value.parse::<SocketAddr>().ok();
    if listen.is_none() {
        let finding = Finding::at(&written.place, Kind::Value, "`listen` is not an address and a port");
        log.problem(finding.hint("such as \"127.0.0.1:7400\", \"0.0.0.0:7400\" or \"[::1]:7400\"; no names"));
    }
    listen
}

fn tls(
    certificate: Option<&Written<String>>,
    private_key: Option<&Written<String>>,
    root: &Path,
    log: &Log,
) -> Option<TlsConfig> {
    let alone = |written: &Written<String>, here: &str, other: &str| {
        let finding = Finding::at(&written.place, Kind::Missing, format!("there is a `{here}`, but no `{other}`"));
        log.problem(finding.hint(format!("such as `{other} = \"tls/{}.pem\"`, beside this file", here_file(other))));
    };
    let file = |written: &Written<String>, key: &str| pem_file(written, key, root, log);
    match (certificate, private_key) {
        (None, None) => None,
        (Some(certificate), None) => {
            alone(certificate, "certificate", "private_key");
            file(certificate, "certificate");
            None
        }
        (None, Some(private_key)) => {
            alone(private_key, "private_key", "certificate");
            file(private_key, "private_key");
            None
        }
        (Some(certificate), Some(private_key)) => {
            let (certificate, private_key) = (file(certificate, "certificate"), file(private_key, "private_key"));
            Some(TlsConfig { certificate: certificate?, private_key: private_key? })
        }
    }
}

fn here_file(key: &str) -> &'static str {
    if key == "certificate" { "cert" } else { "key" }
}

/// The path of a PEM file; what is in it has no place here.
fn pem_file(written: &Written<String>, key: &str, root: &Path, log: &Log) -> Option<PathBuf> {
    if written.value.contains("-----BEGIN") {
        let finding = Finding::at(&written.place, Kind::Secret, format!("`{key}` holds the PEM text itself"));
        log.problem(finding.hint(format!("put it into a file: `{key} = \"tls/{}.pem\"`", here_file(key))));
        return None;
    }
    if written.value.trim().is_empty() || written.value.chars().any(char::is_control) {
        log.problem(Finding::at(&written.place, Kind::Value, format!("`{key}` must be the path of a PEM file")));
        return None;
    }
    Some(root.join(&written.value))
}
