//! Traces that leave the house: the trace of a run in the shape and with the content that a destination asks for.
//!
//! [`TraceOfRun`] is what a run's journal says, as spans. [`encode`] writes any number of them as one OTLP
//! `ExportTraceServiceRequest` in a destination's [`Dialect`], after its [`Content`] policy took away what it must not see:
//! what a dialect writes can hold nothing that the policy removed. Encoding the same runs twice gives the same bytes.
//!
//! Absent on purpose: the OpenTelemetry SDK (the journal is the recorder), logs and metrics.

mod content;
mod counters;
mod deliver;
mod dialect;
mod encode;
mod exporter;
mod grpc;
mod http;
pub mod otlp;
mod priority;
mod queue;
mod sample;
mod spool;
mod token;
mod wire;

pub use content::{Content, Redactor};
pub use counters::{DestinationCounters, DropReason};
pub use deliver::destination::DestinationError;
pub use dialect::Dialect;
pub use encode::{Format, Resource, TraceOfRun, encode};
pub use exporter::{Credentials, ExporterSettings, Exporters, StartError, TelemetrySettings, TraceSource, Transport};
pub use sample::keep;
pub use spool::SpoolError;
