//! Reads a body into memory, as far as its limits allow.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::{BodyError, BodyLimits};
use crate::listen::SlowBody;

/// Nobody waits longer, whatever the limits say; a time beyond what a clock can hold would be a panic.
const LONGEST: Duration = Duration::from_hours(24);

/// Reads the whole body. It takes memory for what has come, not for what was announced.
///
/// A handler that waits for its turn ([`crate::shed`]) should have it before it reads: then the memory of all bodies
/// together is bounded by the requests at work, not by the connections.
///
/// # Errors
///
/// [`BodyError::TooLarge`] (at once, if the announced length says so), [`BodyError::TooSlow`], [`BodyError::Broken`].
pub async fn read_body(mut body: Body, limits: &BodyLimits) -> Result<Bytes, BodyError> {
    let too_large = || BodyError::TooLarge { limit: limits.bytes };
    if body.size_hint().lower() > u64::try_from(limits.bytes).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let end = Instant::now() + limits.whole.min(LONGEST);
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    loop {
        let until = end.min(Instant::now() + limits.idle.min(LONGEST));
        let Some(frame) = timeout_at(until, body.frame()).await.map_err(|_| BodyError::TooSlow)? else { break };
        // Trailers are of no interest.
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        // Pieces that never let the clock be looked at are still over when the time is.
        if Instant::now() >= end {
            return Err(BodyError::TooSlow);
        }
        if first.len() + more.len() + piece.len() > limits.bytes {
            return Err(too_large());
        }
        // Most bodies come in one piece, which then needs no copy.
        match (first.is_empty(), more.is_empty()) {
            (true, true) => first = piece,
            (false, _) => {
                more.extend_from_slice(&std::mem::take(&mut first));
                more.extend_from_slice(&piece);
            }
            (true, false) => more.extend_from_slice(&piece),
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

fn broken(error: axum::Error) -> BodyError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if found.is::<SlowBody>() {
            return BodyError::TooSlow;
        }
        cause = found.source();
    }
    BodyError::Broken(error)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    const LIMITS: BodyLimits =
        BodyLimits { bytes: 10, depth: 32, whole: Duration::from_secs(30), idle: Duration::from_secs(10) };

    fn pieces(pieces: &[&'static str], pause: Duration) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        Body::from_stream(stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(piece)
        }))
    }

    async fn read(body: Body) -> Result<Bytes, BodyError> {
        read_body(body, &LIMITS).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_whole_in_one_piece_in_many_and_in_none() {
        assert_eq!(read(Body::from("0123456789")).await.unwrap(), "0123456789");
        assert_eq!(read(pieces(&["012", "", "345", "6"], Duration::ZERO)).await.unwrap(), "0123456");
        assert_eq!(read(Body::empty()).await.unwrap(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn one_byte_too_many_is_refused_whether_announced_or_not() {
        assert!(matches!(read(Body::from("0123456789a")).await, Err(BodyError::TooLarge { limit: 10 })));
        let unannounced = pieces(&["01234", "56789", "a"], Duration::ZERO);
        assert!(matches!(read(unannounced).await, Err(BodyError::TooLarge { limit: 10 })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_too_slow_though_it_never_rests() {
        let trickle = ["a"; 9];
        let four_seconds = Duration::from_secs(4);
        assert!(matches!(read(pieces(&trickle, four_seconds)).await, Err(BodyError::TooSlow)));
        assert_eq!(read(pieces(&trickle, Duration::from_secs(3))).await.unwrap().len(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_rests_is_too_slow_though_it_would_end_in_time() {
        assert!(matches!(read(pieces(&["a"], Duration::from_secs(11))).await, Err(BodyError::TooSlow)));
    }

    #[tokio::test]
    async fn the_listeners_own_limit_is_told_from_a_broken_connection() {
        let slow = Body::from_stream(stream::iter([Err::<Bytes, _>(SlowBody)]));
        assert!(matches!(read(slow).await, Err(BodyError::TooSlow)));
        let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]));
        assert!(matches!(read(broken).await, Err(BodyError::Broken(_))));
    }
}
