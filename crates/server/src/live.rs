//! A run as a stream of server-sent events, read from the journal.
//!
//! A nudge from this process makes an event quick; looking every second is the guarantee, for another process may be at
//! work on the run. A stream ends after the last event, when its life is over, or when the server stops; whoever wants more
//! comes back with `Last-Event-ID`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use mainstay::{Follower, RunState};
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::{Entry, Payload};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use crate::api::events::EventShown;
use crate::error::ApiError;
use crate::metrics::InFlight;
use crate::shared::Api;

const HEARTBEAT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_secs(1);
/// When a client should come back after the stream ended before the run did.
const RETRY: Duration = Duration::from_secs(3);

/// Somebody who follows a run.
struct Following {
    api: Api,
    run: RunId,
    next: u32,
    ready: VecDeque<Event>,
    follower: Arc<Follower>,
    until: Instant,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
    _counted: InFlight,
}

/// The events of `run` from position `from` on.
pub(crate) fn stream(
    api: &Api,
    run: RunId,
    from: u32,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + Send + use<>>, ApiError> {
    let following = Following {
        api: api.clone(),
        run,
        next: from,
        ready: VecDeque::new(),
        follower: Arc::new(api.mainstay.follow(run)),
        until: Instant::now() + api.settings.stream_life,
        is_over: false,
        _permit: api.stream()?,
        _counted: InFlight::new(&api.metrics.streams),
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.look().await {
                warn!(run.id = %self.run, %error, "a run could not be read for somebody who follows it");
                self.end_early();
            }
        }
    }

    /// Reads what is new, or waits for it.
    async fn look(&mut self) -> Result<(), StoreError> {
        let api = self.api.clone();
        let follower = Arc::clone(&self.follower);
        let mut news = std::pin::pin!(follower.changed());
        // Listen before looking: what is written in between is not missed.
        let _ = futures_util::poll!(news.as_mut());
        // The state before the entries: once it says ended, they are complete.
        let record = api.mainstay.run(self.run).await?;
        let entries = api.mainstay.entries(self.run, self.next).await?;
        if entries.is_empty() {
            if record.is_none_or(|record| matches!(record.state, RunState::Ended(_))) {
                self.is_over = true;
                return Ok(());
            }
            let goes_on = tokio::select! {
                _ = timeout(POLL, news) => true,
                () = api.settings.stop.cancelled() => false,
                () = sleep_until(self.until) => false,
            };
            if !goes_on {
                self.end_early();
            }
            return Ok(());
        }
        self.tell(&api, entries).await
    }

    async fn tell(&mut self, api: &Api, entries: Vec<Entry>) -> Result<(), StoreError> {
        let has_reply = entries.iter().any(|entry| matches!(entry.payload, Payload::Replied(_)));
        // The reply needs what was masked before.
        let all = match (has_reply, self.next) {
            (false, _) => None,
            (true, 0) => Some(entries.clone()),
            (true, _) => Some(api.mainstay.entries(self.run, 0).await?),
        };
        let agent = match api.mainstay.run(self.run).await? {
            Some(record) => api.mainstay.agents().find(|agent| agent.name == record.agent),
            None => None,
        };
        for entry in &entries {
            let is_reply = matches!(entry.payload, Payload::Replied(_));
            let before = all.as_deref().filter(|_| is_reply).unwrap_or_default();
            let shown = EventShown::new(entry, before, agent);
            self.next = entry.position.saturating_add(1);
            self.is_over = is_reply;
            let event = Event::default().id(shown.position.to_string()).event(shown.kind);
            match event.json_data(&shown) {
                Ok(event) => self.ready.push_back(event),
                Err(error) => warn!(run.id = %self.run, %error, "an event could not be written"),
            }
        }
        Ok(())
    }

    fn end_early(&mut self) {
        self.is_over = true;
        self.ready.push_back(Event::default().retry(RETRY));
    }
}
