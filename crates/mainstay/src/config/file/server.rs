//! `[server]` as written.

use std::path::Path;
use std::time::Duration;

use super::super::reader::Table;
use super::super::secret::SecretRef;
use super::super::server::ServerConfig;
use super::super::source::Written;
use super::settings::secret;

pub(crate) struct Server {
    pub(crate) listen: Option<Written<String>>,
    pub(crate) certificate: Option<Written<String>>,
    pub(crate) private_key: Option<Written<String>>,
    pub(crate) pepper: Option<SecretRef>,
    /// Those numbers and times that are written, the others as they are by default.
    pub(crate) limits: ServerConfig,
}

pub(crate) fn read(table: Option<Table<'_>>, root: &Path) -> Server {
    let mut limits = ServerConfig::default();
    let Some(table) = table else {
        return Server { listen: None, certificate: None, private_key: None, pepper: None, limits };
    };
    let number = |key, range, default: usize| {
        let written = table.integer(key, range).and_then(|written| usize::try_from(written.value).ok());
        written.unwrap_or(default)
    };
    let time = |key, range, default| table.duration(key, range).map_or(default, |written| written.value);
    let seconds = Duration::from_secs;
    limits.max_connections = number("max_connections", 1..=100_000, limits.max_connections);
    limits.at_work = number("at_work", 1..=10_000, limits.at_work);
    limits.waiting = number("waiting", 0..=100_000, limits.waiting);
    let body = table.size("max_body", 1024..=16 * 1024 * 1024);
    limits.max_body = body.and_then(|body| usize::try_from(body.value).ok()).unwrap_or(limits.max_body);
    limits.drain = time("drain", seconds(0)..=seconds(600), limits.drain);
    let short = Duration::from_millis(100);
    limits.header_timeout = time("header_timeout", short..=seconds(60), limits.header_timeout);
    limits.body_timeout = time("body_timeout", short..=seconds(600), limits.body_timeout);
    let server = Server {
        listen: table.text("listen"),
        certificate: table.text("certificate"),
        private_key: table.text("private_key"),
        pepper: secret(&table, "pepper", root),
        limits,
    };
    table.finish();
    server
}
