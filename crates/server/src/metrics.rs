//! Counters of requests, and the address where Prometheus reads everything. Labels are routes as written in [`crate::router`],
//! never addresses as asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::api::responses::Refused;
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::listen::ListenCounts;
use crate::shared::Api;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What is counted of requests.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    in_flight: Gauge,
    pub(crate) shed: Counter,
    pub(crate) streams: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_flight: Gauge::default(),
            shed: Counter::default(),
            streams: Gauge::default(),
        }
    }
}

impl HttpMetrics {
    pub(crate) fn describe(&self, registry: &mut Registry, listener: Option<Arc<ListenCounts>>) {
        let registry = registry.sub_registry_with_prefix("mainstay_http");
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register("request_seconds", "From the head to the answer's head", self.seconds.clone());
        registry.register("in_flight", "Requests at work or waiting for their turn", self.in_flight.clone());
        registry.register("shed", "Requests refused because there was too much to do", self.shed.clone());
        registry.register("streams", "People who follow a run live", self.streams.clone());
        if let Some(counts) = listener {
            registry.register_collector(Box::new(Connections(counts)));
        }
    }

    /// Counts a request as in flight until what this gives is dropped.
    pub(crate) fn enter(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    pub(crate) fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = Answered { method: word(method), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

/// The listener's own counters, read when Prometheus asks.
#[derive(Debug)]
struct Connections(Arc<ListenCounts>);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counted = self.0.read();
        let open = ConstGauge::new(counted.open);
        open.encode(encoder.encode_descriptor(
            "connections",
            "Connections that are open",
            None,
            open.metric_type(),
        )?)?;
        for (name, help, count) in [
            ("connections_accepted", "Connections that got a place", counted.accepted),
            ("connections_turned_away", "Connections that got none", counted.turned_away),
            ("connections_made_room", "Quiet connections closed for another", counted.made_room),
            ("connections_too_slow", "Connections closed because their peer took too long", counted.too_slow),
            ("handshakes_failed", "TLS handshakes that failed", counted.handshakes_failed),
        ] {
            let count = ConstCounter::new(count);
            count.encode(encoder.encode_descriptor(name, help, None, count.metric_type())?)?;
        }
        Ok(())
    }
}

/// Counts up, and down when it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A method can be any word that a caller likes; a label cannot.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counters in the text format of OpenMetrics, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses((status = 200, description = "Counters", body = String, content_type = "application/openmetrics-text"), Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn metrics(State(api): State<Api>, caller: Caller) -> Result<impl IntoResponse, ApiError> {
    api.allow(&caller, Action::ReadMetrics, "metrics")?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], api.mainstay.metrics().await))
}
