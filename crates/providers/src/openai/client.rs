//! Asks a server for a chat completion, once.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mainstay_core::provider::{ChatReply, ChatRequest, Provider, ProviderError};
use mainstay_egress::header;
use tokio::time::Instant;

use super::Dialect;
use super::stream::{Assembler, END_MARKER};
use super::wire::{WireResponse, from_wire, to_wire};
use crate::endpoint::{Answer, Endpoint, Events, Place};
use crate::failure::WireError;
use crate::registry::{Settings, SettingsError};

/// A server that speaks chat completions.
#[derive(Debug)]
pub(crate) struct ChatCompletions {
    endpoint: Endpoint,
    dialect: Dialect,
    stream: bool,
    /// The OpenTelemetry name.
    name: String,
    has_warned: AtomicBool,
}

impl ChatCompletions {
    pub(crate) fn new(
        settings: &Settings,
        base_url: &str,
        dialect: Dialect,
        name: &str,
    ) -> Result<Self, SettingsError> {
        // llama.cpp announces keep-alive and closes after every stream all the same; a request that follows at once is
        // lost. Where TLS is spoken, a proper proxy stands in front, and a connection is dear.
        let closes_silently = dialect == Dialect::Compatible && settings.stream && base_url.starts_with("http:");
        let place = Place {
            base_url,
            path: "/chat/completions",
            key_header: header::AUTHORIZATION,
            key_prefix: "Bearer ",
            reuse_connections: !closes_silently,
        };
        let endpoint = Endpoint::new(settings, place)?;
        Ok(Self {
            endpoint,
            dialect,
            stream: settings.stream,
            name: name.to_owned(),
            has_warned: AtomicBool::new(false),
        })
    }

    async fn gather(&self, mut events: Box<Events>, request: &ChatRequest) -> Result<WireResponse, ProviderError> {
        let mut assembler = Assembler::default();
        while let Some(event) =
            events.next(Some(END_MARKER)).await.map_err(|error| self.endpoint.broken(error, request))?
        {
            if assembler.take(&event).map_err(|error| self.endpoint.misread(error, request))? {
                events.drain().await;
                break;
            }
        }
        assembler.finish(self.dialect).map_err(|error| self.endpoint.misread(error, request))
    }
}

#[async_trait]
impl Provider for ChatCompletions {
    fn name(&self) -> &str {
        &self.name
    }

    async fn chat(&self, request: &ChatRequest, deadline: Instant) -> Result<ChatReply, ProviderError> {
        let misread = |error: WireError| self.endpoint.misread(error, request);
        let body = serde_json::to_vec(&to_wire(request, self.dialect, self.stream))
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
