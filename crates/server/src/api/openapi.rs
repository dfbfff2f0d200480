//! `GET /openapi.json`: the document of this API, made from the handlers and the shapes that they read and write.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::events::EventShown;

/// The calls of this API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mainstay",
        description = "Starts and follows runs of narrow agents, decides approvals, and shows what happened. \
            Every refusal has a `code` with a page; every POST may carry an `Idempotency-Key`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        crate::api::agents::list,
        crate::api::agents::read,
        crate::api::runs::start::start,
        crate::api::runs::list,
        crate::api::runs::read,
        crate::api::events::follow,
        crate::api::trace::read,
        crate::api::runs::cancel,
        crate::api::feedback::give,
        crate::api::approvals::list,
        crate::api::approvals::read,
        crate::api::approvals::decide,
        crate::api::effects::list,
        crate::api::audit::list,
        crate::metrics::metrics,
        crate::health::alive,
        crate::health::ready,
        crate::api::pages::read,
        document,
    ),
    components(schemas(EventShown)),
    modifiers(&Key),
    tags(
        (name = "runs", description = "Start, follow, cancel and rate"),
        (name = "approvals", description = "What waits for a person"),
        (name = "agents", description = "What agents are for"),
        (name = "operation", description = "Health, metrics, audit"),
    ),
)]
struct Api;

/// How callers prove who they are.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut Document) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description =
            Some("A key as `mainstay keys create` printed it; not needed while there are none".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", operation_id = "openapi", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object),
))]
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
