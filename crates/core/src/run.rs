//! One run: what it knows, and [`Run::step`], on which resuming after a crash rests.
//!
//! A step's result is journaled; asked for again, the recorded result is returned and the work is not done. Results that
//! cost nothing to repeat are kept back and travel with the next durable append: one disk sync then covers several steps.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::agent::Agent;
use crate::budget::Meter;
use crate::clock::Timestamp;
use crate::code;
use crate::error::Halt;
use crate::guard::{Citation, EffectFact, Evidence};
use crate::journal::chain;
use crate::journal::cursor::{Cursor, Slot};
use crate::journal::entry::{
    AnswerRecord, Decision, Entry, FinalState, ModelCalled, ModelResult, Payload, Recorded, Replied, ToolCalled,
    UsageRecord,
};
use crate::message::Usage;
use crate::runtime::Runtime;
use crate::store::{Append, Change, Lease, RunRecord};
use crate::vault::Vault;

/// The context of one request. Shared by `&`; its state is never locked across an await.
pub struct Run {
    /// Providers, stores and the clock.
    pub runtime: Arc<Runtime>,
    /// The agent that serves it.
    pub agent: Arc<Agent>,
    /// Who asked what.
    pub record: RunRecord,
    lease: Lease,
    state: Mutex<State>,
}

struct State {
    cursor: Cursor,
    vault: Vault,
    meter: Meter,
    evidence: Vec<Evidence>,
    effects: Vec<EffectFact>,
    route: (String, String),
    done_so_far: Vec<String>,
    /// Hashes of changing calls that were sent, or that a person rejected: not to be made again in this run.
    settled_calls: HashSet<String>,
    asked_hash: String,
    cancelled_by: Option<String>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A model drafted it in this run.
    Model,
    /// The response cache had it.
    Cache,
    /// A person took over and wrote it.
    Person,
}

/// Why a run goes to a person, or ends without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// One of [`crate::code`].
    pub code: String,
    /// In words.
    pub detail: String,
    /// What the agent would have said.
    pub draft: Option<AnswerRecord>,
}

impl Reason {
    /// A reason without a draft.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), draft: None }
    }
}

