//! Mainstay runs narrow AI agents in production: screened, routed, constrained, validated, and with a person when in
//! doubt. Every step of a run is journaled, every side effect accounted for.
//!
//! ```no_run
//! use mainstay::{Mainstay, Principal};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mainstay = Mainstay::open("my-shop").await?; // the folder that holds mainstay.toml
//! let customer = Principal::new("c-1001");
//! let reply = mainstay.ask("returns", &customer, "Where is my order #W1234567?").await?;
//! println!("{}: {}", reply.status.as_str(), reply.answer.unwrap_or(reply.reason));
//! # Ok(())
//! # }
//! ```
//!
//! A tool may be a function of the program itself: see [`Function`] and [`Mainstay::builder`].

mod assemble;
mod audit;
mod builder;
pub mod clock;
pub mod config;
mod function;
mod keys;
mod metrics;
mod observe;
mod reply;
mod started;
mod surface;
mod telemetry;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use mainstay_core::id::{ApprovalId, RunId};
pub use mainstay_core::journal::entry::FinalState;
pub use mainstay_core::money::MicroUsd;
pub use mainstay_core::principal::Principal;
pub use mainstay_core::runtime::{AcceptError, DecisionRefused, Request, Runtime};
pub use mainstay_core::store::access;
pub use mainstay_core::store::{ApprovalFilter, ApprovalRecord, EffectRow, RunFilter, RunRecord, RunState, Verdict};
pub use mainstay_core::tool::Effect;
pub use mainstay_core::trace::Span;
pub use mainstay_tools::function::{Caller, FunctionError};
pub use schemars;

pub use assemble::{AssembleError, assemble};
pub use audit::Noted;
pub use builder::Builder;
pub use function::Function;
pub use keys::{KeyError, NewKey};
pub use observe::Follower;
pub use reply::{Reply, Status};
pub use started::Started;

use mainstay_core::agent::Agent;
use mainstay_core::error::StoreError;
use mainstay_core::journal::chain;
use mainstay_core::journal::entry::Entry;
use mainstay_core::runtime::Observer;
use mainstay_core::store::access::CancelNoted;
use mainstay_core::store::{Journal, Ruling};
use mainstay_core::trace;
use mainstay_store::Store;

use audit::Auditor;
use config::pepper::PepperError;
use config::problem::Problems;
use config::server::ServerConfig;
use keys::Keyring;
use observe::{Live, Observers};
use telemetry::TelemetryError;
use worker::Worker;

/// How long closing waits until what is queued for export has been sent or put on disk.
const EXPORT_PATIENCE: Duration = Duration::from_secs(5);

/// An open installation.
pub struct Mainstay {
    root: PathBuf,
    server: ServerConfig,
    runtime: Arc<Runtime>,
    store: Store,
    worker: Worker,
    observers: Arc<Observers>,
    auditor: Auditor,
    keyring: Keyring,
}

/// An installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration has problems; each says where and what to do.
    #[error("the configuration cannot be used\n{0}")]
    Config(Problems),
    /// A part of it cannot be built, for example because a secret is missing.
    #[error("the installation cannot be put together")]
    Assemble(#[from] AssembleError),
    /// The run store cannot be used.
    #[error("the run store cannot be used")]
    Store(#[from] StoreError),
    /// The secret that API keys are checked with cannot be had.
    #[error("API keys cannot be checked")]
    Pepper(#[from] PepperError),
    /// An exporter of traces cannot be started.
    #[error("traces cannot be exported")]
    Telemetry(#[from] TelemetryError),
}

impl OpenError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Config(_) => {
                Some("`mainstay check` prints the same problems of files; docs/config.md lists every key")
            }
            Self::Assemble(_) | Self::Pepper(_) | Self::Telemetry(_) => None,
            Self::Store(_) => Some("see docs/errors/store_unavailable.md"),
        }
    }
}

