//! The end of exporting: when it was asked for, and when it must be over.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Asks for the end. Dropped, it asks for an end at once.
#[derive(Debug)]
pub(crate) struct Closer(watch::Sender<Option<Instant>>);

/// Sees when the end is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Closing(watch::Receiver<Option<Instant>>);

impl Closer {
    /// Everything is to be over after `patience`. Only the first call counts.
    pub(crate) fn close(&self, patience: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(patience).unwrap_or(now);
        self.0.send_if_modified(|asked| {
            let is_first = asked.is_none();
            asked.get_or_insert(deadline);
            is_first
        });
    }
}

impl Closing {
    /// A pair.
    pub(crate) fn new() -> (Closer, Self) {
        let (asks, sees) = watch::channel(None);
        (Closer(asks), Self(sees))
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.borrow().is_some() || self.0.has_changed().is_err()
    }

    /// Waits until the end is asked for; says when everything must be over.
    pub(crate) async fn deadline(&mut self) -> Instant {
        match self.0.wait_for(Option::is_some).await {
            Ok(asked) => asked.unwrap_or_else(Instant::now),
            Err(_) => Instant::now(),
        }
    }

    /// Waits until everything must be over.
    pub(crate) async fn end(mut self) {
        let deadline = self.deadline().await;
        tokio::time::sleep_until(deadline).await;
    }
}
