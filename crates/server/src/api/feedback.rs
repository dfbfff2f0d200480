//! `POST /v1/runs/{id}/feedback`: a rating, a correction, a reason.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use mainstay::access;
use mainstay_core::id::{FeedbackId, RunId};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, AllOfBuilder, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::api::Named;
use crate::api::responses::{NotDone, NotThere, Refused, Repeatable};
use crate::api::values::{AnswerText, Rating, Remark, filled, moment, present};
use crate::auth::{Action, Caller};
use crate::error::ApiError;
use crate::idempotency::{self, Answer, Turn};
use crate::shared::Api;

/// What somebody said of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Feedback {
    /// Its id.
    #[schema(pattern = "^fbk_[0-9a-f]{32}$")]
    id: String,
    /// The run.
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    run: String,
    /// Who: the name of a key.
    by: String,
    /// From -1 (bad) to 1 (good).
    #[schema(minimum = -1, maximum = 1)]
    rating: Option<i8>,
    /// What the answer should have been.
    correction: Option<String>,
    /// Why.
    reason: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<&access::Feedback> for Feedback {
    fn from(feedback: &access::Feedback) -> Self {
        Self {
            id: feedback.id.to_string(),
            run: feedback.run.to_string(),
            by: feedback.by.clone(),
            rating: feedback.rating,
            correction: filled(&feedback.correction),
            reason: filled(&feedback.reason),
            at: moment(feedback.at),
        }
    }
}

/// A remark on a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GiveFeedback {
    #[serde(default, deserialize_with = "present")]
    rating: Option<Rating>,
    #[serde(default, deserialize_with = "present")]
    correction: Option<AnswerText>,
    #[serde(default, deserialize_with = "present")]
    reason: Option<Remark>,
}

impl PartialSchema for GiveFeedback {
    fn schema() -> RefOr<Schema> {
        let of = |schema: RefOr<Schema>, words: &str| AllOfBuilder::new().item(schema).description(Some(words));
        ObjectBuilder::new()
            .description(Some("A remark on a run; says at least one thing."))
            .property("rating", of(Rating::schema(), "From -1 (bad) to 1 (good)."))
            .property("correction", of(AnswerText::schema(), "What the answer should have been."))
            .property("reason", of(Remark::schema(), "Why."))
            .min_properties(Some(1))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .into()
    }
}

impl ToSchema for GiveFeedback {}

impl GiveFeedback {
    fn check(&self) -> Result<(), ApiError> {
        if self.rating.is_none() && self.correction.is_none() && self.reason.is_none() {
            let what = "there is no rating, no correction and no reason".into();
            return Err(ApiError::Invalid(what, "send at least one of them"));
        }
        Ok(())
    }
}

/// Keeps what somebody says of a run.
#[utoipa::path(
    post, path = "/v1/runs/{id}/feedback", tag = "runs", operation_id = "give_feedback",
    params(
        ("id" = String, Path, pattern = "^run_[0-9a-f]{32}$"),
        Repeatable,
    ),
    request_body = GiveFeedback,
    responses(
        (status = 201, description = "It is kept", body = Feedback, headers(
            ("idempotency-replayed" = String, description = "`true` when this was answered before"),
        )),
        NotThere, NotDone, Refused,
    ),
    security(("key" = []), ()),
)]
pub(crate) async fn give(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named,
    head: Parts,
    body: Body,
) -> Result<Response, ApiError> {
    api.allow(&caller, Action::GiveFeedback, &id)?;
    let run = api.run_for(&caller, Action::GiveFeedback, &id).await?;
    let body = api.json::<GiveFeedback>(&head.headers, body).await?;
    body.value.check()?;
    let asked = idempotency::Asked { method: &head.method, uri: &head.uri, headers: &head.headers, body: &body.bytes };
    match idempotency::begin(&api, &caller, asked).await? {
        Turn::Replay { response, .. } => Ok(idempotency::replay(response, None)),
        Turn::Do(ticket) => {
            let outcome = give_once(&api, &caller, run.id, body.value, ticket.subject).await;
            Ok(ticket.finish(&api, outcome).await)
        }
    }
}

async fn give_once(
    api: &Api,
    caller: &Caller,
    run: RunId,
    given: GiveFeedback,
    subject: Uuid,
) -> Result<Answer, ApiError> {
    let feedback = access::Feedback {
        id: FeedbackId::from_uuid(subject),
        run,
        by: caller.name.clone(),
        rating: given.rating.and_then(|rating| i8::try_from(rating.0).ok()),
        correction: given.correction.map(|text| text.0).unwrap_or_default(),
        reason: given.reason.map(|text| text.0).unwrap_or_default(),
        at: api.mainstay.now(),
    };
    api.mainstay.add_feedback(&feedback).await?;
    api.done(caller, Action::GiveFeedback, &run.to_string(), "");
    Answer::new(StatusCode::CREATED, &Feedback::from(&feedback))
}
