//! Who asks, and what they may do.
//!
//! Callers are known by `Authorization: Bearer mst_…`. While no key was ever made, whoever sits at this machine is `local`
//! and may do everything; that is checked by the peer's address and by the `Host` and `Origin` that a browser sends, so
//! that no page of another site can use it.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use mainstay::access::{KeyRecord, Role};
use mainstay::{MicroUsd, Noted, Principal};
use mainstay_core::error::StoreError;
use tokio::time::Instant;

use crate::error::{ApiError, Missing};
use crate::limits::is_local_host;
use crate::shared::Api;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    StartRun,
    ReadRuns,
    ReadTrace,
    CancelRun,
    GiveFeedback,
    ReadApprovals,
    Decide,
    ReadAgents,
    ReadEffects,
    ReadAudit,
    ReadMetrics,
}

/// Who may do what: the action, its word in the audit trail, and the roles that allow it.
const TABLE: &[(Action, &str, &[Role])] = &[
    (Action::StartRun, "run.start", &[Role::Caller]),
    (Action::ReadRuns, "run.read", &[Role::Caller, Role::Reviewer, Role::Operator, Role::Auditor]),
    (Action::ReadTrace, "run.trace", &[Role::Reviewer, Role::Operator, Role::Auditor]),
    (Action::CancelRun, "run.cancel", &[Role::Caller, Role::Operator]),
    (Action::GiveFeedback, "run.feedback", &[Role::Caller, Role::Reviewer]),
    (Action::ReadApprovals, "approval.read", &[Role::Reviewer, Role::Operator, Role::Auditor]),
    (Action::Decide, "approval.decide", &[Role::Reviewer]),
    (Action::ReadAgents, "agent.read", &[Role::Caller, Role::Reviewer, Role::Operator, Role::Auditor]),
    (Action::ReadEffects, "effect.read", &[Role::Reviewer, Role::Operator, Role::Auditor]),
    (Action::ReadAudit, "audit.read", &[Role::Auditor]),
    (Action::ReadMetrics, "metrics.read", &[Role::Operator, Role::Auditor]),
];

impl Action {
    fn row(self) -> (&'static str, &'static [Role]) {
        let row = TABLE.iter().find(|(action, ..)| *action == self);
        // An action without a row is nobody's.
        row.map_or(("unknown", &[]), |(_, word, roles)| (word, roles))
    }

    /// The word for it in the audit trail.
    pub(crate) fn word(self) -> &'static str {
        self.row().0
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The key's name; what the audit trail and decisions say.
    pub(crate) name: String,
    /// The key's id, or `local`: whose idempotency keys and rate these are.
    pub(crate) scope: String,
    /// The key's id; empty for `local`.
    pub(crate) key: String,
    roles: Vec<Role>,
    /// The only tenant that it reaches.
    pub(crate) tenant: Option<String>,
    /// The only agents that it reaches; empty reaches all.
    pub(crate) agents: Vec<String>,
    pub(crate) requests_per_minute: Option<u32>,
    pub(crate) usd_per_day: Option<MicroUsd>,
}

impl Caller {
    const LOCAL: &str = "local";

    fn local() -> Self {
        Self {
            name: Self::LOCAL.to_owned(),
            scope: Self::LOCAL.to_owned(),
            key: String::new(),
            roles: Role::ALL.to_vec(),
            tenant: None,
            agents: Vec::new(),
            requests_per_minute: None,
            usd_per_day: None,
        }
    }

    /// True when the action is allowed to one of the caller's roles.
    pub(crate) fn has_role_for(&self, action: Action) -> bool {
        action.row().1.iter().any(|role| self.roles.contains(role))
    }

    /// True when the agent is within reach.
    pub(crate) fn reaches_agent(&self, agent: &str) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|allowed| allowed == agent)
    }

    /// For which agents a list is to be read, one after the other; `None` is all of them. `asked` is the one that the
    /// caller named.
    pub(crate) fn agents_to_list(&self, asked: Option<String>) -> Vec<Option<String>> {
        match asked {
            Some(agent) if self.reaches_agent(&agent) => vec![Some(agent)],
            // What is out of reach has nothing to list.
            Some(_) => Vec::new(),
            None if self.agents.is_empty() => vec![None],
            None => self.agents.iter().cloned().map(Some).collect(),
        }
    }

    /// True when what belongs to this tenant and agent is within reach.
    pub(crate) fn reaches(&self, tenant: &str, agent: &str) -> bool {
        self.tenant.as_deref().is_none_or(|own| own == tenant) && self.reaches_agent(agent)
    }
}

