//! `[telemetry]` checked: each destination takes what its dialect needs, and nothing that would be ignored.

use std::collections::BTreeSet;

use mainstay_egress::{HeaderValue, Url};

use super::super::file::telemetry::{Exporter, Telemetry};
use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::secret::Setting;
use super::super::source::{Place, Written};
use super::super::telemetry::{Dialect, ExporterConfig, Protocol, TelemetryConfig};
use super::expect_name;
use super::settings::{MARKS, header, url};

/// Where AgentOps exchanges a key for a token.
const AGENTOPS_TOKEN: &str = "https://api.agentops.ai/v3/auth/token";

pub(super) fn check(written: Telemetry, log: &Log) -> TelemetryConfig {
    let exporters = written.exporters.into_iter().filter_map(|exporter| {
        expect_name("an exporter", &exporter.name, MARKS, log);
        let name = exporter.name.value.clone();
        Some((name, check_one(exporter, log)?))
    });
    TelemetryConfig { exporters: exporters.collect(), ..written.common }
}

fn check_one(written: Exporter, log: &Log) -> Option<ExporterConfig> {
    // Without it, nothing else can be judged.
    let dialect = written.dialect?;
    belongs(&written, dialect, log);
    let protocol = protocol(written.protocol.as_ref(), dialect, log);
    let endpoint = endpoint(&written, dialect, protocol, log);
    let auth_endpoint = auth_endpoint(&written, dialect, log);
    let public_key = written.public_key.as_ref().and_then(|key| public_key(key, log));
    let project = written.project.as_ref().and_then(|project| fit_for_header(project, "project", log));
    let headers = headers(&written, dialect, log);
    // What a dialect needs and lacks is a problem already.
    Some(ExporterConfig {
        dialect,
        protocol,
        endpoint: endpoint?,
        auth_endpoint,
        api_key: written.api_key,
        public_key,
        headers,
        project,
        content: written.content,
        sample: written.sample,
        allow_private: written.allow_private,
        timeout: written.timeout,
    })
}

/// Records keys that this dialect has no use for.
fn belongs(written: &Exporter, dialect: Dialect, log: &Log) {
    let misplaced = |place: Option<&Place>, key: &str, fits: bool, hint: &str| {
        if let Some(place) = place
            && !fits
        {
            let message = format!("`{key}` means nothing to the dialect `{}`", dialect.as_str());
            log.problem(Finding::at(place, Kind::Value, message).hint(hint));
        }
    };
    misplaced(
        written.public_key.as_ref().map(|key| &key.place),
        "public_key",
        dialect == Dialect::Langfuse,
        "only `langfuse` has one; take it out",
    );
    misplaced(
        written.auth_endpoint.as_ref().map(|endpoint| &endpoint.place),
        "auth_endpoint",
        dialect == Dialect::AgentOps,
        "only `agentops` exchanges its key for a token; take it out",
    );
    misplaced(
        written.project.as_ref().map(|project| &project.place),
        "project",
        matches!(dialect, Dialect::OpenInference | Dialect::LangSmith),
        "only `openinference` and `langsmith` take one; elsewhere the key or the collector decides",
    );
}

fn protocol(written: Option<&Written<Protocol>>, dialect: Dialect, log: &Log) -> Protocol {
    let Some(written) = written else { return Protocol::Http };
    let takes_grpc = matches!(dialect, Dialect::Otel | Dialect::OpenInference);
    if written.value == Protocol::Grpc && !takes_grpc {
        let message = format!("the dialect `{}` does not travel over gRPC", dialect.as_str());
        log.problem(Finding::at(&written.place, Kind::Value, message).hint("`protocol = \"http\"`, or leave it out"));
        return Protocol::Http;
    }
    written.value
}

