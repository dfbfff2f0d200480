//! One destination as something that takes requests: its address, its headers, its credentials, what its answers mean.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mainstay_core::clock::Clock;
use mainstay_egress::{
    Bytes, Client, EgressError, HeaderMap, HeaderName, HeaderValue, Method, Policy, Protocol, Request, Secret, Url,
    excerpt, header, header::InvalidHeaderValue,
};
use tokio::time::Instant;

use crate::content::Content;
use crate::deliver::{Outcome, Words};
use crate::dialect::Dialect;
use crate::exporter::{Credentials, ExporterSettings, Transport};
use crate::token::{Token, TokenError, TokenSource, stamp};
use crate::{grpc, http};

/// Sends requests to one destination.
pub(crate) struct Destination {
    client: Client,
    transport: Transport,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    tokens: Option<TokenSource>,
    /// What no error may show.
    secrets: Vec<Secret>,
    /// Whether what it says may be repeated. It may quote what it was sent.
    may_be_quoted: bool,
}

/// Settings that no destination can be made of. None of these texts shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The address is none that we call.
    #[error("its address cannot be used")]
    Address(#[source] EgressError),
    /// Over gRPC there is nothing behind the port.
    #[error("over gRPC its address has no path")]
    Path,
    /// No client can be built for it.
    #[error("no client can be built for it")]
    Client(#[source] mainstay_egress::PolicyError),
    /// The name or the value of a header is malformed.
    #[error("its header `{0}` is malformed")]
    Header(String),
    /// It does not speak gRPC.
    #[error("it does not speak gRPC")]
    NoGrpc,
}

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// So much of what the far side says is kept.
const MAX_WORDS: usize = 300;

impl Destination {
    pub(crate) fn new(settings: &ExporterSettings, clock: Arc<dyn Clock>) -> Result<Self, DestinationError> {
        let is_grpc = settings.transport == Transport::Grpc;
        let speaks_grpc = matches!(settings.dialect, Dialect::Otel | Dialect::OpenInference)
            && !matches!(settings.credentials, Credentials::TokenExchange { .. });
        if is_grpc && !speaks_grpc {
            return Err(DestinationError::NoGrpc);
        }
        let mut policy = Policy::for_base_url(&settings.endpoint).map_err(DestinationError::Address)?;
        if let Credentials::TokenExchange { url, .. } = &settings.credentials {
            policy.allowed_hosts.extend(Policy::for_base_url(url).map_err(DestinationError::Address)?.allowed_hosts);
        }
        policy.allow_private = settings.allow_private;
        policy.max_response_bytes = MAX_ANSWER_BYTES;
        policy.protocol = if is_grpc { Protocol::Http2 } else { Protocol::Http1 };
        let client = Client::new(policy).map_err(DestinationError::Client)?;
        let endpoint = client.check_url(&settings.endpoint).map_err(DestinationError::Address)?;
        if is_grpc && endpoint.path() != "/" {
            return Err(DestinationError::Path);
        }
        let url = if is_grpc {
            endpoint.join(grpc::PATH).map_err(|_| DestinationError::Path)?
        } else {
            http::url(&endpoint, settings.dialect)
        };
        let mut secrets: Vec<Secret> = settings.headers.iter().map(|(_, value)| value.clone()).collect();
        let headers = headers(settings, &mut secrets)?;
        let tokens = match &settings.credentials {
            Credentials::TokenExchange { url, api_key } => Some(TokenSource::new(url.clone(), api_key.clone(), clock)),
            _ => None,
        };
        Ok(Self {
            client,
            transport: settings.transport,
            url,
            headers,
            timeout: settings.timeout,
            tokens,
            secrets,
            may_be_quoted: settings.content != Content::Full,
        })
    }

    /// Sends one `ExportTraceServiceRequest` and says what became of it, in words without secrets.
    pub(crate) async fn send(&mut self, bytes: &Bytes) -> Outcome {
        match self.send_once(bytes).await {
            // A token may end before its time. One that is refused when it is new is another matter.
            Outcome::Unauthorized { .. } if self.tokens.is_some() => {
                self.forget_token();
                match self.send_once(bytes).await {
                    Outcome::Unauthorized { words } => {
                        self.forget_token();
                        Outcome::Later { after: None, is_fault: false, words }
                    }
                    other => other,
                }
            }
            Outcome::Unauthorized { words } => Outcome::Rejected { words },
            other => other,
        }
    }

    async fn send_once(&mut self, bytes: &Bytes) -> Outcome {
        let token = match self.token().await {
            Ok(token) => token,
            Err(error) => return later(error),
        };
        let mut headers = self.headers.clone();
        let mut bytes = bytes.clone();
        if let Some(token) = &token {
            let Ok(value) = secret_value(&format!("Bearer {}", token.bearer.expose())) else {
                return later("the token is malformed");
            };
            headers.insert(header::AUTHORIZATION, value);
            bytes = stamp(&bytes, &token.project);
        }
        let body = match self.transport {
            Transport::Http => bytes,
            Transport::Grpc => grpc::frame(&bytes),
        };
        let request = Request { method: Method::POST, url: self.url.to_string(), headers, body };
        match self.client.send(request, self.deadline()).await {
            Ok(response) => {
                let mut outcome = match self.transport {
                    Transport::Http => http::judge(&response),
                    Transport::Grpc => grpc::judge(&response),
                };
                let words = outcome.words_mut();
                words.theirs = self.quotable(&words.theirs, token);
                outcome
            }
            Err(error @ EgressError::InvalidRequest(_)) => Outcome::Rejected { words: Words::ours(error) },
            Err(error) => later(error),
        }
    }

    async fn token(&mut self) -> Result<Option<Token>, TokenError> {
        let deadline = self.deadline();
        let Some(tokens) = &mut self.tokens else { return Ok(None) };
        tokens.token(&self.client, deadline).await.map(Some)
    }

    fn forget_token(&mut self) {
        self.tokens.iter_mut().for_each(TokenSource::forget);
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout).unwrap_or(now)
    }

    /// What of the far side's words may be shown: no secret, and nothing that may be content which nobody redacted.
    fn quotable(&self, words: &str, token: Option<Token>) -> String {
        if !self.may_be_quoted {
            return String::new();
        }
        let bearer = token.map(|token| token.bearer);
        let secrets: Vec<Secret> = self.secrets.iter().cloned().chain(bearer).collect();
        excerpt(words, MAX_WORDS, &secrets)
    }
}

