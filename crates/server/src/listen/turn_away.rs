//! The answer for a connection that there is no place for.
//!
//! It is written before the request is read, so that it costs next to nothing. A few peers are waited for until they
//! have read it; beyond these, closing may overtake the answer and a peer sees a reset, which it must cope with anyway.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counts::ListenCounts;
use super::settings::ListenSettings;

/// Peers that are waited for at a time.
const WAITED_FOR: usize = 64;

/// How long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of a request is read and thrown away: a peer that is still sending would get a reset instead of the answer.
const THROWN_AWAY: u64 = 64 * 1024;

/// Seconds after which a request is likely to have ended.
const RETRY_AFTER: u32 = 1;

pub(super) struct TurnAway {
    answer: Arc<[u8]>,
    speaks_tls: bool,
    waited_for: Arc<Semaphore>,
    goodbyes: TaskTracker,
    end: CancellationToken,
    counts: Arc<ListenCounts>,
}

impl TurnAway {
    pub(super) fn new(settings: &ListenSettings) -> Self {
        let body = &settings.when_full;
        let head = format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             retry-after: {RETRY_AFTER}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Self {
            answer: Arc::from([head.as_bytes(), body.as_bytes()].concat()),
            speaks_tls: settings.tls.is_some(),
            waited_for: Arc::new(Semaphore::new(WAITED_FOR)),
            goodbyes: TaskTracker::new(),
            end: CancellationToken::new(),
            counts: settings.counts.clone(),
        }
    }

    pub(super) fn turn_away(&self, stream: TcpStream) {
        self.counts.turned_away();
        // A handshake just to say no would cost more than serving. Closing says it too.
        if self.speaks_tls {
            return;
        }
        let Ok(permit) = self.waited_for.clone().try_acquire_owned() else {
            let _ = stream.try_write(&self.answer);
            return;
        };
        let (answer, end) = (self.answer.clone(), self.end.clone());
        self.goodbyes.spawn(async move {
            let goodbye = timeout(PATIENCE, say_goodbye(stream, &answer));
            let _ = end.run_until_cancelled(goodbye).await;
            drop(permit);
        });
    }
}

impl Drop for TurnAway {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn say_goodbye(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(THROWN_AWAY), &mut tokio::io::sink()).await?;
    Ok(())
}
