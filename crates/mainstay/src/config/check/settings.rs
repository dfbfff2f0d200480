//! `mainstay.toml` checked: names, addresses, prices.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use mainstay_core::money::Price;
use mainstay_egress::address::is_public;
use mainstay_egress::{HeaderName, HeaderValue, Url};

use super::super::file::settings::{Model, Provider, ProviderTable, SettingsFile, Source, SourceKind};
use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::secret::Setting;
use super::super::server::ServerConfig;
use super::super::settings::{EMBEDDED, ModelConfig, ProviderConfig, ProviderKind, SourceConfig};
use super::super::source::Written;
use super::super::telemetry::TelemetryConfig;
use super::{expect_name, server, telemetry, unknown};

/// Marks of provider, model and source names beside letters and digits.
pub(super) const MARKS: &str = "_-.";

/// What agents may refer to. An entry that is there but broken has a name and no value, so that it is one problem and not
/// two.
pub(crate) struct Settings {
    pub(crate) store_url: Setting,
    pub(crate) lease: Duration,
    pub(crate) providers: BTreeMap<String, Option<ProviderConfig>>,
    pub(crate) models: BTreeMap<String, Option<ModelConfig>>,
    pub(crate) sources: BTreeMap<String, Option<SourceConfig>>,
    pub(crate) server: ServerConfig,
    pub(crate) telemetry: TelemetryConfig,
    /// The names are all there are. False when the file cannot be read: then no name is called unknown.
    pub(crate) is_complete: bool,
}

impl Settings {
    /// Where the file is broken.
    pub(crate) fn unreadable() -> Self {
        Self {
            store_url: Setting::Text(String::new()),
            lease: Duration::ZERO,
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
            sources: BTreeMap::new(),
            server: ServerConfig::default(),
            telemetry: TelemetryConfig::default(),
            is_complete: false,
        }
    }
}

pub(crate) fn check(file: SettingsFile, root: &Path, log: &Log) -> Settings {
    let providers: BTreeMap<_, _> = file.providers.into_iter().map(|entry| provider(entry, log)).collect();
    let mut models: BTreeMap<_, _> = file.models.into_iter().map(|entry| model(entry, &providers, log)).collect();
    models.entry(EMBEDDED.to_owned()).or_insert_with(|| Some(embedded()));
    Settings {
        store_url: store(file.store, root, log),
        lease: file.lease,
        sources: file.sources.into_iter().map(|entry| source(entry, root, log)).collect(),
        server: server::check(file.server, root, log),
        telemetry: telemetry::check(file.telemetry, log),
        providers,
        models,
        is_complete: true,
    }
}

fn embedded() -> ModelConfig {
    ModelConfig {
        provider: EMBEDDED.to_owned(),
        model: EMBEDDED.to_owned(),
        price: Price::default(),
        timeout: Duration::from_secs(10),
        retries: 0,
    }
}

fn store(written: Option<Written<Setting>>, root: &Path, log: &Log) -> Setting {
    let Some(written) = written else { return sqlite(root, "mainstay.db") };
    let Setting::Text(url) = &written.value else { return written.value };
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(['?', '#']) {
            let finding = Finding::at(&written.place, Kind::Value, "the store's URL has no usable path");
            log.problem(finding.hint("such as `url = \"sqlite:mainstay.db\"`, beside this file"));
        }
        return if path == ":memory:" { Setting::Text("sqlite::memory:".to_owned()) } else { sqlite(root, path) };
    }
    if !is_postgres(url) {
        let finding =
            Finding::at(&written.place, Kind::Value, "the store's URL must begin with `sqlite:` or `postgres://`");
        log.problem(finding.hint("such as `url = \"sqlite:mainstay.db\"` or `url = { env = \"DATABASE_URL\" }`"));
    }
    written.value
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn sqlite(root: &Path, path: &str) -> Setting {
    Setting::Text(format!("sqlite:{}", root.join(path).display()))
}

fn provider(entry: Provider, log: &Log) -> (String, Option<ProviderConfig>) {
    expect_name("a provider", &entry.name, MARKS, log);
    if entry.name.value == EMBEDDED {
        let finding = Finding::at(&entry.name.place, Kind::Value, "the provider `embedded` is built in");
        log.problem(finding.hint("leave it out here; models name it all the same"));
    }
    let config = entry.table.and_then(|table| provider_config(table, log));
    (entry.name.value, config)
}

fn provider_config(table: ProviderTable, log: &Log) -> Option<ProviderConfig> {
    let is_local_kind = table.kind == ProviderKind::Compatible;
    let base_url = match &table.base_url {
        Some(written) => Some(url("base_url", written, table.allow_private, log)?),
        None if is_local_kind => return None,
        None => None,
    };
    if table.api_key.is_none() && !is_local_kind {
        return None;
    }
    Some(ProviderConfig {
        kind: table.kind,
        base_url,
        api_key: table.api_key,
        allow_private: table.allow_private,
        stream: table.stream,
        connect_timeout: table.connect_timeout,
        idle_timeout: table.idle_timeout,
    })
}

fn model(
    entry: Model,
    providers: &BTreeMap<String, Option<ProviderConfig>>,
    log: &Log,
) -> (String, Option<ModelConfig>) {
    expect_name("a model", &entry.name, MARKS, log);
    let config = model_config(&entry, providers, log);
    (entry.name.value, config)
}

