//! `/v1/approvals`: what waits for a person, and the person's decision. Decisions count under the key's name.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use mainstay::{ApprovalFilter, ApprovalRecord, DecisionRefused, Verdict};
use mainstay_core::id::ApprovalId;
use mainstay_core::journal::entry::Decision;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::responses::{NotDone, NotThere, Refused, Repeatable};
use crate::api::values::{AnswerText, Hash, Limit, Name, Remark, filled, moment, present};
use crate::api::{Asked, Named};
use crate::auth::{Action, Caller};
use crate::error::{ApiError, Missing};
use crate::idempotency::{self, Answer, Turn};
use crate::shared::Api;

/// A question to a person about one exact call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Approval {
    /// Its id.
    #[schema(pattern = "^apr_[0-9a-f]{32}$")]
    id: String,
    /// The run that waits.
    #[schema(pattern = "^run_[0-9a-f]{32}$")]
    run: String,
    /// The agent.
    agent: String,
    /// Who asked the agent.
    principal: String,
    /// On whose behalf.
    tenant: String,
    /// The tool that would be called.
    tool: String,
    /// With exactly these arguments.
    arguments: Map<String, Value>,
    /// Their hash. A decision that names it counts only while it is the same.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    arguments_hash: String,
    /// Why a person is asked.
    reason: String,
    /// When it was asked.
    #[schema(format = DateTime)]
    created_at: String,
    /// No answer by then means no.
    #[schema(format = DateTime)]
    expires_at: String,
    /// How it stands.
    state: ApprovalState,
    /// Who decided.
    decided_by: Option<String>,
    /// Why.
    decision_reason: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    decided_at: Option<String>,
    /// The arguments as the person changed them.
    edited_arguments: Option<Map<String, Value>>,
    /// The person's own answer.
    answer: Option<String>,
}

/// How an approval stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ApprovalState {
    Waiting,
    Approved,
    Edited,
    Rejected,
    TakenOver,
    Expired,
    Cancelled,
}

impl From<Option<Decision>> for ApprovalState {
    fn from(decision: Option<Decision>) -> Self {
        match decision {
            None => Self::Waiting,
            Some(Decision::Approved) => Self::Approved,
            Some(Decision::Edited) => Self::Edited,
            Some(Decision::Rejected) => Self::Rejected,
            Some(Decision::TakenOver) => Self::TakenOver,
            Some(Decision::Expired) => Self::Expired,
            Some(Decision::Cancelled) => Self::Cancelled,
        }
    }
}

impl From<&ApprovalRecord> for Approval {
    fn from(record: &ApprovalRecord) -> Self {
        let asked = &record.asked;
        Self {
            id: asked.id.to_string(),
            run: asked.run.to_string(),
            agent: asked.agent.clone(),
            principal: asked.principal.id.clone(),
            tenant: asked.principal.tenant.clone(),
            tool: asked.tool.clone(),
            arguments: asked.arguments.clone(),
            arguments_hash: asked.arguments_hash.clone(),
            reason: asked.reason.clone(),
            created_at: moment(asked.created_at),
            expires_at: moment(asked.expires_at),
            state: record.decision.into(),
            decided_by: filled(&record.decided_by),
            decision_reason: filled(&record.decision_reason),
            decided_at: record.decided_at.map(moment),
            edited_arguments: record.edited.clone(),
            answer: record.answer.clone(),
        }
    }
}

/// Which approvals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Those that wait, or all.
    #[param(inline)]
    #[serde(default)]
    state: Standing,
    /// Only this agent's.
    #[param(inline)]
    agent: Option<Name>,
    /// Only this tenant's; for keys that reach all.
    #[param(inline)]
    tenant: Option<Name>,
    /// At most so many.
    #[param(inline)]
    #[serde(default)]
    limit: Limit,
    /// Where the page before said that this one begins.
    #[param(value_type = Option<String>, pattern = "^apr_[0-9a-f]{32}$")]
    cursor: Option<ApprovalId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Standing {
    #[default]
    Waiting,
    All,
}

