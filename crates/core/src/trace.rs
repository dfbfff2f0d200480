//! The trace of a run: a projection of its journal, so the two can never disagree.
//!
//! Names follow the OpenTelemetry GenAI conventions v1.41; all of them stand in [`name`]. Content is as masked as the
//! journal's, and [`name::is_content`] says what is content. Ids are derived, so the same run has the same trace every
//! time.
//!
//! The journal knows to the millisecond when a step began and to the microsecond how long it took. Steps of a run
//! follow one another, so a step that seems to begin in the last millisecond of the one before begins where that one
//! ended.

pub mod context;
mod describe;
mod message;
pub mod name;
mod provider;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::journal::entry::{Entry, Payload};
use crate::store::RunRecord;
use crate::trace::context::{SpanId, TraceId, TraceParent, root_span_id, span_id, trace_id};
use crate::trace::describe::Described;

/// One span. The first of a trace is the run itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace: TraceId,
    /// Its id; the same whenever the run is projected.
    pub id: SpanId,
    /// The parent's id; of the run, the span of the caller, where a `traceparent` named one.
    pub parent_id: Option<SpanId>,
    /// Index of the parent in the trace; `None` for the run.
    pub parent: Option<usize>,
    /// What kind of thing it is.
    pub kind: SpanKind,
    /// What it is, such as `chat gpt-5-mini`.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// The same in microseconds since the Unix epoch. No span begins before its parent or ends after it.
    pub start_us: i64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Facts by [`name`].
    pub attributes: Map<String, Value>,
    /// Why it failed, in words that may quote content; set when it did, together with [`name::ERROR_TYPE`].
    pub error: Option<String>,
}

impl Span {
    /// One fact, by [`name`].
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// One fact that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// One fact that is a count.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_u64)
    }

    /// When it ended, in microseconds since the Unix epoch.
    pub fn end_us(&self) -> i64 {
        self.start_us.saturating_add(i64::try_from(self.took_us).unwrap_or(i64::MAX))
    }
}

/// What kind of thing a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// The run itself.
    Run,
    /// The request was screened.
    Screen,
    /// The response cache was asked.
    Cache,
    /// The models were chosen.
    Route,
    /// A model was called.
    Model,
    /// A try of a model failed, inside [`SpanKind::Model`].
    FailedTry,
    /// The policy judged a call.
    Policy,
    /// A person was asked.
    ApprovalAsked,
    /// The person answered, or time ran out.
    ApprovalDecided,
    /// A changing call was about to be sent.
    Effect,
    /// A tool was called.
    Tool,
    /// The knowledge base was searched.
    Retrieval,
    /// A guard judged a text, inside the step that the text belongs to.
    Guard,
    /// The draft was checked.
    Validation,
    /// The business rules judged the answer.
    Rules,
    /// The run ended.
    Reply,
}

/// All spans of a run, parents before children.
pub fn spans(run: &RunRecord, entries: &[Entry]) -> Vec<Span> {
    let mut spans = vec![root(run, entries)];
    let begin = run.created_at.0.saturating_mul(1000);
    let (mut previous_end, mut end) = (begin, begin);
    for entry in entries {
        // Clocks of replicas differ; nothing of a run begins before it.
        let earliest = entry.at.0.saturating_mul(1000).max(begin);
        let is_same_moment = previous_end.saturating_sub(earliest) < 1000;
        let start_us = if is_same_moment { earliest.max(previous_end) } else { earliest };
        let parent = spans.len();
        spans.extend(step(run, entry, start_us, parent));
        previous_end = spans.get(parent).map_or(start_us, Span::end_us);
        end = end.max(previous_end);
    }
    if let Some(root) = spans.first_mut() {
        root.took_us = u64::try_from(end.saturating_sub(begin)).unwrap_or(0);
    }
    spans
}

fn root(run: &RunRecord, entries: &[Entry]) -> Span {
    let Described { kind, name, attributes, error } = describe::run(run, entries);
    Span {
        trace: trace_id(run),
        id: root_span_id(run.id),
        parent_id: TraceParent::parse(&run.context.trace_parent).map(|parent| parent.span),
        parent: None,
        kind,
        name,
        start: run.created_at,
        start_us: run.created_at.0.saturating_mul(1000),
        took_us: 0,
        attributes,
        error,
    }
}

/// The span of an entry, which will stand at `index`, and those of what happened inside it.
fn step(run: &RunRecord, entry: &Entry, start_us: i64, index: usize) -> Vec<Span> {
    let Described { kind, name, attributes, error } = describe::entry(&entry.payload);
    let step = Span {
        trace: trace_id(run),
        id: span_id(run.id, entry.position, 0),
        parent_id: Some(root_span_id(run.id)),
        parent: Some(0),
        kind,
        name,
        start: entry.at,
        start_us,
        took_us: entry.took_us,
        attributes,
        error,
    };
    let inside = describe::inside(&entry.payload);
    let took = inside.iter().fold(0_u64, |sum, (_, took_us)| sum.saturating_add(*took_us));
    // A tool's result can only be judged after the call; everything else begins with its step.
    let is_last = matches!(entry.payload, Payload::ToolCalled(_));
    let before = if is_last { entry.took_us.saturating_sub(took) } else { 0 };
    let mut at = start_us.saturating_add(i64::try_from(before).unwrap_or(i64::MAX));
    let mut spans = Vec::with_capacity(inside.len() + 1);
    for (child, (described, took_us)) in (1..).zip(inside) {
        let Described { kind, name, attributes, error } = described;
        let left = u64::try_from(step.end_us().saturating_sub(at)).unwrap_or(0);
        let span = Span {
            trace: step.trace,
            id: span_id(run.id, entry.position, child),
            parent_id: Some(step.id),
            parent: Some(index),
            kind,
            name,
            start: Timestamp(at.div_euclid(1000)),
            start_us: at,
            took_us: took_us.min(left),
            attributes,
            error,
        };
        at = span.end_us();
        spans.push(span);
    }
    spans.insert(0, step);
    spans
}