fn model_config(entry: &Model, providers: &BTreeMap<String, Option<ProviderConfig>>, log: &Log) -> Option<ModelConfig> {
    let provider = entry.provider.as_ref()?;
    let name = quoted(&entry.name.value);
    let is_embedded = provider.value == EMBEDDED;
    let kind = match providers.get(&provider.value) {
        Some(found) => found.as_ref().map(|found| found.kind),
        None if is_embedded => None,
        None => {
            unknown("provider", provider, providers.keys().map(String::as_str).chain([EMBEDDED]), log);
            return None;
        }
    };
    if entry.name.value == EMBEDDED && !is_embedded {
        let finding =
            Finding::at(&provider.place, Kind::Value, "the model `embedded` is built in and has its own provider");
        log.problem(finding.hint("give this model another name"));
    }
    if is_embedded && entry.price.is_some_and(|price| !price.is_free()) {
        let finding = Finding::at(
            &entry.name.place,
            Kind::Value,
            format!("model {name} has a price, but the embedded provider is free"),
        );
        log.problem(finding.hint("take the price out"));
    }
    if entry.price.is_none() && matches!(kind, Some(ProviderKind::OpenAi | ProviderKind::Anthropic)) {
        let finding = Finding::at(
            &entry.name.place,
            Kind::Policy,
            format!("model {name} has no price, so it counts as free and no budget in dollars holds it"),
        );
        log.warning(finding.hint("add `price = { input = \"…\", output = \"…\" }`, in dollars per million tokens"));
    }
    if entry.model.is_none() && !is_embedded {
        let finding = Finding::at(
            &entry.name.place,
            Kind::Missing,
            format!("model {name} does not say what the provider calls it"),
        );
        log.problem(finding.hint("such as `model = \"gpt-5-mini\"`"));
    }
    Some(ModelConfig {
        provider: provider.value.clone(),
        model: entry.model.clone().or_else(|| is_embedded.then(|| EMBEDDED.to_owned()))?,
        price: entry.price.unwrap_or_default(),
        timeout: entry.timeout,
        retries: entry.retries,
    })
}

fn source(entry: Source, root: &Path, log: &Log) -> (String, Option<SourceConfig>) {
    expect_name("a source", &entry.name, MARKS, log);
    let config = entry.kind.and_then(|kind| match kind {
        SourceKind::Sqlite { path } if path.value.is_empty() => {
            log.problem(Finding::at(&path.place, Kind::Value, "`path` is empty"));
            None
        }
        SourceKind::Sqlite { path } => Some(SourceConfig::Sqlite { path: root.join(path.value) }),
        SourceKind::Postgres { url } => {
            if let Setting::Text(text) = &url.value
                && !is_postgres(text)
            {
                let finding = Finding::at(&url.place, Kind::Value, "`url` must begin with `postgres://`");
                log.problem(finding.hint("such as `url = { env = \"DATABASE_URL\" }`"));
            }
            Some(SourceConfig::Postgres { url: url.value })
        }
        SourceKind::Http { base_url: written, allow_private, headers } => {
            let mut seen = BTreeSet::new();
            let headers =
                headers.into_iter().filter_map(|(name, value)| header(&name, value, &mut seen, log)).collect();
            url("base_url", &written, allow_private, log).map(|base_url| SourceConfig::Http {
                base_url,
                allow_private,
                headers,
            })
        }
    });
    (entry.name.value, config)
}

/// A header as it is sent, or a problem. `seen` are those before it.
pub(super) fn header(
    name: &Written<String>,
    value: Setting,
    seen: &mut BTreeSet<String>,
    log: &Log,
) -> Option<(String, Setting)> {
    // What frames a request belongs to the client.
    const FRAMING: &[&str] = &[
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "idempotency-key",
    ];
    let lower = name.value.to_lowercase();
    let fault = if HeaderName::try_from(&lower).is_err() {
        "is not the name of a header"
    } else if FRAMING.contains(&lower.as_str()) {
        "is a header that the client sets itself"
    } else if matches!(&value, Setting::Text(text) if HeaderValue::try_from(text).is_err()) {
        "has a value that no header can have"
    } else if !seen.insert(lower.clone()) {
        "is set twice"
    } else {
        return Some((lower, value));
    };
    log.problem(Finding::at(&name.place, Kind::Value, format!("{} {fault}", quoted(&name.value))));
    None
}

/// The URL of a far side, under `key`; what cannot be called is a problem.
pub(super) fn url(key: &str, written: &Written<String>, allow_private: bool, log: &Log) -> Option<Url> {
    let problem = |kind, message: &str, hint: &str| {
        log.problem(Finding::at(&written.place, kind, format!("`{key}` {message}")).hint(hint));
        None
    };
    const FORM: &str = "such as `https://api.example.com/v1`";
    let Some(url) = Url::parse(&written.value).ok().filter(|url| url.has_host()) else {
        return problem(Kind::Value, "is not an absolute URL", FORM);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return problem(Kind::Value, "must begin with `https://` or `http://`", FORM);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "give credentials by reference, as a key or a header";
        return problem(Kind::Secret, "holds a user name or password", hint);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return problem(Kind::Value, "must not have a query or a fragment", FORM);
    }
    let is_private = is_private(&url);
    if is_private && !allow_private {
        return problem(
            Kind::Policy,
            "is a private address, and those are refused",
            "add `allow_private = true` if this server really is on this machine or network",
        );
    }
    if url.scheme() == "http" && !is_private && !allow_private {
        let message = format!("`{key}` is not encrypted: keys and data travel in the open");
        log.warning(Finding::at(&written.place, Kind::Policy, message).hint("use `https://`"));
    }
    Some(url)
}

/// What can be said without asking a name server; the client looks again at every address that it connects to.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let is_local_name = host == "localhost" || host.ends_with(".localhost");
    is_local_name || host.parse::<IpAddr>().is_ok_and(|address| !is_public(address))
}
