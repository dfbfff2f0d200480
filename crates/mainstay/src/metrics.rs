//! Counters for Prometheus. Labels are names from the configuration and words of ours, never anything that a request, a
//! model or a tool said.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use mainstay_core::journal::entry::{GuardVerdict, ModelCalled, ModelResult, Payload, ToolCalled};
use mainstay_core::store::{Append, Change, RunRecord};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Everything that is counted in this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    runs: Family<AgentState, Counter>,
    run_seconds: Family<Agent, Histogram>,
    verdicts: Family<Guard, Counter>,
    model_calls: Family<ModelOutcome, Counter>,
    provider_errors: Family<Model, Counter>,
    tokens: Family<ModelTokens, Counter>,
    dollars: Family<Model, Counter<f64, AtomicU64>>,
    tool_calls: Family<ToolOutcome, Counter>,
    cache: Family<AgentOutcome, Counter>,
    approvals: Family<AgentOutcome, Counter>,
    pub(crate) waiting: Gauge,
    pub(crate) oldest_seconds: Gauge,
    pub(crate) at_work: Gauge,
    pub(crate) audit_dropped: Counter,
    pub(crate) queue: Family<Queue, Gauge>,
    pub(crate) exported: Family<Destination, Counter>,
    pub(crate) dropped: Family<DestinationDropped, Counter>,
    pub(crate) spooled: Family<Destination, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Agent {
    agent: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AgentState {
    agent: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AgentOutcome {
    agent: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Guard {
    agent: String,
    guard: String,
    channel: String,
    mode: String,
    verdict: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Model {
    agent: String,
    model: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelOutcome {
    agent: String,
    model: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelTokens {
    agent: String,
    model: String,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ToolOutcome {
    agent: String,
    tool: String,
    outcome: String,
}

/// A queue inside the process.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Queue {
    pub(crate) queue: &'static str,
}

/// Where traces go.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Destination {
    pub(crate) destination: String,
}

/// What did not get there, and why.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct DestinationDropped {
    pub(crate) destination: String,
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

impl Metrics {
    /// All of them, at zero.
    pub(crate) fn new() -> Self {
        const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
        let metrics = Self {
            registry: Mutex::default(),
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            verdicts: Family::default(),
            model_calls: Family::default(),
            provider_errors: Family::default(),
            tokens: Family::default(),
            dollars: Family::default(),
            tool_calls: Family::default(),
            cache: Family::default(),
            approvals: Family::default(),
            waiting: Gauge::default(),
            oldest_seconds: Gauge::default(),
            at_work: Gauge::default(),
            audit_dropped: Counter::default(),
            queue: Family::default(),
            exported: Family::default(),
            dropped: Family::default(),
            spooled: Family::default(),
        };
        metrics.register(|registry| metrics.describe(registry));
        metrics
    }

    /// Adds metrics of somebody else's.
    pub(crate) fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The text that Prometheus reads.
    pub(crate) fn encode(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    /// Counts what was written for a run.
    pub(crate) fn appended(&self, run: &RunRecord, append: &Append) {
        for entry in &append.entries {
            self.entry(&run.agent, &entry.payload);
        }
        for change in &append.changes {
            match change {
                Change::Finish { at, reply } => {
                    let state = AgentState { agent: run.agent.clone(), state: reply.state.as_str() };
                    self.runs.get_or_create(&state).inc();
                    let agent = Agent { agent: run.agent.clone() };
                    let millis = u32::try_from(at.0 - run.created_at.0).unwrap_or(0);
                    self.run_seconds.get_or_create(&agent).observe(f64::from(millis) / 1000.0);
                }
                Change::Park(_) => self.approval(&run.agent, "asked"),
                Change::Effect(_) | Change::Settle { .. } => {}
            }
        }
    }

    fn entry(&self, agent: &str, payload: &Payload) {
        match payload {
            Payload::Screened(screened) => self.verdicts(agent, &screened.verdicts),
            Payload::Validated(validated) => self.verdicts(agent, &validated.verdicts),
            Payload::ToolCalled(called) => self.tool(agent, called),
            Payload::ModelCalled(called) => self.model(agent, called),
            Payload::CacheLookup(lookup) => {
                let outcome = if lookup.answer.is_some() { "hit" } else { "miss" };
                self.cache.get_or_create(&AgentOutcome { agent: agent.to_owned(), outcome }).inc();
            }
            Payload::ApprovalDecided(decided) => self.approval(agent, decided.decision.as_str()),
            Payload::Routed(_)
            | Payload::ToolJudged(_)
            | Payload::ApprovalAsked(_)
            | Payload::EffectIntended(_)
            | Payload::Ruled(_)
            | Payload::Replied(_) => {}
        }
    }

    fn approval(&self, agent: &str, outcome: &'static str) {
        self.approvals.get_or_create(&AgentOutcome { agent: agent.to_owned(), outcome }).inc();
    }

    fn verdicts(&self, agent: &str, verdicts: &[GuardVerdict]) {
        for verdict in verdicts {
            let labels = Guard {
                agent: agent.to_owned(),
                guard: verdict.guard.clone(),
                channel: verdict.channel.clone(),
                mode: verdict.mode.clone(),
                verdict: verdict.verdict.clone(),
            };
            self.verdicts.get_or_create(&labels).inc();
        }
    }

    fn tool(&self, agent: &str, called: &ToolCalled) {
        self.verdicts(agent, &called.verdicts);
        let (tool, outcome) = (called.tool.clone(), called.outcome.clone());
        self.tool_calls.get_or_create(&ToolOutcome { agent: agent.to_owned(), tool, outcome }).inc();
    }

    fn model(&self, agent: &str, called: &ModelCalled) {
        let model = |model: &str| Model { agent: agent.to_owned(), model: model.to_owned() };
        let outcome = match &called.result {
            ModelResult::Reply { .. } => "reply",
            ModelResult::OverBudget { .. } => "over_budget",
            ModelResult::Unavailable { .. } => "unavailable",
        };
        let labels = ModelOutcome { agent: agent.to_owned(), model: called.model.clone(), outcome };
        self.model_calls.get_or_create(&labels).inc();
        for failure in &called.failures {
            self.provider_errors.get_or_create(&model(&failure.model)).inc();
        }
        let usage = &called.usage;
        let kinds = [
            ("input", usage.input),
            ("cached_input", usage.cached),
            ("cache_write", usage.cache_write),
            ("output", usage.output),
        ];
        for (kind, tokens) in kinds.into_iter().filter(|(_, tokens)| *tokens > 0) {
            let labels = ModelTokens { agent: agent.to_owned(), model: called.model.clone(), kind };
            self.tokens.get_or_create(&labels).inc_by(tokens);
        }
        if called.cost.0 > 0 {
            let micro = u32::try_from(called.cost.0).unwrap_or(u32::MAX);
            self.dollars.get_or_create(&model(&called.model)).inc_by(f64::from(micro) / 1e6);
        }
    }

    fn describe(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("mainstay");
        registry.register("runs", "Runs that ended, by final state", self.runs.clone());
        registry.register("run_seconds", "From arrival to end, waiting for people included", self.run_seconds.clone());
        registry.register("guard_verdicts", "What guards said", self.verdicts.clone());
        registry.register("model_calls", "Model calls by how they ended", self.model_calls.clone());
        registry.register("provider_errors", "Tries of a model that failed", self.provider_errors.clone());
        registry.register("tokens", "Tokens by kind; `input` includes cached ones", self.tokens.clone());
        registry.register("cost_dollars", "What models cost", self.dollars.clone());
        registry.register("tool_calls", "Tool calls by outcome", self.tool_calls.clone());
        registry.register("cache_lookups", "Response cache hits and misses", self.cache.clone());
        registry.register("approvals", "Approvals asked and decided", self.approvals.clone());
        registry.register("approvals_waiting", "Approvals that wait for a person", self.waiting.clone());
        registry.register("approvals_oldest_seconds", "How long the oldest of them waits", self.oldest_seconds.clone());
        registry.register("runs_at_work", "Runs that this process drives", self.at_work.clone());
        registry.register("audit_dropped", "Audit events that could not be kept", self.audit_dropped.clone());
        registry.register("queue_depth", "What waits in queues of this process", self.queue.clone());
        registry.register("telemetry_exported_spans", "Spans delivered", self.exported.clone());
        registry.register("telemetry_dropped", "Runs or spans not delivered", self.dropped.clone());
        registry.register("telemetry_spooled_bytes", "Waiting on disk", self.spooled.clone());
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("build_info", "The program's version", build);
    }
}