impl From<KeyRecord> for Caller {
    fn from(key: KeyRecord) -> Self {
        let id = key.id.to_string();
        Self {
            name: key.name,
            scope: id.clone(),
            key: id,
            roles: key.roles,
            tenant: key.tenant,
            agents: key.agents,
            requests_per_minute: key.requests_per_minute,
            usd_per_day: key.usd_per_day,
        }
    }
}

/// The guard has put the caller there; a route without the guard has none.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Internal)
    }
}

impl Api {
    /// Refuses, and notes it, unless one of the caller's roles allows the action.
    pub(crate) fn allow(&self, caller: &Caller, action: Action, subject: &str) -> Result<(), ApiError> {
        if caller.has_role_for(action) {
            return Ok(());
        }
        let (word, roles) = action.row();
        let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        self.refused(caller, action, subject, "role");
        let what = format!("`{word}` needs a key with the role {}", roles.join(" or "));
        Err(ApiError::Forbidden(what.into(), "an operator can make one: `mainstay keys create`"))
    }

    /// The tenant that a request is for: the key's own, or the one that it names.
    pub(crate) fn tenant(
        &self,
        caller: &Caller,
        action: Action,
        named: Option<String>,
    ) -> Result<Option<String>, ApiError> {
        match (&caller.tenant, named) {
            (Some(own), Some(named)) if *own != named => {
                self.refused(caller, action, &named, "tenant");
                let what = "this key is for another tenant".into();
                Err(ApiError::Forbidden(what, "leave `tenant` out: the key's own is used"))
            }
            (Some(own), _) => Ok(Some(own.clone())),
            (None, named) => Ok(named),
        }
    }

    /// Like [`Self::tenant`], with the one of installations that have only one.
    pub(crate) fn tenant_or_default(
        &self,
        caller: &Caller,
        action: Action,
        named: Option<String>,
    ) -> Result<String, ApiError> {
        Ok(self.tenant(caller, action, named)?.unwrap_or_else(|| Principal::DEFAULT_TENANT.to_owned()))
    }

    /// What is out of reach is not there; but that somebody reached for it is noted.
    pub(crate) fn out_of_reach(&self, caller: &Caller, action: Action, subject: &str, what: Missing) -> ApiError {
        self.refused(caller, action, subject, "reach");
        ApiError::Missing(what)
    }

    /// Notes that somebody was refused.
    pub(crate) fn refused(&self, caller: &Caller, action: Action, subject: &str, detail: &str) {
        self.note(caller, action, subject, false, detail);
    }

    /// Notes that somebody did something.
    pub(crate) fn done(&self, caller: &Caller, action: Action, subject: &str, detail: &str) {
        self.note(caller, action, subject, true, detail);
    }

    fn note(&self, caller: &Caller, action: Action, subject: &str, allowed: bool, detail: &str) {
        self.mainstay.note(Noted {
            actor: caller.name.clone(),
            tenant: caller.tenant.clone().unwrap_or_default(),
            action: action.word(),
            subject: noted(subject),
            allowed,
            detail: detail.to_owned(),
        });
    }

    /// Who asks.
    pub(crate) async fn authenticate(&self, head: &Parts) -> Result<Caller, ApiError> {
        let refused = match head.headers.get(AUTHORIZATION) {
            Some(header) => {
                let key = header.to_str().ok().and_then(bearer);
                let known = match key {
                    Some(key) => self.mainstay.authenticate(key).await?,
                    None => None,
                };
                match known {
                    Some(key) => return Ok(key.into()),
                    None => "send `authorization: Bearer mst_…` with a key that was not revoked",
                }
            }
            None if self.has_keys().await? => "send the header `authorization: Bearer mst_…`",
            None => match local(head) {
                Ok(()) => return Ok(Caller::local()),
                Err(why) => why,
            },
        };
        if self.may_note_stranger() {
            self.mainstay.note(Noted {
                actor: "anonymous".to_owned(),
                tenant: String::new(),
                action: "api.call",
                subject: noted(head.uri.path()),
                allowed: false,
                detail: "key".to_owned(),
            });
        }
        Err(ApiError::Unauthorized(refused))
    }

