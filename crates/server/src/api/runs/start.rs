//! `POST /v1/agents/{agent}/runs`: start a run, and wait for its end as long as the caller likes.
//!
//! The run is durable before anything is answered. A caller who hangs up, or a process that dies, stops nothing: the same
//! idempotency key leads to the same run.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mainstay::{AcceptError, Principal, Request, Started};
use mainstay_core::id::RunId;
use mainstay_core::journal::entry::{RunContext, Said, Speaker};
use mainstay_core::trace::context::TraceParent;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::{Run, answer, follow};
use crate::api::Named;
use crate::api::responses::{NotDone, NotThere, Refused, Repeatable, Traced};
use crate::api::values::{LongText, Name, Wait, Whole};
use crate::auth::{Action, Caller};
use crate::error::{ApiError, Missing};
use crate::idempotency::{self, Answer, Turn};
use crate::limits::is_deeper_than;
use crate::shared::Api;

/// Most messages of a conversation that an application brings itself.
const MOST_MESSAGES: usize = 50;
const METADATA_BYTES: usize = 16 * 1024;
const METADATA_DEPTH: usize = 8;
/// Waiting ends this much after the server was told to stop.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// A run that another request started is looked at this often.
const POLL: Duration = Duration::from_secs(1);

/// A request to an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartRun {
    /// What is asked: text, or the messages of a conversation, the last one the user's.
    input: Input,
    /// Who asks: the application's id of the person or system. It comes from the application, never from a text.
    principal: Name,
    /// On whose behalf data is kept apart; for keys that reach all tenants.
    #[serde(default)]
    tenant: Option<Name>,
    /// The application's name of the conversation. Earlier turns of the same principal are remembered under it.
    #[serde(default)]
    conversation: Option<Name>,
    /// The application's own notes, at most 16 KiB and 8 deep; no model reads them.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// So many seconds the answer may take before the run is answered with 202.
    #[serde(default = "usual_wait")]
    #[schema(value_type = u32, minimum = 0, maximum = 60, default = 30)]
    wait: Wait,
}

const fn usual_wait() -> Wait {
    Whole(30)
}

/// What is asked.
#[derive(Debug)]
enum Input {
    /// One text.
    Text(LongText),
    /// A conversation, oldest first; the last message is the user's.
    Messages(Vec<Message>),
}

impl PartialSchema for Input {
    fn schema() -> RefOr<Schema> {
        let messages = ArrayBuilder::new()
            .items(Ref::from_schema_name(Message::name()))
            .min_items(Some(1))
            .max_items(Some(MOST_MESSAGES));
        let messages = messages.description(Some("A conversation, oldest first; the last message is the user's."));
        OneOfBuilder::new().item(Ref::from_schema_name(LongText::name())).item(messages).into()
    }
}

impl ToSchema for Input {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((LongText::name().into_owned(), LongText::schema()));
        schemas.push((Message::name().into_owned(), Message::schema()));
        Message::schemas(schemas);
    }
}

/// One message of a conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Message {
    /// Who says it.
    role: Speaks,
    /// What.
    content: LongText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Speaks {
    User,
    Assistant,
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of messages")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Input, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Input, E> {
        LongText::new(text).map(Input::Text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Input, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = items.next_element()? {
            if messages.len() == MOST_MESSAGES {
                return Err(serde::de::Error::custom(format!("more than {MOST_MESSAGES} messages")));
            }
            messages.push(message);
        }
        Ok(Input::Messages(messages))
    }
}

impl Input {
    /// What is asked now, and what was said before.
    fn split(self) -> Result<(String, Vec<Said>), ApiError> {
        let messages = match self {
            Self::Text(text) => return Ok((text.0, Vec::new())),
            Self::Messages(messages) => messages,
        };
        let mut said = messages.into_iter().map(Said::from).collect::<Vec<_>>();
        match said.pop() {
            Some(Said { by: Speaker::Principal, text }) => Ok((text, said)),
            _ => Err(ApiError::Invalid(
                "`input`: the last message is not the user's".into(),
                "end the list with what the user asks now",
            )),
        }
    }
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        let by = match message.role {
            Speaks::User => Speaker::Principal,
            Speaks::Assistant => Speaker::Agent,
        };
        Self { by, text: message.content.0 }
    }
}

/// Starts a run and waits for its end, at most `wait` seconds.
///
/// 200: it ended; `reply` says how. 202: it goes on, or waits for a person; look at it again, or follow its events.
#[utoipa::path(
    post, path = "/v1/agents/{agent}/runs", tag = "runs", operation_id = "start_run",
    params(
        ("agent" = String, Path, description = "The agent's name", max_length = 100, pattern = "^[a-z0-9-]+$"),
        Repeatable,
        Traced,
    ),
    request_body = StartRun,
    responses(
        (status = 200, description = "It ended", body = Run, headers(
            ("idempotency-replayed" = String, description = "`true` when this was answered before"),
        )),
        (status = 202, description = "It goes on, or waits for a person", body = Run, headers(
            ("location" = String, description = "The run"),
            ("retry-after" = u64, description = "Seconds after which to look"),
            ("idempotency-replayed" = String, description = "`true` when this was answered before"),
        )),
        NotThere, NotDone, Refused,
    ),
    security(("key" = []), ()),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    caller: Caller,
    Named(agent): Named,
    head: Parts,
    body: Body,
) -> Result<Response, ApiError> {
    api.allow(&caller, Action::StartRun, &agent)?;
    if !api.mainstay.agents().any(|known| known.name == agent) {
        return Err(ApiError::Missing(Missing::Agent));
    }
    if !caller.reaches_agent(&agent) {
        return Err(api.out_of_reach(&caller, Action::StartRun, &agent, Missing::Agent));
    }
    if api.is_stopping() {
        return Err(ApiError::Draining);
    }
    let body = api.json::<StartRun>(&head.headers, body).await?;
    let wait = Duration::from_secs(body.value.wait.count().into());
    let request = request(&api, &caller, agent, &head.headers, body.value)?;
    let asked = idempotency::Asked { method: &head.method, uri: &head.uri, headers: &head.headers, body: &body.bytes };
    let ticket = match idempotency::begin(&api, &caller, asked).await? {
        Turn::Do(ticket) => ticket,
        Turn::Replay { response, subject } => {
            return Ok(idempotency::replay(response, Some(&follow(&head, RunId::from_uuid(subject)))));
        }
    };
    let run = RunId::from_uuid(ticket.subject);
    let outcome = start_once(&api, Request { run: Some(run), ..request }, run, wait).await;
    let outcome = outcome.map(|answer| answer.following(follow(&head, run)));
    Ok(ticket.finish(&api, outcome).await)
}

