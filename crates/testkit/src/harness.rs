//! The pipeline over a real store, with scripted models and tools in memory: short tests of whole runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::agent::{Agent, InputGuard, Limits, Model, Output, Rule, Tiers};
use mainstay_core::answer::default_schema;
use mainstay_core::cancel::Cancellations;
use mainstay_core::expression::Expression;
use mainstay_core::guard::{Guard, Mode};
use mainstay_core::health::Health;
use mainstay_core::id::RunId;
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::{Entry, Replied, RunContext};
use mainstay_core::money::{MicroUsd, Price};
use mainstay_core::principal::Principal;
use mainstay_core::provider::{Provider, ToolSpec};
use mainstay_core::rollout::{Audience, Autonomy, Phase, Rollout};
use mainstay_core::runtime::{DecisionRefused, Driven, Request, Runtime, Unobserved};
use mainstay_core::schema::Schema;
use mainstay_core::store::{ApprovalFilter, ApprovalRecord, Claim, Journal, Ruling, RunRecord, Verdict};
use mainstay_core::tool::{AgentTool, Effect, Invocation, Tool, ToolOutcome};
use mainstay_store::Store;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::clock::ManualClock;

/// A tool made of a closure, which counts its calls and remembers its keys.
pub struct Scripted<F> {
    answer: F,
    keys: Mutex<Vec<String>>,
    calls: AtomicU32,
}

impl<F: Fn(&Map<String, Value>) -> ToolOutcome + Send + Sync> Scripted<F> {
    /// Wraps the closure.
    pub fn new(answer: F) -> Arc<Self> {
        Arc::new(Self { answer, keys: Mutex::default(), calls: AtomicU32::new(0) })
    }

    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The idempotency keys it was called with.
    pub fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap().clone()
    }
}

#[async_trait]
impl<F: Fn(&Map<String, Value>) -> ToolOutcome + Send + Sync> Tool for Scripted<F> {
    async fn call(&self, call: &Invocation<'_>, _deadline: Instant) -> ToolOutcome {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.keys.lock().unwrap().push(call.idempotency_key.to_owned());
        (self.answer)(call.arguments)
    }
}

/// A result without citations.
pub fn done(content: Value) -> ToolOutcome {
    ToolOutcome::Done { content, citations: Vec::new() }
}

/// An agent's tool with plain settings; `arguments` are the properties of its schema.
pub fn tool(name: &str, effect: Effect, arguments: Value, tool: Arc<dyn Tool>) -> AgentTool {
    let parameters = json!({"type": "object", "additionalProperties": false, "properties": arguments});
    AgentTool {
        spec: ToolSpec { name: name.to_owned(), description: String::new(), parameters: parameters.clone() },
        effect,
        schema: Schema::compile(parameters).unwrap(),
        bound: Vec::new(),
        facts: Vec::new(),
        when: None,
        approve: None,
        probe: None,
        claims: Vec::new(),
        trusted: true,
        shared: false,
        timeout: Duration::from_millis(200),
        tool,
    }
}

/// A condition over arguments and a fact called `order`.
pub fn condition(source: &str) -> Expression {
    Expression::compile(source, &["args", "principal", "order", "result"]).unwrap()
}

/// An agent `returns` served by `provider`, with plain settings and no guards.
pub fn agent(provider: Arc<dyn Provider>) -> Agent {
    Agent {
        name: "returns".to_owned(),
        purpose: "answers questions of tests".to_owned(),
        owner: "tests@shop.example".to_owned(),
        escalation: "people".to_owned(),
        version: "v1".to_owned(),
        instructions: "Be brief.".to_owned(),
        models: Tiers { simple: vec![model("first", provider)], ..Tiers::default() },
        max_chars: 2000,
        history_tokens: 2000,
        guards: Vec::new(),
        tools: BTreeMap::new(),
        output: Output { schema: Schema::compile(default_schema()).unwrap(), guards: Vec::new() },
        rules: Vec::new(),
        limits: Limits {
            model_calls: 5,
            tool_calls: 6,
            output_tokens_per_call: 1000,
            output_tokens: 5000,
            usd_per_run: MicroUsd(50_000),
            usd_per_day: None,
            usd_per_principal_day: None,
            run_time: Duration::from_secs(60),
        },
        cache: None,
        rollout: Rollout { phase: Phase::Production, audience: Audience::All, autonomy: Autonomy::Supervised },
        approval_time: Duration::from_secs(3600),
    }
}

/// A free model without retries.
pub fn model(name: &str, provider: Arc<dyn Provider>) -> Model {
    let timeout = Duration::from_secs(5);
    Model { name: name.to_owned(), provider, model: name.to_owned(), price: Price::default(), timeout, retries: 0 }
}

/// A guard with a mode.
pub fn guarded(guard: Arc<dyn Guard>, mode: Mode) -> InputGuard {
    InputGuard { guard, mode }
}

/// An enforced rule.
pub fn rule(when: &str, reason: &str) -> Rule {
    Rule { when: Expression::compile(when, Rule::VARIABLES).unwrap(), reason: reason.to_owned(), mode: Mode::Enforce }
}

