//! Asks for a message, once.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mainstay_core::provider::{ChatReply, ChatRequest, Provider, ProviderError};
use mainstay_egress::HeaderName;
use tokio::time::Instant;

use super::KIND;
use super::stream::Assembler;
use super::wire::{WireResponse, from_wire, to_wire};
use crate::endpoint::{Answer, Endpoint, Events, Place};
use crate::failure::WireError;
use crate::registry::{Settings, SettingsError};

/// The messages API.
#[derive(Debug)]
pub(crate) struct Messages {
    endpoint: Endpoint,
    stream: bool,
    has_warned: AtomicBool,
}

impl Messages {
    pub(crate) fn new(settings: &Settings, base_url: &str) -> Result<Self, SettingsError> {
        // People write the base URL with and without the version.
        let base_url = base_url.trim_end_matches('/');
        let base_url = base_url.strip_suffix("/v1").unwrap_or(base_url);
        let place = Place {
            base_url,
            path: "/v1/messages",
            key_header: HeaderName::from_static("x-api-key"),
            key_prefix: "",
            reuse_connections: true,
        };
        let endpoint = Endpoint::new(settings, place)?.with_header("anthropic-version", "2023-06-01");
        Ok(Self { endpoint, stream: settings.stream, has_warned: AtomicBool::new(false) })
    }

    async fn gather(&self, mut events: Box<Events>, request: &ChatRequest) -> Result<WireResponse, ProviderError> {
        let mut assembler = Assembler::default();
        // The last event has a type, not a marker, so nothing unfinished is ever taken.
        while let Some(event) = events.next(None).await.map_err(|error| self.endpoint.broken(error, request))? {
            if assembler.take(&event).map_err(|error| self.endpoint.misread(error, request))? {
                events.drain().await;
                break;
            }
        }
        assembler.finish().map_err(|error| self.endpoint.misread(error, request))
    }
}

#[async_trait]
impl Provider for Messages {
    fn name(&self) -> &str {
        KIND.name
    }

    async fn chat(&self, request: &ChatRequest, deadline: Instant) -> Result<ChatReply, ProviderError> {
        let misread = |error: WireError| self.endpoint.misread(error, request);
        let body = serde_json::to_vec(&to_wire(request, self.stream))
            .map_err(|_| misread(WireError::protocol("the request cannot be written as JSON")))?;
        let response = match self.endpoint.post(body, request, deadline).await? {
            Answer::Events(events) => self.gather(events, request).await?,
            Answer::Whole(body) => serde_json::from_slice(&body).map_err(|error| misread(WireError::json(&error)))?,
        };
        if !response.counts_tokens() && !self.has_warned.swap(true, Ordering::Relaxed) {
            let provider = self.endpoint.name();
            tracing::warn!(
                provider,
                "provider `{provider}` reports no usage; four characters are counted as one token"
            );
        }
        from_wire(response, request).map_err(misread)
    }
}