fn later(why: impl Display) -> Outcome {
    Outcome::Later { after: None, is_fault: false, words: Words::ours(why) }
}

/// The headers of every request. What they hold of secrets is added to `secrets`.
fn headers(settings: &ExporterSettings, secrets: &mut Vec<Secret>) -> Result<HeaderMap, DestinationError> {
    let is_grpc = settings.transport == Transport::Grpc;
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let malformed = || DestinationError::Header(name.clone());
        let name = HeaderName::try_from(name.as_str()).map_err(|_| malformed())?;
        headers.insert(name, secret_value(value.expose()).map_err(|_| malformed())?);
    }
    let mut put = |name: &'static str, value: &str| {
        let value = secret_value(value).map_err(|_| DestinationError::Header(name.to_owned()))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok(())
    };
    match &settings.credentials {
        Credentials::None => {}
        Credentials::Bearer(token) => {
            secrets.push(token.clone());
            put("authorization", &format!("Bearer {}", token.expose()))?;
        }
        Credentials::ApiKey(key) => {
            secrets.push(key.clone());
            put("x-api-key", key.expose())?;
        }
        Credentials::Basic { user, password } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            put("authorization", &format!("Basic {pair}"))?;
            secrets.extend([password.clone(), Secret::new(pair)]);
        }
        Credentials::TokenExchange { api_key, .. } => secrets.push(api_key.clone()),
    }
    match (settings.dialect, &settings.project) {
        // Without it, what was sent shows up minutes later.
        (Dialect::Langfuse, _) => put("x-langfuse-ingestion-version", "4")?,
        (Dialect::LangSmith, Some(project)) => put("langsmith-project", project)?,
        // Over gRPC the project is read from the resource.
        (Dialect::OpenInference, Some(project)) if !is_grpc => put("x-project-name", project)?,
        _ => {}
    }
    if is_grpc {
        put("grpc-timeout", &grpc::timeout(settings.timeout))?;
    }
    put("content-type", if is_grpc { grpc::CONTENT_TYPE } else { http::CONTENT_TYPE })?;
    put("user-agent", concat!("mainstay/", env!("CARGO_PKG_VERSION")))?;
    Ok(headers)
}

fn secret_value(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}