fn request(
    api: &Api,
    caller: &Caller,
    agent: String,
    headers: &HeaderMap,
    asked: StartRun,
) -> Result<Request, ApiError> {
    let tenant = api.tenant_or_default(caller, Action::StartRun, asked.tenant.map(|name| name.0))?;
    let metadata = asked.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let (input, history) = asked.input.split()?;
    // What is not well formed counts as absent: so the convention says.
    let trace_parent = headers.get("traceparent").and_then(|header| TraceParent::parse(header.to_str().ok()?));
    let context = RunContext {
        conversation: asked.conversation.map(|name| name.0).unwrap_or_default(),
        history,
        metadata,
        trace_parent: trace_parent.map(|parent| parent.to_string()).unwrap_or_default(),
        key: caller.key.clone(),
        key_usd_per_day: caller.usd_per_day,
    };
    Ok(Request { run: None, agent, principal: Principal { id: asked.principal.0, tenant }, input, context })
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), ApiError> {
    let text = serde_json::to_vec(metadata).unwrap_or_default();
    if text.len() > METADATA_BYTES || is_deeper_than(METADATA_DEPTH, &text) {
        let what = "`metadata` is larger than 16 KiB or nested deeper than 8".into();
        return Err(ApiError::Invalid(what, "keep large things elsewhere and put their id here"));
    }
    Ok(())
}

/// Starts the run, or finds that an earlier request with the same key has.
async fn start_once(api: &Api, request: Request, run: RunId, wait: Duration) -> Result<Answer, ApiError> {
    let until = Instant::now() + wait;
    let mainstay = api.mainstay.clone();
    // Its own task: a caller who hangs up must not leave a run behind that is stored and not driven.
    let started = api.tasks.spawn(async move { mainstay.start(request).await }).await;
    match started.map_err(|_| ApiError::Internal)? {
        Ok(started) => ended(api, started, wait).await,
        Err(AcceptError::Exists(_)) => until_over(api, run, until).await?,
        Err(error) => return Err(error.into()),
    }
    answer(api, run, StatusCode::OK).await
}

/// Waits until the run stops going on, but not long after the server was told to stop.
async fn ended(api: &Api, started: Started, wait: Duration) {
    let last_moment = async {
        api.settings.stop.cancelled().await;
        sleep(LAST_WAIT).await;
    };
    tokio::select! {
        _ = started.reply(wait) => {}
        () = last_moment => {}
    }
}

/// The same for a run that another request started, here or elsewhere.
async fn until_over(api: &Api, run: RunId, until: Instant) -> Result<(), ApiError> {
    let follower = api.mainstay.follow(run);
    let follow = async {
        loop {
            let mut news = Box::pin(follower.changed());
            // Listen before looking: what is written in between is not missed.
            let _ = futures_util::poll!(news.as_mut());
            let record = api.mainstay.run(run).await?.ok_or(ApiError::Missing(Missing::Run))?;
            if record.state != mainstay::RunState::Open {
                return Ok(());
            }
            tokio::select! {
                () = api.settings.stop.cancelled() => return Ok(()),
                _ = timeout(POLL, news) => {}
            }
        }
    };
    timeout_at(until, follow).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn read(input: Value) -> Result<(String, usize), String> {
        let input: Input = from_value(input).map_err(|error| error.to_string())?;
        let (text, history) = input.split().map_err(|error| format!("{error:?}"))?;
        Ok((text, history.len()))
    }

    #[test]
    fn input_is_a_text_or_messages_that_end_with_the_users() {
        let (user, assistant) = (json!({"role": "user", "content": "q"}), json!({"role": "assistant", "content": "a"}));
        assert_eq!(read(json!("q")), Ok(("q".to_owned(), 0)));
        assert_eq!(read(json!([user, assistant, user])), Ok(("q".to_owned(), 2)));
        for bad in [
            json!([]),
            json!([user, assistant]),
            json!(7),
            json!({"content": "q"}),
            json!([{"role": "system", "content": "obey"}]),
            json!([{"role": "user", "content": "q", "name": "x"}]),
            json!(vec![user; MOST_MESSAGES + 1]),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_is_bounded_in_size_and_depth() {
        let notes = |value: Value| json!({ "notes": value }).as_object().unwrap().clone();
        assert!(check_metadata(&notes(json!([[[[[[[]]]]]]]))).is_ok());
        assert!(check_metadata(&notes(json!([[[[[[[[]]]]]]]]))).is_err());
        assert!(check_metadata(&notes(json!("x".repeat(METADATA_BYTES)))).is_err());
    }
}
