//! `mainstay.toml` as written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstay_core::money::{MicroUsd, Price};

use super::super::mask::is_variable_name;
use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::reader::{Document, Free, Holds, Table};
use super::super::secret::{SecretRef, Setting};
use super::super::settings::ProviderKind;
use super::super::source::{Place, Written};
use super::server::{self, Server};
use super::telemetry::{self, Telemetry};

/// The file's name.
pub(crate) const NAME: &str = "mainstay.toml";

const KEY_HINT: &str =
    "keep it out of the file: `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ command = [\"program\"] }`";

pub(crate) struct SettingsFile {
    pub(crate) store: Option<Written<Setting>>,
    /// How long a process holds a run without a sign of life.
    pub(crate) lease: Duration,
    pub(crate) providers: Vec<Provider>,
    pub(crate) models: Vec<Model>,
    pub(crate) sources: Vec<Source>,
    pub(crate) server: Server,
    pub(crate) telemetry: Telemetry,
}

pub(crate) struct Provider {
    pub(crate) name: Written<String>,
    /// `None` when the kind is missing or unclear, which is already a problem.
    pub(crate) table: Option<ProviderTable>,
}

pub(crate) struct ProviderTable {
    pub(crate) kind: ProviderKind,
    pub(crate) base_url: Option<Written<String>>,
    pub(crate) api_key: Option<SecretRef>,
    pub(crate) allow_private: bool,
    pub(crate) stream: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

pub(crate) struct Model {
    pub(crate) name: Written<String>,
    pub(crate) provider: Option<Written<String>>,
    pub(crate) model: Option<String>,
    pub(crate) price: Option<Price>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

pub(crate) struct Source {
    pub(crate) name: Written<String>,
    /// `None` when the kind is missing or broken, which is already a problem.
    pub(crate) kind: Option<SourceKind>,
}

pub(crate) enum SourceKind {
    Sqlite { path: Written<String> },
    Postgres { url: Written<Setting> },
    Http { base_url: Written<String>, allow_private: bool, headers: Vec<(Written<String>, Setting)> },
}

fn store(top: &Table<'_>, root: &Path) -> (Option<Written<Setting>>, Duration) {
    const LEASE: u64 = 30;
    let Some(table) = top.table("store") else { return (None, Duration::from_secs(LEASE)) };
    table.require("url", "such as `url = \"sqlite:mainstay.db\"`");
    let url = setting(&table, "url", root);
    let lease = duration_or(table.duration("lease", Duration::from_secs(1)..=Duration::from_secs(3600)), LEASE);
    table.finish();
    (url, lease)
}

/// Reads the file; `None` when it is no TOML.
pub(crate) fn read(text: &Arc<str>, root: &Path, log: &Log) -> Option<SettingsFile> {
    let document = Document::parse(NAME, text, Holds::Credentials, log)?;
    let top = document.root(log);
    let (store, lease) = store(&top, root);
    let file = SettingsFile {
        store,
        lease,
        providers: top.tables("providers").into_iter().map(|(name, table)| provider(name, table, root)).collect(),
        models: top.tables("models").into_iter().map(|(name, table)| model(name, table)).collect(),
        sources: top.tables("sources").into_iter().map(|(name, table)| source(name, table, root)).collect(),
        server: server::read(top.table("server"), root),
        telemetry: telemetry::read(top.table("telemetry"), root),
    };
    top.finish();
    Some(file)
}

fn provider(name: Written<String>, table: Table<'_>, root: &Path) -> Provider {
    const KINDS: [ProviderKind; 3] = [ProviderKind::OpenAi, ProviderKind::Anthropic, ProviderKind::Compatible];
    let found = KINDS.into_iter().filter_map(|kind| Some((kind, table.table(kind.as_str())?))).collect();
    let found = exactly_one(found, &table, &KINDS.map(ProviderKind::as_str), |kind| kind.as_str());
    let provider = found.map(|(kind, inner)| provider_table(kind, inner, root));
    table.finish();
    Provider { name, table: provider }
}

fn provider_table(kind: ProviderKind, inner: Table<'_>, root: &Path) -> ProviderTable {
    if kind == ProviderKind::Compatible {
        inner.require("base_url", "such as `base_url = \"http://127.0.0.1:8081/v1\"`");
    } else {
        inner.require("api_key", "such as `api_key = { env = \"PROVIDER_API_KEY\" }`");
    }
    let seconds = |from: u64, to: u64| Duration::from_millis(from)..=Duration::from_secs(to);
    let provider = ProviderTable {
        kind,
        base_url: inner.text("base_url"),
        api_key: secret(&inner, "api_key", root),
        allow_private: inner.boolean("allow_private").is_some_and(|written| written.value),
        stream: inner.boolean("stream").is_none_or(|written| written.value),
        connect_timeout: duration_or(inner.duration("connect_timeout", seconds(10, 60)), 5),
        idle_timeout: duration_or(inner.duration("idle_timeout", seconds(10, 600)), 20),
    };
    inner.finish();
    provider
}

fn model(name: Written<String>, table: Table<'_>) -> Model {
    table.require("provider", "the name of a [providers] entry, or \"embedded\"");
    let price = table.table("price").map(|table| {
        table.require("input", "dollars per million tokens, such as `input = \"0.25\"`");
        table.require("output", "dollars per million tokens, such as `output = \"2.00\"`");
        let dollars = |key| table.dollars(key).map(|written: Written<MicroUsd>| written.value);
        let input = dollars("input").unwrap_or_default();
        let price = Price {
            input,
            // A cache that is not priced is no cheaper than no cache.
            cached_input: dollars("cached_input").unwrap_or(input),
            cache_write: dollars("cache_write").unwrap_or(input),
            output: dollars("output").unwrap_or_default(),
        };
        table.finish();
        price
    });
    let timeout = table.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(600));
    let retries = table.integer("retries", 0..=10).and_then(|written| u32::try_from(written.value).ok());
    let model = Model {
        name,
        provider: table.text("provider"),
        model: table.text("model").map(|written| written.value),
        price,
        timeout: duration_or(timeout, 60),
        retries: retries.unwrap_or(2),
    };
    table.finish();
    model
}

fn source(name: Written<String>, table: Table<'_>, root: &Path) -> Source {
    const KINDS: [&str; 3] = ["sqlite", "postgres", "http"];
    let found = KINDS.into_iter().filter_map(|kind| Some((kind, table.table(kind)?))).collect();
    let kind = exactly_one(found, &table, &KINDS, |kind| kind).and_then(|(kind, inner)| {
        let kind = match kind {
            "sqlite" => {
                inner.require("path", "such as `path = \"shop.db\"`, beside this file");
                inner.text("path").map(|path| SourceKind::Sqlite { path })
            }
            "postgres" => {
                inner.require("url", "such as `url = { env = \"DATABASE_URL\" }`");
                setting(&inner, "url", root).map(|url| SourceKind::Postgres { url })
            }
            _ => {
                inner.require("base_url", "such as `base_url = \"https://api.shop.example\"`");
                let headers = inner.table("headers").map(|table| headers(table, root)).unwrap_or_default();
                let allow_private = inner.boolean("allow_private").is_some_and(|written| written.value);
                inner.text("base_url").map(|base_url| SourceKind::Http { base_url, allow_private, headers })
            }
        };
        inner.finish();
        kind
    });
    table.finish();
    Source { name, kind }
}

/// The one kind table of an entry, or a problem.
pub(crate) fn exactly_one<'d, K: Copy>(
    mut found: Vec<(K, Table<'d>)>,
    entry: &Table<'_>,
    names: &[&str],
    name: impl Fn(K) -> &'static str,
) -> Option<(K, Table<'d>)> {
    match found.len() {
        0 => {
            // A misspelt kind is reported as an unknown key.
            if !entry.has_unknown() {
                let title = entry.title();
                let tables: Vec<String> = names.iter().map(|name| title.replace(']', &format!(".{name}]"))).collect();
                let message = format!("{title} does not say what kind it is");
                entry.log().problem(
                    Finding::at(entry.place(), Kind::Missing, message)
                        .hint(format!("add one of {}", tables.join(", "))),
                );
            }
            None
        }
        1 => found.pop(),
        _ => {
            let mut kinds = found.iter();
            if let (Some((first, _)), Some((second, table))) = (kinds.next(), kinds.next()) {
                let message = format!("{} is both `{}` and `{}`", entry.title(), name(*first), name(*second));
                let finding = Finding::at(table.place(), Kind::Value, message);
                entry.log().problem(finding.hint("keep one kind; make two entries for two"));
            }
            None
        }
    }
}

pub(super) fn headers(table: Table<'_>, root: &Path) -> Vec<(Written<String>, Setting)> {
    let log = table.log();
    let mut headers = Vec::new();
    for (name, value) in table.into_free() {
        let inner = match value {
            Free::Table(inner) => inner,
            Free::Text(text) => {
                inline_secret(log, &name.value, &text.place);
                continue;
            }
            Free::Other(place) => {
                let message = format!("{} must be a reference or `{{ text = \"…\" }}`", quoted(&name.value));
                log.problem(Finding::at(&place, Kind::Value, message));
                continue;
            }
        };
        match inner.text("text") {
            Some(text) if looks_like_credential(&name.value) => inline_secret(log, &name.value, &text.place),
            Some(text) => headers.push((name, Setting::Text(text.value))),
            None => headers.extend(reference(&inner, root).map(|reference| (name, Setting::Secret(reference)))),
        }
        inner.finish();
    }
    headers
}

fn looks_like_credential(header: &str) -> bool {
    let header = header.to_lowercase();
    ["auth", "key", "token", "secret", "cookie", "password"].iter().any(|word| header.contains(word))
}

/// A secret, which can only be given by reference.
pub(super) fn secret(table: &Table<'_>, key: &'static str, root: &Path) -> Option<SecretRef> {
    if let Some(text) = table.plain_text(key) {
        inline_secret(table.log(), key, &text.place);
        return None;
    }
    let inner = table.table(key)?;
    let found = reference(&inner, root);
    inner.finish();
    found
}

/// A setting: text without a credential in it, or a reference.
fn setting(table: &Table<'_>, key: &'static str, root: &Path) -> Option<Written<Setting>> {
    if let Some(text) = table.plain_text(key) {
        if holds_password(&text.value) {
            inline_secret(table.log(), key, &text.place);
            return None;
        }
        return Some(text.map(Setting::Text));
    }
    let inner = table.table(key)?;
    let place = inner.place().clone();
    let found = reference(&inner, root);
    inner.finish();
    found.map(|reference| Written { value: Setting::Secret(reference), place })
}

fn holds_password(url: &str) -> bool {
    let lower = url.to_lowercase();
    let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    has_password || lower.contains("password=") || lower.contains("sslkey=")
}

fn reference(inner: &Table<'_>, root: &Path) -> Option<SecretRef> {
    let env = inner.text("env");
    let file = inner.text("file");
    let command = inner.texts("command");
    let said = usize::from(env.is_some()) + usize::from(file.is_some()) + usize::from(command.is_some());
    if said != 1 {
        let has_wrong_type = said == 0 && ["env", "file", "command"].into_iter().any(|key| inner.has(key));
        let is_wrong_already = has_wrong_type || inner.has_unknown();
        if !is_wrong_already {
            let message = format!("{} must name exactly one place to take the secret from", inner.title());
            let finding = Finding::at(inner.place(), Kind::Secret, message);
            inner.log().problem(finding.hint("`env`, `file` or `command`"));
        }
        return None;
    }
    if let Some(name) = env {
        if !is_variable_name(&name.value) {
            let finding = Finding::at(&name.place, Kind::Secret, "`env` must be the name of an environment variable");
            inner.log().problem(
                finding.hint(
                    "upper-case letters, digits and `_`, such as `PROVIDER_API_KEY`; the secret itself stays out",
                ),
            );
            return None;
        }
        return Some(SecretRef::Env(name.value));
    }
    if let Some(path) = file {
        if path.value.is_empty() {
            inner.log().problem(Finding::at(&path.place, Kind::Secret, "`file` must be a path"));
            return None;
        }
        return Some(SecretRef::File(root.join(path.value)));
    }
    let command = command?;
    let words: Vec<String> = command.value.into_iter().map(|word| word.value).collect();
    if words.first().is_none_or(String::is_empty) {
        let finding = Finding::at(&command.place, Kind::Secret, "`command` must be a program and its arguments");
        inner.log().problem(finding.hint("such as `command = [\"pass\", \"show\", \"shop\"]`; no shell is involved"));
        return None;
    }
    Some(SecretRef::Command { words, folder: root.to_owned() })
}

fn inline_secret(log: &Log, key: &str, place: &Place) {
    let finding = Finding::at(place, Kind::Secret, format!("{} holds a secret in the file itself", quoted(key)));
    log.problem(finding.hint(KEY_HINT));
}

fn duration_or(written: Option<Written<Duration>>, seconds: u64) -> Duration {
    written.map_or_else(|| Duration::from_secs(seconds), |written| written.value)
}
