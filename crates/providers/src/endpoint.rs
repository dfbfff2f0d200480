//! One model API: where it is, how it is asked, and what comes back before anything is understood.

use std::collections::VecDeque;
use std::time::Duration;

use mainstay_core::provider::{ChatRequest, ProviderError};
use mainstay_egress::{
    Bytes, Client, HeaderMap, HeaderName, HeaderValue, Method, Policy, Request, Secret, Streaming, header,
};
use tokio::time::Instant;

use crate::failure::{self, Failure, WireError};
use crate::registry::{Settings, SettingsError};
use crate::sse;

/// Longest wait for the rest of a stream after its end marker, so that the connection can be used again.
const DRAIN: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Endpoint {
    name: String,
    client: Client,
    url: String,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

/// Where an API is.
pub(crate) struct Place<'a> {
    /// What `path` is appended to.
    pub(crate) base_url: &'a str,
    pub(crate) path: &'a str,
    /// The header that carries the key, after a prefix.
    pub(crate) key_header: HeaderName,
    pub(crate) key_prefix: &'a str,
    /// False where the server closes connections that it said it would keep.
    pub(crate) reuse_connections: bool,
}

/// A success status, with its body.
pub(crate) enum Answer {
    /// All of it.
    Whole(Bytes),
    /// A stream of events.
    Events(Box<Events>),
}

impl Endpoint {
    pub(crate) fn new(settings: &Settings, place: Place<'_>) -> Result<Self, SettingsError> {
        let base_url = place.base_url.trim_end_matches('/');
        let url = format!("{base_url}{}", place.path);
        let policy = Policy {
            allow_private: settings.allow_private,
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            reuse_connections: place.reuse_connections,
            ..Policy::for_base_url(base_url).map_err(SettingsError::BaseUrl)?
        };
        let client = Client::new(policy).map_err(SettingsError::Policy)?;
        let checked = client.check_url(&url).map_err(SettingsError::BaseUrl)?;
        if checked.query().is_some() || checked.fragment().is_some() {
            return Err(SettingsError::NoPlainBaseUrl);
        }
        // Keys and conversations cross the open internet encrypted or not at all.
        if checked.scheme() == "http" && !settings.allow_private {
            return Err(SettingsError::ClearText);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("mainstay/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = &settings.api_key {
            let value = format!("{}{}", place.key_prefix, key.expose());
            let mut value = HeaderValue::from_str(&value).map_err(|_| SettingsError::UnusableKey)?;
            value.set_sensitive(true);
            headers.insert(place.key_header, value);
        }
        Ok(Self {
            name: settings.name.clone(),
            client,
            url,
            headers,
            secrets: settings.api_key.iter().cloned().collect(),
        })
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Asks once. Any status but a success is an error here.
    pub(crate) async fn post(
        &self,
        body: Vec<u8>,
        asked: &ChatRequest,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let request =
            Request { method: Method::POST, url: self.url.clone(), headers: self.headers.clone(), body: body.into() };
        let answer =
            self.client.open(request, deadline).await.map_err(|error| self.error(failure::of_egress(error, false)))?;
        if !answer.status.is_success() {
            let (status, headers) = (answer.status, answer.headers.clone());
            // The status says enough where the body does not come.
            let body = answer.collect().await.map(|response| response.body).unwrap_or_default();
            return Err(self.error(failure::of_status(status, &headers, &body, asked, &self.secrets)));
        }
        if answer.headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(self.misread(WireError::protocol("a compressed body that was not asked for"), asked));
        }
        let is_stream = answer
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
        if is_stream {
            let parser = Some(sse::Parser::default());
            return Ok(Answer::Events(Box::new(Events { body: answer, parser, ready: VecDeque::new() })));
        }
        let whole = answer.collect().await.map_err(|error| self.error(failure::of_egress(error, true)))?;
        Ok(Answer::Whole(whole.body))
    }

    /// An answer that could not be understood.
    pub(crate) fn misread(&self, error: WireError, asked: &ChatRequest) -> ProviderError {
        self.error(failure::of_wire(error, asked, &self.secrets))
    }

    /// A stream that failed on its way.
    pub(crate) fn broken(&self, error: StreamError, asked: &ChatRequest) -> ProviderError {
        match error {
            StreamError::Transport(error) => self.error(failure::of_egress(error, true)),
            StreamError::Events(error) => self.misread(WireError::Protocol(error.to_string()), asked),
        }
    }

    fn error(&self, (kind, retry): Failure) -> ProviderError {
        ProviderError { provider: self.name.clone(), kind, retry }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The events of one answer.
pub(crate) struct Events {
    body: Streaming,
    parser: Option<sse::Parser>,
    ready: VecDeque<sse::Event>,
}

/// Why a stream gave no next event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("the transport failed")]
    Transport(#[source] mainstay_egress::EgressError),
    #[error("no server-sent events")]
    Events(#[source] sse::SseError),
}

impl Events {
    /// The next event; `None` at the end of the body. An unfinished last event counts only as a bare end marker.
    pub(crate) async fn next(&mut self, end_marker: Option<&str>) -> Result<Option<sse::Event>, StreamError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(parser) = &mut self.parser else { return Ok(None) };
            match self.body.next().await.map_err(StreamError::Transport)? {
                Some(piece) => parser.push(&piece, &mut self.ready).map_err(StreamError::Events)?,
                None => {
                    let last = self.parser.take().and_then(sse::Parser::finish);
                    self.ready.extend(last.filter(|event| Some(event.data.as_str()) == end_marker));
                }
            }
        }
    }

    /// Reads on to the end of the body, for a moment at most, so that the connection goes back to the pool.
    pub(crate) async fn drain(mut self) {
        let rest = async { while let Ok(Some(_)) = self.body.next().await {} };
        // Nothing depends on it: a connection that takes longer is closed instead.
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
}