impl Run {
    /// A run at the beginning of `entries`.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        agent: Arc<Agent>,
        record: RunRecord,
        lease: Lease,
        entries: Vec<Entry>,
    ) -> Self {
        let state = State::new(&record, entries);
        Self { runtime, agent, record, lease, state: Mutex::new(state) }
    }

    /// A step whose result may be lost in a crash, because repeating the work changes nothing and costs nothing.
    pub async fn step<T: Recorded + Clone>(
        &self,
        work: impl Future<Output = Result<T, Halt>> + Send,
    ) -> Result<T, Halt> {
        Ok(self.take_or_do(work, |_, _| Vec::new()).await?.0)
    }

    /// A step whose result is durable when it returns, together with everything kept back so far and with `changes`
    /// (which sees the step's position). Also says whether the result was recorded before.
    pub async fn durable_step<T: Recorded + Clone>(
        &self,
        work: impl Future<Output = Result<T, Halt>> + Send,
        changes: impl FnOnce(u32, &T) -> Vec<Change> + Send,
    ) -> Result<(T, Known), Halt> {
        let (value, known) = self.take_or_do(work, changes).await?;
        if known == Known::Fresh {
            self.flush().await?;
        }
        Ok((value, known))
    }

    /// Ends the run with an answer.
    pub async fn respond(&self, answer: AnswerRecord, origin: Origin) -> Result<Replied, Halt> {
        let origin = match origin {
            Origin::Model => "model",
            Origin::Cache => "cache",
            Origin::Person => "person",
        };
        let reply =
            Replied { origin: origin.to_owned(), answer: Some(answer), ..self.lock().reply(FinalState::Answered) };
        self.finish(reply).await
    }

    /// Ends the run without accepting the request.
    pub async fn refuse(&self, reason: Reason) -> Result<Replied, Halt> {
        let reply = Replied { code: reason.code, reason: reason.detail, ..self.lock().reply(FinalState::Refused) };
        self.finish(reply).await
    }

    /// Hands the run to a person, with what was done so far.
    pub async fn escalate(&self, reason: Reason) -> Result<Replied, Halt> {
        let reply = Replied {
            code: reason.code,
            reason: reason.detail,
            answer: reason.draft,
            escalated_to: self.agent.escalation.clone(),
            ..self.lock().reply(FinalState::Escalated)
        };
        self.finish(reply).await
    }

    /// Ends the run because `by` asked for it.
    pub async fn cancel(&self, by: &str) -> Result<Replied, Halt> {
        let reply = Replied {
            code: code::RUN_CANCELLED.to_owned(),
            reason: format!("cancelled by {by}"),
            ..self.lock().reply(FinalState::Cancelled)
        };
        self.finish(reply).await
    }

    /// Who cancelled the run, as far as this worker knows. Nobody while recorded steps are still being replayed: what was
    /// done then is done.
    pub fn cancelled(&self) -> Option<String> {
        let state = self.lock();
        state.cancelled_by.clone().filter(|_| state.cursor.is_at_end())
    }

    /// Ends when somebody of this process cancels the run.
    pub async fn until_cancelled(&self) {
        let by = self.runtime.cancellations.until(self.record.id).await;
        self.lock().cancelled_by = Some(by);
    }

    /// The position of the next step.
    pub fn position(&self) -> u32 {
        self.lock().cursor.next()
    }

    /// What the run has used.
    pub fn meter(&self) -> Meter {
        self.lock().meter
    }

    /// The placeholders of the run.
    pub fn vault(&self) -> Vault {
        self.lock().vault.clone()
    }

    /// Changes the placeholders of the run.
    pub fn with_vault<T>(&self, change: impl FnOnce(&mut Vault) -> T) -> T {
        change(&mut self.lock().vault)
    }

    /// Everything that the run has read.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.lock().evidence.clone()
    }

    /// Everything that the run has done to the world.
    pub fn effects(&self) -> Vec<EffectFact> {
        self.lock().effects.clone()
    }

    /// Whether this very call was already sent in this run, or rejected by a person.
    pub fn is_settled(&self, call_hash: &str) -> bool {
        self.lock().settled_calls.contains(call_hash)
    }

    /// The tier and the model that serve it.
    pub fn route(&self) -> (String, String) {
        self.lock().route.clone()
    }

    /// Notes which tier and model serve it now.
    pub fn set_route(&self, tier: &str, model: &str) {
        self.lock().route = (tier.to_owned(), model.to_owned());
    }

    /// Now, for what is journaled inside a step.
    pub fn now(&self) -> Timestamp {
        self.runtime.clock.now()
    }

    /// When the time that is left for work is over.
    pub fn deadline(&self, at_most: Duration) -> Instant {
        let left = self.agent.limits.run_time.saturating_sub(self.meter().worked);
        Instant::now() + left.min(at_most)
    }

    async fn take_or_do<T: Recorded + Clone>(
        &self,
        work: impl Future<Output = Result<T, Halt>> + Send,
        changes: impl FnOnce(u32, &T) -> Vec<Change> + Send,
    ) -> Result<(T, Known), Halt> {
        let slot = self.lock().cursor.take::<T>()?;
        if let Slot::Recorded(value, took_us) = slot {
            self.lock().learn(&value.clone().into_payload(), took_us);
            return Ok((value, Known::Recorded));
        }
        let at = self.now();
        let started = Instant::now();
        let value = work.await?;
        let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut state = self.lock();
        let changes = changes(state.cursor.next(), &value);
        let payload = value.clone().into_payload();
        state.learn(&payload, took_us);
        state.cursor.push(Entry { position: 0, at, took_us, payload, hash: [0; 32] }, changes);
        Ok((value, Known::Fresh))
    }

    async fn flush(&self) -> Result<(), Halt> {
        let (entries, changes) = self.lock().cursor.drain();
        let append = Append { lease: self.lease.clone(), entries, changes };
        let cancelled_by = self.runtime.append(&self.record, append).await?;
        if cancelled_by.is_some() {
            self.lock().cancelled_by = cancelled_by;
        }
        Ok(())
    }

    async fn finish(&self, reply: Replied) -> Result<Replied, Halt> {
        let at = self.now();
        let finish = |_: u32, reply: &Replied| vec![Change::Finish { at, reply: Box::new(reply.clone()) }];
        Ok(self.durable_step(async { Ok(reply) }, finish).await?.0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a step's result was in the journal already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was; the work was done in an earlier life of the run.
    Recorded,
    /// It was not; the work was done now.
    Fresh,
}

/// Ends a run that cannot go on, whatever its journal holds. Says what it did and cost until now.
pub(crate) async fn abandon(
    runtime: &Runtime,
    record: &RunRecord,
    lease: Lease,
    entries: Vec<Entry>,
    end: Ending,
) -> Result<Replied, Halt> {
    let mut state = State::new(record, Vec::new());
    for entry in &entries {
        state.learn(&entry.payload, entry.took_us);
    }
    let reply = Replied {
        code: end.code.to_owned(),
        reason: end.reason,
        escalated_to: end.escalated_to,
        ..state.reply(end.state)
    };
    let at = runtime.clock.now();
    let mut cursor = Cursor::new(chain::seed(record), entries);
    cursor.skip_to_end();
    let payload = Payload::Replied(reply.clone());
    let finish = Change::Finish { at, reply: Box::new(reply.clone()) };
    cursor.push(Entry { position: 0, at, took_us: 0, payload, hash: [0; 32] }, vec![finish]);
    let (entries, changes) = cursor.drain();
    runtime.append(record, Append { lease, entries, changes }).await?;
    Ok(reply)
}

/// How a run ends that cannot go on.
pub(crate) struct Ending {
    pub(crate) state: FinalState,
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    pub(crate) escalated_to: String,
}

impl State {
    fn new(record: &RunRecord, entries: Vec<Entry>) -> Self {
        Self {
            cursor: Cursor::new(chain::seed(record), entries),
            vault: Vault::default(),
            meter: Meter::default(),
            evidence: Vec::new(),
            effects: Vec::new(),
            route: (String::new(), String::new()),
            done_so_far: Vec::new(),
            settled_calls: HashSet::new(),
            asked_hash: String::new(),
            cancelled_by: record.cancelled_by.clone(),
        }
    }

    /// A reply with what is known so far.
    fn reply(&self, state: FinalState) -> Replied {
        Replied {
            state,
            answer: None,
            origin: String::new(),
            code: String::new(),
            reason: String::new(),
            escalated_to: String::new(),
            done_so_far: self.done_so_far.clone(),
            usage: self.meter.usage.into(),
            cost: self.meter.cost,
        }
    }

    /// Learns from an entry, the same way whether it was just made or read back.
    fn learn(&mut self, payload: &Payload, took_us: u64) {
        if !matches!(payload, Payload::ApprovalDecided(_)) {
            self.meter.worked += Duration::from_micros(took_us);
        }
        match payload {
            Payload::Screened(screened) => self.vault.adopt(&screened.kept),
            Payload::ModelCalled(called) => self.learn_model(called),
            Payload::ToolCalled(called) => self.learn_tool(called),
            Payload::EffectIntended(intent) => {
                self.settled_calls.insert(intent.arguments_hash.clone());
            }
            Payload::ApprovalAsked(asked) => self.asked_hash.clone_from(&asked.arguments_hash),
            Payload::ApprovalDecided(decided) if !matches!(decided.decision, Decision::Approved | Decision::Edited) => {
                let hash = std::mem::take(&mut self.asked_hash);
                self.settled_calls.insert(hash);
            }
            Payload::CacheLookup(_)
            | Payload::Routed(_)
            | Payload::ToolJudged(_)
            | Payload::ApprovalDecided(_)
            | Payload::Validated(_)
            | Payload::Ruled(_)
            | Payload::Replied(_) => {}
        }
    }

    fn learn_model(&mut self, called: &ModelCalled) {
        if !matches!(called.result, ModelResult::OverBudget { .. }) {
            self.meter.model_calls += 1;
        }
        self.meter.usage += Usage::from(called.usage);
        self.meter.cost += called.cost;
    }

    fn learn_tool(&mut self, called: &ToolCalled) {
        self.vault.adopt(&called.kept);
        if called.purpose == "call" {
            self.meter.tool_calls += 1;
        }
        let done = called.outcome == "done";
        if done {
            let citations = called.citations.iter().cloned().map(Citation::from).collect();
            let content = called.content.clone();
            self.evidence.push(Evidence { tool: called.tool.clone(), content, citations });
        }
        if matches!(called.effect.as_str(), "idempotent" | "write") {
            self.effects.push(EffectFact { tool: called.tool.clone(), confirmed: done });
            let arguments = serde_json::Value::Object(called.arguments.clone());
            let outcome = if done { "done" } else { &called.outcome };
            self.done_so_far.push(format!("{} {arguments}: {outcome}", called.tool));
        }
    }
}

impl From<UsageRecord> for Usage {
    fn from(record: UsageRecord) -> Self {
        Self {
            input_tokens: record.input,
            cached_tokens: record.cached,
            cache_write_tokens: record.cache_write,
            output_tokens: record.output,
        }
    }
}

impl From<Usage> for UsageRecord {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input_tokens,
            cached: usage.cached_tokens,
            cache_write: usage.cache_write_tokens,
            output: usage.output_tokens,
        }
    }
}