/// A page of approvals, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalsPage {
    approvals: Vec<Approval>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
}

/// What waits for a person, newest first.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "approvals", operation_id = "list_approvals",
    params(Which), responses((status = 200, description = "A page", body = ApprovalsPage), Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Json<ApprovalsPage>, ApiError> {
    api.allow(&caller, Action::ReadApprovals, "approvals")?;
    let tenant = api.tenant(&caller, Action::ReadApprovals, which.tenant.map(|name| name.0))?;
    let mut filter = ApprovalFilter {
        only_pending: which.state == Standing::Waiting,
        tenant,
        agent: which.agent.map(|name| name.0),
        before: which.cursor,
        limit: which.limit.count(),
    };
    let most = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for agent in caller.agents_to_list(filter.agent.take()) {
        filter.agent = agent;
        found.extend(api.mainstay.approvals(&filter).await?);
    }
    // Each list is newest first, and ids sort by time.
    found.sort_unstable_by_key(|one| std::cmp::Reverse(one.asked.id));
    found.truncate(most);
    let next = found.last().filter(|_| found.len() == most).map(|one| one.asked.id.to_string());
    Ok(Json(ApprovalsPage { approvals: found.iter().map(Approval::from).collect(), next }))
}

/// One approval.
#[utoipa::path(
    get, path = "/v1/approvals/{id}", tag = "approvals", operation_id = "read_approval",
    params(("id" = String, Path, pattern = "^apr_[0-9a-f]{32}$")),
    responses((status = 200, description = "The approval", body = Approval), NotThere, Refused),
    security(("key" = []), ()),
)]
pub(crate) async fn read(State(api): State<Api>, caller: Caller, Named(id): Named) -> Result<Json<Approval>, ApiError> {
    api.allow(&caller, Action::ReadApprovals, &id)?;
    let record = api.approval_for(&caller, Action::ReadApprovals, &id).await?;
    Ok(Json((&record).into()))
}

/// A person's decision.
#[derive(Debug, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Decide {
    Approve {
        #[serde(default, deserialize_with = "present")]
        reason: Option<Remark>,
        #[serde(default, deserialize_with = "present")]
        seen_hash: Option<Hash>,
    },
    Edit {
        arguments: Map<String, Value>,
        #[serde(default, deserialize_with = "present")]
        reason: Option<Remark>,
        #[serde(default, deserialize_with = "present")]
        seen_hash: Option<Hash>,
    },
    Reject {
        #[serde(default, deserialize_with = "present")]
        reason: Option<Remark>,
        #[serde(default, deserialize_with = "present")]
        seen_hash: Option<Hash>,
    },
    TakeOver {
        answer: AnswerText,
        #[serde(default, deserialize_with = "present")]
        reason: Option<Remark>,
        #[serde(default, deserialize_with = "present")]
        seen_hash: Option<Hash>,
    },
}

impl Decide {
    /// What the person wants, why, and what they saw.
    fn verdict(self) -> (Verdict, Option<Remark>, Option<Hash>) {
        match self {
            Self::Approve { reason, seen_hash } => (Verdict::Approve, reason, seen_hash),
            Self::Edit { arguments, reason, seen_hash } => (Verdict::Edit(arguments), reason, seen_hash),
            Self::Reject { reason, seen_hash } => (Verdict::Reject, reason, seen_hash),
            Self::TakeOver { answer, reason, seen_hash } => (Verdict::TakeOver(answer.0), reason, seen_hash),
        }
    }
}