/// What [`Mainstay::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Runs looked at.
    pub runs: u64,
    /// Entries looked at.
    pub entries: u64,
    /// Runs whose chain is broken, with the first bad entry in words.
    pub broken: Vec<(RunId, String)>,
}

impl Mainstay {
    /// Opens the installation in the folder `root`: reads and checks its configuration, opens its store.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(root.as_ref(), &[]).await
    }

    /// The installation in the folder `root`, to be opened with tools that are functions of this program.
    ///
    /// ```no_run
    /// use mainstay::{Caller, Effect, Function, Mainstay};
    /// # use {schemars::JsonSchema, serde::Deserialize, serde_json::json};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Order {
    ///     order_id: String,
    /// }
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let get_order = |order: Order, caller: Caller| async move {
    ///     Ok(json!({"order": order.order_id, "of": caller.principal.id, "status": "shipped"}))
    /// };
    /// let get_order = Function::new("get_order", "Looks up an order of the customer", Effect::Read, get_order).trusted();
    /// let mainstay = Mainstay::builder("my-shop").function("returns", get_order).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(root: impl Into<PathBuf>) -> Builder {
        Builder::new(root.into())
    }

    async fn open_with(root: &Path, functions: &[(String, Function)]) -> Result<Self, OpenError> {
        let loaded = config::load_with(root, functions).map_err(OpenError::Config)?;
        let url = assemble::store_url(&loaded.config).await?;
        let store = Store::connect(&url).await?;
        let config = loaded.config;
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let observers = Arc::new(Observers {
            metrics: metrics::Metrics::new(),
            live: Arc::new(Live::default()),
            exporters: telemetry::start(&config, Arc::clone(&journal)).await?,
        });
        let observer: Arc<dyn Observer> = Arc::clone(&observers) as Arc<dyn Observer>;
        let runtime = Arc::new(assemble(&config, &store, journal, observer).await?);
        let dropped = observers.metrics.audit_dropped.clone();
        Ok(Self {
            worker: Worker::start(Arc::clone(&runtime), config.server.at_work),
            auditor: Auditor::start(Arc::new(store.clone()), Arc::clone(&runtime.clock), dropped),
            keyring: Keyring::open(&config.root, config.server.pepper.as_ref()).await?,
            root: config.root,
            server: config.server,
            runtime,
            store,
            observers,
        })
    }

    /// Asks an agent and waits until the run has ended, is parked on a person, or failed for a reason of ours. The run
    /// goes on even when the caller stops waiting.
    pub async fn ask(&self, agent: &str, principal: &Principal, input: &str) -> Result<Reply, AcceptError> {
        Ok(self.start(Request::new(agent, principal.clone(), input)).await?.ended().await)
    }

    /// Accepts a request, durably, and drives it in the background.
    pub async fn start(&self, request: Request) -> Result<Started, AcceptError> {
        let slot = self.worker.slot().await;
        let run = self.runtime.accept(request).await?;
        let driven = self.worker.drive(run.clone(), slot);
        Ok(Started::new(run, driven))
    }

    /// How a run stands, read back from its journal; the answer with the principal's own values.
    pub async fn reply(&self, run: &RunRecord) -> Result<Reply, StoreError> {
        let entries = self.runtime.journal.entries(run.id, 0).await?;
        Ok(Reply::read(run, &entries))
    }

    /// Asks that a run end, on behalf of `by`. It ends at its next safe place: never between an effect and its outcome.
    pub async fn cancel(&self, run: RunId, by: &str) -> Result<CancelNoted, StoreError> {
        self.runtime.cancel(run, by).await
    }

    /// The agents of this installation, by name.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.runtime.agents.values().map(AsRef::as_ref)
    }

    /// What `[server]` says.
    pub const fn server(&self) -> &ServerConfig {
        &self.server
    }

    /// Takes over whatever is due (crashed runs, decided approvals) until nothing is due any more.
    pub async fn resume_due(&self) -> Vec<Reply> {
        self.worker.drain_due().await.into_iter().map(|(run, driven)| Reply::new(run, driven)).collect()
    }

    /// From now on takes over, in the background, whatever becomes due.
    pub fn watch(&self) {
        self.worker.watch();
    }

    /// Stops: starts nothing more, waits at most `patience` for what is at work, closes the store. Says whether all runs
    /// had stopped; the others are resumed by the next process.
    pub async fn close(&self, patience: Duration) -> bool {
        let all_stopped = self.worker.stop(patience).await;
        if let Some(exporters) = &self.observers.exporters {
            exporters.close(EXPORT_PATIENCE).await;
        }
        self.auditor.close().await;
        self.store.close().await;
        all_stopped
    }

    /// What all runs share; for servers and tools that are built on top.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.runtime.journal.run(run).await
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        self.runtime.journal.runs(filter).await
    }

    /// The trace of a run; empty when there is no such run.
    pub async fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        let Some(record) = self.runtime.journal.run(run).await? else { return Ok(Vec::new()) };
        Ok(trace::spans(&record, &self.runtime.journal.entries(run, 0).await?))
    }

    /// The entries of a run from position `from` on.
    pub async fn entries(&self, run: RunId, from: u32) -> Result<Vec<Entry>, StoreError> {
        self.runtime.journal.entries(run, from).await
    }

    /// Approvals, newest first.
    pub async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRecord>, StoreError> {
        self.runtime.approvals.approvals(filter).await
    }

    /// One approval.
    pub async fn approval(&self, approval: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
        self.runtime.approvals.approval(approval).await
    }

    /// Takes a person's decision. `seen_hash` is the hash of the arguments that the person saw; without it, what is stored
    /// now counts as seen.
    pub async fn decide(
        &self,
        approval: ApprovalId,
        verdict: Verdict,
        by: &str,
        reason: &str,
        seen_hash: Option<&str>,
    ) -> Result<Result<(), DecisionRefused>, StoreError> {
        let Some(record) = self.approval(approval).await? else { return Ok(Err(DecisionRefused::Unknown)) };
        let ruling = Ruling {
            approval,
            verdict,
            arguments_hash: seen_hash.unwrap_or(&record.asked.arguments_hash).to_owned(),
            by: by.to_owned(),
            reason: reason.to_owned(),
            now: self.runtime.clock.now(),
        };
        self.runtime.decide(ruling).await
    }

    /// What agents did to the world, newest first.
    pub async fn effects(&self, run: Option<RunId>, limit: u32) -> Result<Vec<EffectRow>, StoreError> {
        self.runtime.ledger.effects(run, limit).await
    }

    /// Checks the hash chain of one run, or of all.
    pub async fn verify(&self, only: Option<RunId>) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        if let Some(run) = only {
            let record = self.run(run).await?;
            self.verify_one(record.ok_or_else(|| StoreError::NotFound(format!("run `{run}`")))?, &mut verified).await?;
            return Ok(verified);
        }
        let mut page = RunFilter { limit: 500, ..RunFilter::default() };
        loop {
            let runs = self.runs(&page).await?;
            let Some(last) = runs.last() else { return Ok(verified) };
            page.before = Some(last.id);
            for run in runs {
                self.verify_one(run, &mut verified).await?;
            }
        }
    }

    async fn verify_one(&self, run: RunRecord, verified: &mut Verified) -> Result<(), StoreError> {
        let bad = match self.runtime.journal.entries(run.id, 0).await {
            Ok(entries) => {
                verified.entries += entries.len() as u64;
                chain::verify(&run, &entries).err().map(|bad| bad.to_string())
            }
            Err(StoreError::Corrupt(what)) => Some(format!("unreadable: {what}")),
            Err(error) => return Err(error),
        };
        verified.runs += 1;
        verified.broken.extend(bad.map(|bad| (run.id, bad)));
        Ok(())
    }
}
