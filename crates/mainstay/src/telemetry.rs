//! Exporters as the configuration wants them: secrets resolved, traces read from the journal, personal data taken out.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::clock::Clock;
use mainstay_core::error::{Retry, StoreError};
use mainstay_core::id::RunId;
use mainstay_core::store::Journal;
use mainstay_egress::Secret;
use mainstay_guards::pii::Pii;
use mainstay_guards::secrets::Secrets;
use mainstay_telemetry::{
    Content, Credentials, Dialect, ExporterSettings, Exporters, Redactor, Resource, StartError, TelemetrySettings,
    TraceOfRun, TraceSource, Transport,
};
use tokio::runtime::Handle;

use crate::clock::SystemClock;
use crate::config::secret::SecretError;
use crate::config::settings::Config;
use crate::config::telemetry::{self, ExporterConfig, Protocol};

/// Where what cannot be delivered waits, beside `mainstay.toml`.
const SPOOL: &str = ".mainstay/spool";

/// Exporting cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A secret cannot be had.
    #[error("exporter `{name}` needs a secret")]
    Secret {
        /// Which exporter.
        name: String,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// It cannot be set up.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Starts the exporters of the configuration; `None` when there are none.
pub(crate) async fn start(config: &Config, journal: Arc<dyn Journal>) -> Result<Option<Exporters>, TelemetryError> {
    let telemetry = &config.telemetry;
    if telemetry.exporters.is_empty() {
        return Ok(None);
    }
    let clock = Arc::new(SystemClock);
    let mut exporters = Vec::new();
    for (name, exporter) in &telemetry.exporters {
        let settings = settings(name, exporter).await;
        exporters.push(settings.map_err(|source| TelemetryError::Secret { name: name.clone(), source })?);
    }
    let settings = TelemetrySettings {
        exporters,
        queue: telemetry.queue,
        spool_bytes: telemetry.spool_bytes,
        resource: Resource {
            service_name: telemetry.service_name.clone(),
            service_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: clock.new_uuid().to_string(),
            ..Resource::default()
        },
        ..TelemetrySettings::new(config.root.join(SPOOL))
    };
    let source = Arc::new(FromJournal { journal, home: Handle::current() });
    Ok(Some(Exporters::start(settings, source, Arc::new(Plain), clock)?))
}

async fn settings(name: &str, exporter: &ExporterConfig) -> Result<ExporterSettings, SecretError> {
    let mut headers = Vec::new();
    for (header, value) in &exporter.headers {
        headers.push((header.clone(), value.resolve().await?));
    }
    let key = match &exporter.api_key {
        None => None,
        Some(reference) => Some(reference.resolve().await?),
    };
    let dialect = dialect(exporter.dialect);
    Ok(ExporterSettings {
        transport: match exporter.protocol {
            Protocol::Http => Transport::Http,
            Protocol::Grpc => Transport::Grpc,
        },
        headers,
        credentials: key.map_or(Credentials::None, |key| credentials(exporter, key)),
        project: exporter.project.clone(),
        content: match exporter.content {
            telemetry::Content::None => Content::None,
            telemetry::Content::Redacted => Content::Redacted,
            telemetry::Content::Full => Content::Full,
        },
        sample: exporter.sample,
        allow_private: exporter.allow_private,
        timeout: exporter.timeout,
        ..ExporterSettings::new(name, dialect, exporter.endpoint.as_str())
    })
}

const fn dialect(written: telemetry::Dialect) -> Dialect {
    match written {
        telemetry::Dialect::Otel => Dialect::Otel,
        telemetry::Dialect::OpenInference => Dialect::OpenInference,
        telemetry::Dialect::Langfuse => Dialect::Langfuse,
        telemetry::Dialect::LangSmith => Dialect::LangSmith,
        telemetry::Dialect::AgentOps => Dialect::AgentOps,
    }
}

fn credentials(exporter: &ExporterConfig, key: Secret) -> Credentials {
    match exporter.dialect {
        telemetry::Dialect::Otel | telemetry::Dialect::OpenInference => Credentials::Bearer(key),
        telemetry::Dialect::LangSmith => Credentials::ApiKey(key),
        telemetry::Dialect::Langfuse => {
            Credentials::Basic { user: exporter.public_key.clone().unwrap_or_default(), password: key }
        }
        telemetry::Dialect::AgentOps => {
            let url = exporter.auth_endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            Credentials::TokenExchange { url, api_key: key }
        }
    }
}

/// Reads traces where the store's connections live.
struct FromJournal {
    journal: Arc<dyn Journal>,
    home: Handle,
}

#[async_trait]
impl TraceSource for FromJournal {
    async fn trace(&self, run: RunId) -> Result<Option<TraceOfRun>, StoreError> {
        let journal = Arc::clone(&self.journal);
        let read = self.home.spawn(async move {
            let Some(record) = journal.run(run).await? else { return Ok(None) };
            Ok(Some((record, journal.entries(run, 0).await?)))
        });
        let gone = |_| {
            let message = "the runtime of the store has stopped".to_owned();
            StoreError::Database { message, retry: Retry::No }
        };
        Ok(read.await.map_err(gone)??.map(|(record, entries)| TraceOfRun::new(record, &entries)))
    }
}

/// Takes out what the guards for personal data and credentials recognise.
struct Plain;

impl Redactor for Plain {
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found: Vec<(Range<usize>, &str)> =
            Pii::find(text).into_iter().map(|found| (found.span, found.kind.as_str())).collect();
        found.extend(Secrets::find(text).into_iter().map(|found| (found.span, "secret")));
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|(span, _)| span.start);
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        for (span, kind) in found {
            if span.end <= at {
                continue;
            }
            redacted.push_str(text.get(at..span.start.max(at)).unwrap_or_default());
            redacted.push_str(&format!("[{kind}]"));
            at = span.end;
        }
        redacted.push_str(text.get(at..).unwrap_or_default());
        Cow::Owned(redacted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_and_credentials_do_not_leave_redacted() {
        let text =
            "Write to ann@shop.example or use 4111 1111 1111 1111; key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789AB.";
        let redacted = Plain.redact(text);
        assert!(
            !redacted.contains("ann@") && !redacted.contains("4111") && !redacted.contains("sk-proj"),
            "{redacted}"
        );
        assert!(redacted.starts_with("Write to [email] or use [card]; key "), "{redacted}");
        assert!(matches!(Plain.redact("Nothing here."), Cow::Borrowed("Nothing here.")));
    }
}
