//! What the addresses under `/v1` take and give. Each file holds the handlers of one thing with the shapes of their requests
//! and answers; domain types are converted here and never written as they are.

pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod effects;
pub(crate) mod events;
pub(crate) mod feedback;
pub(crate) mod openapi;
pub(crate) mod pages;
pub(crate) mod responses;
pub(crate) mod runs;
pub(crate) mod trace;
pub(crate) mod values;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use mainstay::{ApprovalRecord, RunRecord};
use mainstay_core::id::{ApprovalId, RunId};
use serde::de::DeserializeOwned;

use crate::auth::{Action, Caller};
use crate::error::{ApiError, Missing};
use crate::limits::{JsonBody, read_body, read_json};
use crate::shared::Api;

/// The one name in an address, such as a run's id, as the caller wrote it.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let name: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        Ok(Self(name?.0))
    }
}

/// What follows the `?`; unknown names are refused.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        Ok(Self(asked?.0))
    }
}

impl Api {
    /// The body as JSON of the shape asked for.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<JsonBody<T>, ApiError> {
        Ok(read_json(headers, body, &self.settings.body).await?)
    }

    /// Nothing, or an empty object: some clients cannot send a POST without a body.
    pub(crate) async fn no_body(&self, body: Body) -> Result<bytes::Bytes, ApiError> {
        let bytes = read_body(body, &self.settings.body).await?;
        match bytes.trim_ascii() {
            b"" | b"{}" => Ok(bytes),
            _ => Err(ApiError::Invalid("this call takes no body".into(), "send none, or `{}`")),
        }
    }

    /// A run within the caller's reach. One that is not is as one that does not exist.
    pub(crate) async fn run_for(&self, caller: &Caller, action: Action, id: &str) -> Result<RunRecord, ApiError> {
        let unknown = ApiError::Missing(Missing::Run);
        let Ok(id) = id.parse::<RunId>() else { return Err(unknown) };
        let run = self.mainstay.run(id).await?.ok_or(unknown)?;
        if caller.reaches(&run.principal.tenant, &run.agent) {
            Ok(run)
        } else {
            Err(self.out_of_reach(caller, action, &id.to_string(), Missing::Run))
        }
    }

    /// An approval within the caller's reach.
    pub(crate) async fn approval_for(
        &self,
        caller: &Caller,
        action: Action,
        id: &str,
    ) -> Result<ApprovalRecord, ApiError> {
        let unknown = ApiError::Missing(Missing::Approval);
        let Ok(id) = id.parse::<ApprovalId>() else { return Err(unknown) };
        let approval = self.mainstay.approval(id).await?.ok_or(unknown)?;
        if caller.reaches(&approval.asked.principal.tenant, &approval.asked.agent) {
            Ok(approval)
        } else {
            Err(self.out_of_reach(caller, action, &id.to_string(), Missing::Approval))
        }
    }
}
