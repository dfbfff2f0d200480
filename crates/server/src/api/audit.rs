//! `GET /v1/audit`: who did what, and who tried.

use axum::Json;
use axum::extract::State;
use mainstay::access::{AuditEvent, AuditFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::Asked;
use crate::api::responses::Refused;
use crate::api::values::{Limit, Name, filled, moment};
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::shared::Api;

/// One thing that somebody did, or was not allowed to do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditShown {
    /// Sorts by time.
    #[schema(format = "uuid")]
    id: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: the name of a key, `local` or `anonymous`.
    actor: String,
    /// In which tenant; null when it concerns none or all.
    tenant: Option<String>,
    /// What, such as `approval.decide`.
    action: String,
    /// To what, such as a run's id.
    subject: String,
    /// Whether it was allowed.
    allowed: bool,
    /// More words.
    detail: Option<String>,
}

impl From<&AuditEvent> for AuditShown {
    fn from(event: &AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: moment(event.at),
            actor: event.actor.clone(),
            tenant: filled(&event.tenant),
            action: event.action.clone(),
            subject: event.subject.clone(),
            allowed: event.allowed,
            detail: filled(&event.detail),
        }
    }
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only this action, such as `approval.decide`.
    #[param(inline)]
    action: Option<Name>,
    /// Only this tenant's; for keys that reach all.
    #[param(inline)]
    tenant: Option<Name>,
    /// At most so many.
    #[param(inline)]
    #[serde(default)]
    limit: Limit,
    /// Where the page before said that this one begins.
    #[param(value_type = Option<String>, format = "uuid")]
    cursor: Option<String>,
}

/// A page of the audit trail, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    events: Vec<AuditShown>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
}

/// Who did what, and who tried; newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "operation", operation_id = "list_audit",
    params(Which), responses((status = 200, description = "A page", body = AuditPage), Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<AuditPage>, ApiError> {
    api.allow(&caller, Action::ReadAudit, "audit")?;
    let tenant = api.tenant(&caller, Action::ReadAudit, which.tenant.map(|name| name.0))?;
    let before = match which.cursor.as_deref().map(Uuid::try_parse) {
        None => None,
        Some(Ok(cursor)) => Some(cursor),
        Some(Err(_)) => return Err(ApiError::Invalid("`cursor` is none of ours".into(), "take it from `next`")),
    };
    let filter = AuditFilter { tenant, action: which.action.map(|name| name.0), before, limit: which.limit.count() };
    let events = api.mainstay.audit(&filter).await?;
    let is_full = events.len() == usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let next = events.last().filter(|_| is_full).map(|event| event.id.to_string());
    Ok(Json(AuditPage { events: events.iter().map(AuditShown::from).collect(), next }))
}
