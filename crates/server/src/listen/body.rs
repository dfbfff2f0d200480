//! The two bodies of an exchange: the request's has a time limit, the answer's keeps its connection at work.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pulse::AtWork;

type BoxError = Box<dyn Error + Send + Sync>;

/// A request's body did not come in time. It is in the source chain of the error that reading the body gives.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body of the request did not come in time")]
pub struct SlowBody;

/// A request's body that fails with [`SlowBody`] when it takes too long. The clock starts with the first wait for it:
/// until then a handler may have been waiting for its turn.
pub(super) struct TimedBody {
    body: Incoming,
    whole: Duration,
    idle: Duration,
    limits: Option<Limits>,
    is_finished: bool,
    /// Told whether something is left unread, in which case the peer may still be sending.
    has_unread: Arc<AtomicBool>,
}

struct Limits {
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

impl TimedBody {
    pub(super) fn new(body: Incoming, whole: Duration, idle: Duration, has_unread: Arc<AtomicBool>) -> Self {
        let is_finished = body.is_end_stream();
        Self { body, whole, idle, limits: None, is_finished, has_unread }
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limits = self.limits.get_or_insert_with(|| {
            let now = Instant::now();
            let end = now + self.whole;
            Limits { end, timer: Box::pin(sleep_until(end.min(now + self.idle))) }
        });
        limits.timer.as_mut().poll(context)
    }

    /// Something came. Whether it was too late for it.
    fn came(&mut self) -> bool {
        let Some(limits) = &mut self.limits else { return false };
        let now = Instant::now();
        limits.timer.as_mut().reset(limits.end.min(now + self.idle));
        now >= limits.end
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(_))) if self.came() => Poll::Ready(Some(Err(SlowBody.into()))),
            Poll::Ready(Some(frame)) => Poll::Ready(Some(frame.map_err(Into::into))),
            Poll::Ready(None) => {
                self.is_finished = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.wait(context).map(|()| Some(Err(SlowBody.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        if !self.is_finished && !self.body.is_end_stream() {
            self.has_unread.store(true, Ordering::Relaxed);
        }
    }
}

/// An answer's body. hyper drops it when it has been written, and the request is at work until then.
pub(super) struct AnswerBody {
    body: Body,
    #[expect(dead_code, reason = "dropping it with the body is what it is for")]
    at_work: AtWork,
}

impl AnswerBody {
    pub(super) fn new(body: Body, at_work: AtWork) -> Self {
        Self { body, at_work }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
