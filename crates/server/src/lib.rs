//! The HTTP side of Mainstay: an application starts and follows runs, a person decides approvals, an operator watches.
//!
//! [`router`] is the table of contents, and can be mounted in a router of your own. [`Server`] serves it.
//!
//! Between a socket and a handler, knowing nothing of agents:
//!
//! * [`listen`]: connections, each bounded in time and all together in number; TLS; the orderly end;
//! * [`limits`]: a request's head and its JSON body, bounded in size, time and depth before anything believes them;
//! * [`shed`]: how many requests are at work at once, and who is sent away with a time to come back;
//! * [`rate`]: how many requests a key may make in a minute.
//!
//! Then `guard` (what every request passes), `auth` (who asks, what they may), `idempotency` (the same request twice),
//! `api` (the calls), `live` (events), `error` (the one place that chooses status codes).
//!
//! Absent on purpose: HTTP/2, upgrades, compression, cross-origin requests, cookies, and a proxy's headers
//! (`X-Forwarded-For` is never believed).

mod api;
mod auth;
mod error;
mod guard;
mod health;
mod idempotency;
pub mod limits;
pub mod listen;
mod live;
mod metrics;
pub mod rate;
mod server;
mod shared;
pub mod shed;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use mainstay::Mainstay;

use api::{agents, approvals, audit, effects, events, feedback, openapi, pages, runs, trace};
use error::{ApiError, Missing};

pub use error::DOCS;
pub use server::{ServeError, Server};
pub use shared::ApiSettings;
pub use tokio_util::sync::CancellationToken;

/// The API of an open installation. Mount it with `nest`, or serve it as it is.
///
/// While no key was made, requests are taken from this machine only, and their peers must be known: serve the router with
/// `into_make_service_with_connect_info::<SocketAddr>()`, or with [`listen::serve`].
pub fn router(mainstay: Arc<Mainstay>, settings: ApiSettings) -> Router {
    let api = shared::Api::new(mainstay, settings);

    let guarded = Router::new()
        .route("/v1/agents", get(agents::list))
        .route("/v1/agents/{agent}", get(agents::read))
        .route("/v1/agents/{agent}/runs", post(runs::start::start))
        .route("/v1/runs", get(runs::list))
        .route("/v1/runs/{id}", get(runs::read))
        .route("/v1/runs/{id}/events", get(events::follow))
        .route("/v1/runs/{id}/trace", get(trace::read))
        .route("/v1/runs/{id}/cancel", post(runs::cancel))
        .route("/v1/runs/{id}/feedback", post(feedback::give))
        .route("/v1/approvals", get(approvals::list))
        .route("/v1/approvals/{id}", get(approvals::read))
        .route("/v1/approvals/{id}/decision", post(approvals::decide))
        .route("/v1/effects", get(effects::list))
        .route("/v1/audit", get(audit::list))
        .route("/metrics", get(metrics::metrics))
        .route_layer(from_fn_with_state(api.clone(), guard::guard));

    let public = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(openapi::document))
        .route("/docs/errors/{code}", get(pages::read));

    Router::new()
        .merge(guarded)
        .merge(public)
        .fallback(async || ApiError::Missing(Missing::Path))
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(from_fn_with_state(api.clone(), guard::observe))
        .with_state(api)
}
