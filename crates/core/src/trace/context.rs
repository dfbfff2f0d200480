//! W3C trace context: which trace a run belongs to, and the ids of its spans.
//!
//! Ids are derived, never drawn: exporting a run twice gives the same spans. A run that came with a `traceparent` joins that
//! trace; any other has a trace of its own, whose id is the run's UUID. Source: W3C Trace Context, level 1.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::RunId;
use crate::store::RunRecord;

/// 16 bytes, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// What a `traceparent` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The caller's span in it.
    pub span: SpanId,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a header; `None` when it is not well formed, which the convention asks to treat as absent.
    pub fn parse(header: &str) -> Option<Self> {
        let (version, rest) = header.trim().split_once('-')?;
        let mut parts = rest.split('-');
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let is_later = version != "00";
        if version == "ff" || version.len() != 2 || flags.len() != 2 || (!is_later && parts.next().is_some()) {
            return None;
        }
        bytes::<1>(version)?;
        let trace = bytes::<16>(trace).filter(|bytes| *bytes != [0; 16])?;
        let span = bytes::<8>(span).filter(|bytes| *bytes != [0; 8])?;
        let [flags] = bytes::<1>(flags)?;
        Some(Self { trace: TraceId(trace), span: SpanId(span), sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The trace of a run: the caller's, or its own.
pub fn trace_id(run: &RunRecord) -> TraceId {
    match TraceParent::parse(&run.context.trace_parent) {
        Some(parent) => parent.trace,
        None => TraceId(*run.id.uuid().as_bytes()),
    }
}

/// The span of a run itself.
pub fn root_span_id(run: RunId) -> SpanId {
    derive(run, u32::MAX, 0)
}

/// The span of the entry at `position`, or with `child` 1, 2 … of what happened inside it.
pub fn span_id(run: RunId, position: u32, child: u32) -> SpanId {
    derive(run, position, child)
}

/// What travels with a call that the step at `position` makes.
pub fn outgoing(run: &RunRecord, position: u32) -> TraceParent {
    let sampled = TraceParent::parse(&run.context.trace_parent).is_none_or(|parent| parent.sampled);
    TraceParent { trace: trace_id(run), span: span_id(run.id, position, 0), sampled }
}

fn derive(run: RunId, position: u32, child: u32) -> SpanId {
    let mut hasher = Sha256::new();
    hasher.update(b"mainstay/span/1");
    hasher.update(run.uuid().as_bytes());
    hasher.update(position.to_be_bytes());
    hasher.update(child.to_be_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 8];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    // A zero id would mean "none".
    id[7] |= 1;
    SpanId(id)
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let is_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if hex.len() != 2 * N || !is_hex {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_survives_reading_and_writing() {
        assert_eq!(TraceParent::parse(HEADER).unwrap().to_string(), HEADER);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like";
        assert_eq!(TraceParent::parse(later).unwrap().to_string(), HEADER);
    }

    #[test]
    fn what_is_not_well_formed_counts_as_absent() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_of_a_run_have_ids_of_their_own_that_never_change() {
        let run = RunId::from_uuid(uuid::Uuid::from_u128(7));
        let ids = [root_span_id(run), span_id(run, 0, 0), span_id(run, 0, 1), span_id(run, 1, 0)];
        assert!((0..4).all(|one| (0..one).all(|other| ids[one] != ids[other])));
        assert_eq!(span_id(run, 3, 0), span_id(run, 3, 0));
    }
}