    async fn has_keys(&self) -> Result<bool, StoreError> {
        if let Some(known) = self.no_keys.recall() {
            return Ok(known);
        }
        let has_keys = self.mainstay.has_keys().await?;
        self.no_keys.remember(has_keys);
        Ok(has_keys)
    }
}

/// What a caller named, as far as it can be kept: it may be anything.
fn noted(subject: &str) -> String {
    const MOST: usize = 200;
    subject.chars().filter(|character| !character.is_control()).take(MOST).collect()
}

/// `Bearer mst_…`
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Whether the caller sits at this machine and is no page of another site. The error is a hint.
fn local(head: &Parts) -> Result<(), &'static str> {
    const MAKE_A_KEY: &str = "without keys only this machine may ask; make one: `mainstay keys create`";
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback()) || !is_local_host(&head.headers) {
        return Err(MAKE_A_KEY);
    }
    let (origin, host) = (head.headers.get(ORIGIN), head.headers.get(HOST));
    let is_ours = origin.is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        site.is_some() && site == host.and_then(|host| host.to_str().ok())
    });
    if is_ours { Ok(()) } else { Err(MAKE_A_KEY) }
}

/// Whether any key was made. Once there is one, there always was; that there is none is believed for a second.
#[derive(Debug, Default)]
pub(crate) struct NoKeys(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
enum Known {
    #[default]
    Nothing,
    NoneUntil(Instant),
    Some,
}

impl NoKeys {
    const BELIEVED: Duration = Duration::from_secs(1);

    fn recall(&self) -> Option<bool> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Known::Some => Some(true),
            Known::NoneUntil(until) if Instant::now() < until => Some(false),
            Known::NoneUntil(_) | Known::Nothing => None,
        }
    }

    fn remember(&self, has_keys: bool) {
        let known = if has_keys { Known::Some } else { Known::NoneUntil(Instant::now() + Self::BELIEVED) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn head(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::new(());
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        request.into_parts().0
    }

    #[test]
    fn only_this_machine_is_local_and_no_page_of_another_site_is() {
        let here = "127.0.0.1:5000";
        assert!(local(&head(here, &[("host", "localhost:7400")])).is_ok());
        assert!(local(&head("[::ffff:127.0.0.1]:5000", &[("host", "127.0.0.1:7400")])).is_ok());
        assert!(local(&head(here, &[("host", "localhost:7400"), ("origin", "http://localhost:7400")])).is_ok());
        for (peer, headers) in [
            ("10.0.0.7:5000", vec![("host", "localhost:7400")]),
            (here, vec![("host", "rebound.example")]),
            (here, vec![]),
            (here, vec![("host", "localhost:7400"), ("origin", "http://evil.example")]),
            (here, vec![("host", "localhost:7400"), ("origin", "null")]),
            (here, vec![("host", "localhost:7400"), ("origin", "http://localhost:9999")]),
        ] {
            assert!(local(&head(peer, &headers)).is_err(), "{peer} {headers:?}");
        }
        let (mut nobody, ()) = Request::new(()).into_parts();
        nobody.headers.insert(HOST, "localhost".parse().unwrap());
        assert!(local(&nobody).is_err(), "whose peer is unknown is not known to be here");
    }

    #[test]
    fn every_action_has_one_row() {
        for (action, word, roles) in TABLE {
            assert_eq!(action.row(), (*word, *roles));
            assert!(!roles.is_empty());
        }
    }

    #[test]
    fn a_key_comes_after_the_word_bearer() {
        assert_eq!(bearer("Bearer mst_1"), Some("mst_1"));
        assert_eq!(bearer("bearer  mst_1 "), Some("mst_1"));
        assert_eq!(bearer("Basic mst_1"), None);
        assert_eq!(bearer("mst_1"), None);
    }
}
