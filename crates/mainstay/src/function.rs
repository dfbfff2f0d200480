//! Rust functions as tools of an agent: what `[tools.NAME]` says of a tool in `agent.toml`, said in the program.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mainstay_core::tool::{Effect, Tool};
use mainstay_tools::function::{Caller, FunctionError, FunctionTool, ParametersError, parameters};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A Rust function as a tool of an agent: typed arguments, an effect, and what else `[tools.NAME]` may say.
///
/// Nothing is checked here. [`Builder::open`](crate::Builder::open) checks it together with the configuration and says all
/// that is wrong with either, as if the tool were in `agent.toml`; the words and what they mean are the same.
///
/// The arguments are a struct with named fields. Its JSON Schema is what the model is told and what is checked before the
/// function is called: other fields are refused, texts are at most 4,000 characters and lists at most 100 items long unless
/// the type says otherwise. The result may be anything that serialises to at most 64 KiB of JSON.
///
/// ```
/// use mainstay::{Caller, Effect, Function, FunctionError};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Refund {
///     /// The order, such as #W1234567
///     order_id: String,
///     amount: f64,
/// }
///
/// let refund = Function::new("refund", "Refunds an order", Effect::Idempotent, |call: Refund, caller: Caller| async move {
///     if call.amount <= 0.0 {
///         return Err(FunctionError::failed("there is nothing to refund"));
///     }
///     Ok(json!({"refunded": call.amount, "order": call.order_id, "key": caller.idempotency_key}))
/// })
/// .approve("args.amount > 50.0")
/// .claims(["refunded"]);
/// # let _ = refund;
/// ```
#[derive(Clone, Debug)]
pub struct Function {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) effect: Effect,
    pub(crate) parameters: Result<Value, ParametersError>,
    pub(crate) body: FunctionBody,
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) when: Option<String>,
    pub(crate) approve: Option<String>,
    pub(crate) probe: Option<(String, String)>,
    pub(crate) claims: Vec<String>,
    pub(crate) is_trusted: bool,
    pub(crate) is_shared: bool,
    pub(crate) timeout: Duration,
}

impl Function {
    /// `function` under the `name` that models call it by, with a `description` for them and its `effect`: whether it reads,
    /// drafts, or changes something, and then whether repeating a call with the same key changes nothing more
    /// ([`Effect::Idempotent`]) or it must never be called twice ([`Effect::Write`]).
    ///
    /// The function is called inside a tokio task. A panic in it, or no answer within [`Self::timeout`], counts as
    /// [`FunctionError::Unknown`].
    pub fn new<A, R, F, Fut>(
        name: impl Into<String>,
        description: impl Into<String>,
        effect: Effect,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize,
        F: Fn(A, Caller) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, FunctionError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            description: description.into(),
            effect,
            parameters: parameters::<A>(),
            body: FunctionBody(Arc::new(FunctionTool::new(effect, function))),
            facts: Vec::new(),
            when: None,
            approve: None,
            probe: None,
            claims: Vec::new(),
            is_trusted: false,
            is_shared: false,
            timeout: Duration::from_secs(10),
        }
    }

    /// A fact that is read afresh before [`Self::when`] and [`Self::approve`] are judged: what the read tool `from` returns
    /// for this call's arguments of the same names.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, from: impl Into<String>) -> Self {
        self.facts.push((name.into(), from.into()));
        self
    }

    /// A condition in CEL over `args`, `principal` and the facts that must hold, or the call is denied.
    #[must_use]
    pub fn when(mut self, condition: impl Into<String>) -> Self {
        self.when = Some(condition.into());
        self
    }

    /// A condition in CEL over `args`, `principal` and the facts; where it holds, a person must approve the call.
    #[must_use]
    pub fn approve(mut self, condition: impl Into<String>) -> Self {
        self.approve = Some(condition.into());
        self
    }

    /// How an unknown outcome is settled: what the read tool `tool` returns for this call's arguments of the same names, and
    /// a condition in CEL over `args` and `result` that says whether it `happened`.
    #[must_use]
    pub fn probe(mut self, tool: impl Into<String>, happened: impl Into<String>) -> Self {
        self.probe = Some((tool.into(), happened.into()));
        self
    }

    /// Regular expressions: words that an answer may only use when this tool's effect is confirmed.
    #[must_use]
    pub fn claims<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.claims.extend(words.into_iter().map(Into::into));
        self
    }

    /// No third party can write what it returns.
    #[must_use]
    pub const fn trusted(mut self) -> Self {
        self.is_trusted = true;
        self
    }

    /// What it returns is the same for everybody of a tenant, so that an answer that rests on it may be cached.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// The time that one call has: 10 milliseconds to 2 minutes; 10 seconds where nothing is said.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What is called. Two are equal when they are one.
#[derive(Clone, Debug)]
pub struct FunctionBody(Arc<FunctionTool>);

impl FunctionBody {
    /// The tool.
    pub(crate) fn tool(&self) -> Arc<dyn Tool> {
        Arc::<FunctionTool>::clone(&self.0)
    }
}

impl PartialEq for FunctionBody {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