/// A runtime over a real store.
pub struct Harness {
    /// The runtime.
    pub runtime: Arc<Runtime>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its store.
    pub store: Store,
}

impl Harness {
    /// A fresh store in memory.
    pub async fn new(agent: Agent) -> Self {
        let store = Store::connect("sqlite::memory:").await.unwrap();
        Self::over(store, Arc::new(agent), Arc::default())
    }

    /// A process over an existing store; its worker has a name of its own.
    pub fn over(store: Store, agent: Arc<Agent>, clock: Arc<ManualClock>) -> Self {
        let journal = Arc::new(store.clone());
        Self::with_journal(store, journal, agent, clock)
    }

    /// The same, with another journal in front of the store's.
    pub fn with_journal(store: Store, journal: Arc<dyn Journal>, agent: Arc<Agent>, clock: Arc<ManualClock>) -> Self {
        static WORKERS: AtomicU32 = AtomicU32::new(0);
        let runtime = Runtime {
            agents: BTreeMap::from([(agent.name.clone(), agent)]),
            journal,
            approvals: Arc::new(store.clone()),
            ledger: Arc::new(store.clone()),
            budgets: Arc::new(store.clone()),
            cache: Arc::new(store.clone()),
            requests: Arc::new(store.clone()),
            clock: clock.clone(),
            health: Health::default(),
            worker: format!("worker-{}", WORKERS.fetch_add(1, Ordering::SeqCst)),
            lease_time: Duration::from_secs(30),
            observer: Arc::new(Unobserved),
            cancellations: Cancellations::default(),
        };
        Self { runtime: Arc::new(runtime), clock, store }
    }

    /// Takes a request of customer `c-1` as far as it goes.
    pub async fn ask(&self, input: &str) -> Driven {
        self.ask_as("c-1", input).await
    }

    /// The same for another principal.
    pub async fn ask_as(&self, principal: &str, input: &str) -> Driven {
        let record = self.accept(principal, input).await;
        self.runtime.drive(record).await
    }

    /// Only stores a request.
    pub async fn accept(&self, principal: &str, input: &str) -> RunRecord {
        self.accept_request(request(Principal::new(principal), input)).await
    }

    /// The same, of any kind.
    pub async fn accept_request(&self, request: Request) -> RunRecord {
        self.runtime.accept(request).await.unwrap()
    }

    /// Takes a request to its end.
    pub async fn reply(&self, input: &str) -> Replied {
        ended(self.ask(input).await)
    }

    /// Resumes whatever is due, once; says where each run stands.
    pub async fn resume(&self) -> Vec<Driven> {
        let now = self.runtime.clock.now();
        let until = now.plus(self.runtime.lease_time);
        let claim = Claim { worker: self.runtime.worker.clone(), now, until, limit: 100 };
        let mut driven = Vec::new();
        for record in self.runtime.journal.claim(&claim).await.unwrap() {
            driven.push(self.runtime.drive(record).await);
        }
        driven
    }

    /// A person decides the only approval that waits.
    pub async fn decide(&self, approved: bool) {
        let verdict = if approved { Verdict::Approve } else { Verdict::Reject };
        self.rule(verdict).await.unwrap();
    }

    /// A person says what shall become of the only approval that waits.
    pub async fn rule(&self, verdict: Verdict) -> Result<(), DecisionRefused> {
        let asked = self.waiting().await.asked;
        let ruling = Ruling {
            approval: asked.id,
            reason: if verdict == Verdict::Reject { "not this time".to_owned() } else { String::new() },
            verdict,
            arguments_hash: asked.arguments_hash,
            by: "reviewer".to_owned(),
            now: self.runtime.clock.now(),
        };
        self.runtime.decide(ruling).await.unwrap()
    }

    /// The only approval that waits.
    pub async fn waiting(&self) -> ApprovalRecord {
        let filter = ApprovalFilter { only_pending: true, limit: 10, ..ApprovalFilter::default() };
        let mut waiting = self.runtime.approvals.approvals(&filter).await.unwrap();
        assert_eq!(waiting.len(), 1, "one approval waits");
        waiting.remove(0)
    }

    /// The entries of a run, whose chain must hold.
    pub async fn entries(&self, run: RunId) -> Vec<Entry> {
        let record = self.store.run(run).await.unwrap().unwrap();
        let entries = self.store.entries(run, 0).await.unwrap();
        chain::verify(&record, &entries).unwrap();
        entries
    }

    /// The kinds of the entries of the newest run, for short assertions.
    pub async fn kinds(&self) -> Vec<&'static str> {
        let filter = mainstay_core::store::RunFilter { limit: 1, ..Default::default() };
        let newest = self.store.runs(&filter).await.unwrap().remove(0);
        self.entries(newest.id).await.iter().map(|entry| entry.payload.kind()).collect()
    }
}

/// A request to the agent of [`agent`].
pub fn request(principal: Principal, input: &str) -> Request {
    let (agent, context) = ("returns".to_owned(), RunContext::default());
    Request { run: None, agent, principal, input: input.to_owned(), context }
}

/// The reply of a run that ended.
pub fn ended(driven: Driven) -> Replied {
    match driven {
        Driven::Ended { reply, .. } => *reply,
        other => panic!("the run did not end: {other:?}"),
    }
}
