//! Runs as the bytes of one OTLP `ExportTraceServiceRequest`.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use mainstay_core::journal::entry::Entry;
use mainstay_core::store::RunRecord;
use mainstay_core::trace::{self, Span, SpanKind, name};

use crate::content::{Content, Lens, Masks, Redactor};
use crate::dialect::{Attributes, Dialect, Trace};
use crate::otlp::{self, StatusCode};
use crate::wire::Writer;

/// A run and its trace, projected once for all destinations.
///
/// What a content policy leaves of it is worked out once too, for the first [`Format`] that asks and for all that bring
/// the same redactor.
#[derive(Clone)]
pub struct TraceOfRun {
    /// The run.
    pub record: RunRecord,
    /// Its spans, parents before children; the first is the run. Content is as masked as the journal's.
    pub spans: Vec<Span>,
    masks: Masks,
    without_content: OnceLock<Seen>,
    redacted: OnceLock<Seen>,
}

/// Spans as a policy left them, and the redactor that it used.
#[derive(Clone)]
struct Seen {
    redactor: Arc<dyn Redactor>,
    spans: Vec<Span>,
}

impl TraceOfRun {
    /// Projects a run's journal.
    pub fn new(record: RunRecord, entries: &[Entry]) -> Self {
        let spans = trace::spans(&record, entries);
        let masks = Masks::new(entries);
        Self { record, spans, masks, without_content: OnceLock::new(), redacted: OnceLock::new() }
    }

    fn seen(&self, format: &Format) -> Cow<'_, [Span]> {
        let kept = match format.content {
            Content::None => &self.without_content,
            Content::Redacted => &self.redacted,
            Content::Full => return Cow::Borrowed(&self.spans),
        };
        let look = || {
            let lens = Lens::new(format.content, &self.masks, format.redactor.as_ref());
            self.spans.iter().map(|span| lens.show(span)).collect()
        };
        let seen = kept.get_or_init(|| Seen { redactor: Arc::clone(&format.redactor), spans: look() });
        if Arc::ptr_eq(&seen.redactor, &format.redactor) { Cow::Borrowed(&seen.spans) } else { Cow::Owned(look()) }
    }
}

/// How a destination wants its traces.
#[derive(Clone)]
pub struct Format {
    /// Which names it reads.
    pub dialect: Dialect,
    /// What it may see.
    pub content: Content,
    /// What takes personal data out, under [`Content::Redacted`].
    pub redactor: Arc<dyn Redactor>,
    /// Who we are.
    pub resource: Resource,
}

/// Who made the spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// `service.name`.
    pub service_name: String,
    /// `service.version`.
    pub service_version: String,
    /// `service.instance.id`: this process.
    pub instance: String,
    /// `deployment.environment.name`, such as `production`; empty when nobody says.
    pub environment: String,
    /// The project there: for Phoenix and LangSmith its name, for AgentOps the id that the token exchange returned.
    pub project: Option<String>,
}

/// Encodes `traces` as the protobuf bytes of one `ExportTraceServiceRequest`. The same traces give the same bytes, and
/// the bytes of several calls, one after the other, are a request too.
pub fn encode(traces: &[TraceOfRun], format: &Format) -> Vec<u8> {
    let mut request = Writer::default();
    let schema_url = format.dialect.schema_url();
    request.message(RESOURCE_SPANS, |resource_spans| {
        resource_spans.message(RESOURCE, |resource| write_resource(resource, format));
        resource_spans.message(SCOPE_SPANS, |scope_spans| {
            scope_spans.message(SCOPE, |scope| {
                scope.text(SCOPE_NAME, "mainstay");
                scope.text(SCOPE_VERSION, &format.resource.service_version);
            });
            traces.iter().for_each(|trace| write_trace(scope_spans, trace, format));
            scope_spans.text(SCHEMA_URL, schema_url);
        });
        resource_spans.text(SCHEMA_URL, schema_url);
    });
    request.into_bytes()
}

/// Fields of the messages, as in [`crate::otlp`].
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SPANS: u32 = 2;
const SCHEMA_URL: u32 = 3;
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const EVENTS: u32 = 11;
const EVENT_TIME: u32 = 1;
const EVENT_NAME: u32 = 2;
const EVENT_ATTRIBUTES: u32 = 3;
const STATUS: u32 = 15;
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;
const FLAGS: u32 = 16;

/// Flags of a span: its trace is recorded, and it is known whether the parent is another process's.
const RECORDED: u32 = 0x01;
const KNOWS_WHERE_PARENT_IS: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;

fn write_resource(resource: &mut Writer, format: &Format) {
    let Resource { service_name, service_version, instance, environment, .. } = &format.resource;
    let mut attributes = Attributes::new(resource, RESOURCE_ATTRIBUTES);
    attributes.text("service.name", service_name);
    attributes.text("service.version", service_version);
    attributes.text("service.instance.id", instance);
    attributes.text("deployment.environment.name", environment);
    format.dialect.resource(&format.resource, &mut attributes);
}

fn write_trace(scope_spans: &mut Writer, trace: &TraceOfRun, format: &Format) {
    let spans = trace.seen(format);
    let Some(run) = spans.first() else { return };
    let facts = Trace { run, resource: &format.resource };
    let mut common = Writer::default();
    format.dialect.write_common(&facts, &mut Attributes::new(&mut common, ATTRIBUTES));
    let common = common.into_bytes();
    for span in spans.iter() {
        scope_spans.message(SPANS, |writer| {
            writer.fields(&common);
            write_span(writer, span, &facts, format.dialect);
        });
    }
}

fn write_span(writer: &mut Writer, span: &Span, trace: &Trace<'_>, dialect: Dialect) {
    let is_remote = span.parent.is_none() && span.parent_id.is_some();
    writer.bytes(TRACE_ID, &span.trace.0);
    writer.bytes(SPAN_ID, &span.id.0);
    if let Some(parent) = span.parent_id {
        writer.bytes(PARENT_SPAN_ID, &parent.0);
    }
    writer.fixed32(FLAGS, RECORDED | KNOWS_WHERE_PARENT_IS | if is_remote { PARENT_IS_REMOTE } else { 0 });
    writer.text(NAME, &span.name);
    writer.varint(KIND, kind(span) as u64);
    writer.fixed64(START, nanos(span.start_us));
    writer.fixed64(END, nanos(span.end_us()));
    dialect.write(span, trace, &mut Attributes::new(writer, ATTRIBUTES));
    let Some(why) = span.error.as_deref() else { return };
    if dialect.reads_exceptions() {
        writer.message(EVENTS, |event| {
            event.fixed64(EVENT_TIME, nanos(span.end_us()));
            event.text(EVENT_NAME, "exception");
            let mut attributes = Attributes::new(event, EVENT_ATTRIBUTES);
            attributes.text("exception.type", span.text(name::ERROR_TYPE).unwrap_or_default());
            attributes.text("exception.message", why);
        });
    }
    writer.message(STATUS, |status| {
        status.text(STATUS_MESSAGE, why);
        status.varint(STATUS_CODE, StatusCode::Error as u64);
    });
}

/// Who does the work: the convention has calls of models and searches as a client's, everything else in this process.
fn kind(span: &Span) -> otlp::SpanKind {
    match span.kind {
        SpanKind::Model if span.text(name::PROVIDER) != Some("embedded") => otlp::SpanKind::Client,
        SpanKind::Retrieval => otlp::SpanKind::Client,
        _ => otlp::SpanKind::Internal,
    }
}

fn nanos(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or(0).saturating_mul(1000)
}