fn endpoint(written: &Exporter, dialect: Dialect, protocol: Protocol, log: &Log) -> Option<Url> {
    let Some(given) = &written.endpoint else { return dialect.endpoint().and_then(|url| Url::parse(url).ok()) };
    let endpoint = url("endpoint", given, written.allow_private, log)?;
    let has_path = endpoint.path() != "/";
    if protocol == Protocol::Grpc && has_path {
        let finding = Finding::at(&given.place, Kind::Value, "`endpoint` has a path, and gRPC brings its own");
        log.problem(finding.hint("only the host and the port, such as `http://127.0.0.1:4317`"));
    }
    if protocol == Protocol::Http && !has_path {
        let finding = Finding::at(&given.place, Kind::Policy, "`endpoint` has no path, and traces go exactly there");
        log.warning(finding.hint("most take them at `/v1/traces`; gRPC wants `protocol = \"grpc\"`"));
    }
    Some(endpoint)
}

fn auth_endpoint(written: &Exporter, dialect: Dialect, log: &Log) -> Option<Url> {
    if dialect != Dialect::AgentOps {
        return None;
    }
    match &written.auth_endpoint {
        Some(given) => url("auth_endpoint", given, written.allow_private, log),
        None => Url::parse(AGENTOPS_TOKEN).ok(),
    }
}

/// Keys of Langfuse say what they are.
fn public_key(written: &Written<String>, log: &Log) -> Option<String> {
    if written.value.starts_with("sk-") {
        let finding = Finding::at(&written.place, Kind::Secret, "`public_key` holds a secret key");
        log.problem(finding.hint("the secret key is `api_key`, by reference; change the one that was written here"));
        return None;
    }
    fit_for_header(written, "public_key", log).filter(|key| {
        let fits = !key.contains(':');
        if !fits {
            log.problem(Finding::at(
                &written.place,
                Kind::Value,
                "`public_key` has a `:`, which ends it in the header",
            ));
        }
        fits
    })
}

fn fit_for_header(written: &Written<String>, key: &str, log: &Log) -> Option<String> {
    if !written.value.is_ascii() || HeaderValue::try_from(&written.value).is_err() {
        let finding = Finding::at(&written.place, Kind::Value, format!("`{key}` holds what no header can have"));
        log.problem(finding.hint("ASCII letters, digits, marks and spaces"));
        return None;
    }
    Some(written.value.clone())
}

fn headers(written: &Exporter, dialect: Dialect, log: &Log) -> Vec<(String, Setting)> {
    let mut seen = BTreeSet::new();
    let checked = written.headers.iter().filter_map(|(name, value)| {
        let (lower, value) = header(name, value.clone(), &mut seen, log)?;
        let Some(hint) = taken(&lower, written, dialect) else { return Some((lower, value)) };
        let message = format!("{} is a header that the exporter sets itself", quoted(&name.value));
        log.problem(Finding::at(&name.place, Kind::Value, message).hint(hint));
        None
    });
    checked.collect()
}

/// What to do instead of setting a header that the exporter sets.
fn taken(header: &str, written: &Exporter, dialect: Dialect) -> Option<&'static str> {
    let has_key = written.api_key.is_some();
    let has_project = written.project.is_some();
    match (header, dialect) {
        ("content-encoding", _) => Some("take it out"),
        ("authorization", Dialect::Langfuse | Dialect::AgentOps) => Some("`api_key` is for that"),
        ("authorization", Dialect::Otel | Dialect::OpenInference) if has_key => Some("keep it or `api_key`, not both"),
        ("x-api-key", Dialect::LangSmith) => Some("`api_key` is for that"),
        ("x-langfuse-ingestion-version", Dialect::Langfuse) => Some("take it out"),
        ("x-project-name", Dialect::OpenInference) if has_project => Some("keep it or `project`, not both"),
        ("langsmith-project", Dialect::LangSmith) if has_project => Some("keep it or `project`, not both"),
        _ if header.starts_with("grpc-") => Some("take it out"),
        _ => None,
    }
}
