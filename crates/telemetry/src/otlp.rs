//! The OTLP messages that we write and read, as in opentelemetry-proto 1.9 (`trace/v1`, `common/v1`, `resource/v1`,
//! `collector/trace/v1`). Field numbers are the protocol; fields that we never set are left out. Requests are written
//! by [`crate::encode`] without these, which is faster; they are for reading one back, and for the answers.

use prost::{Enumeration, Message, Oneof};

/// What is posted to `/v1/traces` or sent to `TraceService/Export`.
#[derive(Clone, PartialEq, Message)]
pub struct ExportTraceServiceRequest {
    /// Spans by their resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// What comes back.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ExportTraceServiceResponse {
    /// Set when not everything was taken, or when there is something to say.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<ExportTracePartialSuccess>,
}

/// Not everything was taken.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ExportTracePartialSuccess {
    /// So many spans were refused, and must not be sent again.
    #[prost(int64, tag = "1")]
    pub rejected_spans: i64,
    /// Why, for a developer.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// Spans of one resource.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// Who made them.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Spans by what made them.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
    /// The conventions' version.
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// Who made spans.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// Facts about it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// Spans of one instrumentation.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// The instrumentation.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// Its spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
    /// The conventions' version.
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// What made spans.
#[derive(Clone, PartialEq, Message)]
pub struct InstrumentationScope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// One span.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// 8 bytes; empty for the root of a trace.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// W3C trace flags, and whether the parent is another process's.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
    /// What it is.
    #[prost(string, tag = "5")]
    pub name: String,
    /// Where it ran, seen from us.
    #[prost(enumeration = "SpanKind", tag = "6")]
    pub kind: i32,
    /// Nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// Nanoseconds since the Unix epoch, not before the start.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// Facts about it, each key once.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// What happened at one moment of it.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    /// Whether it failed.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// Something that happened at one moment of a span.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// What.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Facts about it.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

/// How a span ended.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Status {
    /// Why it failed, for a developer.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Whether it failed.
    #[prost(enumeration = "StatusCode", tag = "3")]
    pub code: i32,
}

/// An attribute.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of some kind.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// Of which kind.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5")]
    pub value: Option<Value>,
}

/// The kinds of values that we write.
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// Text.
    #[prost(string, tag = "1")]
    String(String),
    /// Yes or no.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// An integer.
    #[prost(int64, tag = "3")]
    Int(i64),
    /// A number.
    #[prost(double, tag = "4")]
    Double(f64),
    /// A list.
    #[prost(message, tag = "5")]
    Array(ArrayValue),
}

/// A list.
#[derive(Clone, PartialEq, Message)]
pub struct ArrayValue {
    /// Its items.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// Where a span ran, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum SpanKind {
    /// Nobody says.
    Unspecified = 0,
    /// In this process.
    Internal = 1,
    /// Somebody asked us.
    Server = 2,
    /// We asked somebody.
    Client = 3,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum StatusCode {
    /// Nobody says.
    Unset = 0,
    /// Well.
    Ok = 1,
    /// Not.
    Error = 2,
}
