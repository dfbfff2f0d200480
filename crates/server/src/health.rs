//! Is the process alive, and should it get requests? Neither needs a key, and neither says more than that.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::shared::Api;

/// How the process is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthWord,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthWord {
    Alive,
    Ready,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", operation_id = "healthz", responses(
    (status = 200, description = "It is alive", body = Health),
))]
pub(crate) async fn alive() -> Json<Health> {
    Json(Health { status: HealthWord::Alive })
}

/// The process takes requests: it is not about to stop, and its store answers.
#[utoipa::path(get, path = "/readyz", tag = "operation", operation_id = "readyz", responses(
    (status = 200, description = "It takes requests", body = Health),
    (status = 503, description = "It takes none: it stops, or its store does not answer", body = ErrorBody),
))]
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<Health>, ApiError> {
    if api.is_stopping() {
        return Err(ApiError::Draining);
    }
    if !api.mainstay.is_ready().await {
        return Err(ApiError::Store);
    }
    Ok(Json(Health { status: HealthWord::Ready }))
}
