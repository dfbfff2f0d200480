//! A stream that tells its connection's pulse what it hears, and whose peer must take what is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::pulse::Pulse;

/// Closing a socket that has unread input resets the connection, and the peer may never see the answer (a 413, a 431)
/// that it got before it had sent everything. So what it still sends is read for a while, and thrown away.
const LINGER: Duration = Duration::from_secs(2);

/// How much of it.
const LINGER_BYTES: usize = 1024 * 1024;

pub(super) struct Paced<S> {
    stream: S,
    pulse: Arc<Pulse>,
    stall: Duration,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    leaving: Option<Leaving>,
}

struct Leaving {
    bytes_left: usize,
    timer: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// `stall` is how long the peer may take nothing of what is written.
    pub(super) fn new(stream: S, pulse: Arc<Pulse>, stall: Duration) -> Self {
        Self { stream, pulse, stall, stalled: None, leaving: None }
    }

    /// Takes note of what the peer takes or does not.
    fn written<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.pulse.set_writing(written.is_pending());
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(stalled.as_mut().poll(context));
        self.pulse.place().counts().too_slow();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > filled {
            self.pulse.heard();
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(context);
        self.written(written, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.leaving.is_none() {
            let closed = Pin::new(&mut this.stream).poll_shutdown(context);
            ready!(this.written(closed, context))?;
            if !this.pulse.may_have_unread_input() {
                return Poll::Ready(Ok(()));
            }
        }
        let leaving =
            this.leaving.get_or_insert_with(|| Leaving { bytes_left: LINGER_BYTES, timer: Box::pin(sleep(LINGER)) });
        leaving.poll_linger(&mut this.stream, context).map(Ok)
    }
}

impl Leaving {
    fn poll_linger(&mut self, stream: &mut (impl AsyncRead + Unpin), context: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Pending => return self.timer.as_mut().poll(context),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {}
            }
            let read = buffer.filled().len();
            if read == 0 || read >= self.bytes_left {
                return Poll::Ready(());
            }
            self.bytes_left -= read;
        }
    }
}