impl PartialSchema for Decide {
    fn schema() -> RefOr<Schema> {
        let described = |schema, words: &str| AllOfBuilder::new().item(schema).description(Some(words));
        let one = |word: &str, what: &str| {
            let decision = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some([word]));
            ObjectBuilder::new()
                .description(Some(what))
                .property("decision", decision)
                .required("decision")
                .property("reason", described(Remark::schema(), "Why; the agent reads it when the call is rejected."))
                .property(
                    "seen_hash",
                    described(
                        Hash::schema(),
                        "The hash that the person saw. If it is another by now, nothing is decided.",
                    ),
                )
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let arguments = ObjectBuilder::new().description(Some("All arguments of the call, but those that are fixed."));
        let answer = described(AnswerText::schema(), "What the principal gets.");
        OneOfBuilder::new()
            .description(Some("A person's decision."))
            .item(one("approve", "The call as it was shown."))
            .item(
                one("edit", "The call with these arguments instead; they are judged like any others.")
                    .property("arguments", arguments)
                    .required("arguments"),
            )
            .item(one("reject", "No call; the agent reads the reason."))
            .item(
                one("take_over", "No call; the principal gets this answer from the person.")
                    .property("answer", answer)
                    .required("answer"),
            )
            .into()
    }
}

impl ToSchema for Decide {}

/// Decides, once. The run goes on in the background.
///
/// Whoever asked the agent cannot decide. Another decision that came first, and one that comes too late, is a 409.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/decision", tag = "approvals", operation_id = "decide",
    params(
        ("id" = String, Path, pattern = "^apr_[0-9a-f]{32}$"),
        Repeatable,
    ),
    request_body = Decide,
    responses(
        (status = 200, description = "It counts", body = Approval, headers(
            ("idempotency-replayed" = String, description = "`true` when this was answered before"),
        )),
        NotThere, NotDone, Refused,
    ),
    security(("key" = []), ()),
)]
pub(crate) async fn decide(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named,
    head: Parts,
    body: Body,
) -> Result<Response, ApiError> {
    api.allow(&caller, Action::Decide, &id)?;
    let record = api.approval_for(&caller, Action::Decide, &id).await?;
    let body = api.json::<Decide>(&head.headers, body).await?;
    let (verdict, reason, seen_hash) = body.value.verdict();
    let asked = idempotency::Asked { method: &head.method, uri: &head.uri, headers: &head.headers, body: &body.bytes };
    match idempotency::begin(&api, &caller, asked).await? {
        Turn::Replay { response, .. } => Ok(idempotency::replay(response, None)),
        Turn::Do(ticket) => {
            let deciding = Deciding { approval: record.asked.id, verdict, reason, seen_hash };
            let outcome = decide_once(&api, &caller, deciding, ticket.is_repetition).await;
            Ok(ticket.finish(&api, outcome).await)
        }
    }
}

struct Deciding {
    approval: ApprovalId,
    verdict: Verdict,
    reason: Option<Remark>,
    seen_hash: Option<Hash>,
}

async fn decide_once(api: &Api, caller: &Caller, deciding: Deciding, is_repetition: bool) -> Result<Answer, ApiError> {
    let Deciding { approval, verdict, reason, seen_hash } = deciding;
    let wanted = verdict.decision();
    let subject = approval.to_string();
    let reason = reason.map(|reason| reason.0).unwrap_or_default();
    let seen_hash = seen_hash.as_ref().map(|hash| hash.0.as_str());
    let decided = api.mainstay.decide(approval, verdict, &caller.name, &reason, seen_hash).await?;
    let record = api.mainstay.approval(approval).await?.ok_or(ApiError::Missing(Missing::Approval))?;
    match decided {
        Ok(()) => api.done(caller, Action::Decide, &subject, wanted.as_str()),
        // The first try did it and its answer was lost.
        Err(DecisionRefused::Taken { by }) if is_repetition && by == caller.name && record.decision == Some(wanted) => {
        }
        Err(refused) => {
            api.refused(caller, Action::Decide, &subject, refused.code());
            return Err(ApiError::Decision(refused));
        }
    }
    Answer::new(StatusCode::OK, &Approval::from(&record))
}
