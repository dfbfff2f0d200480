//! The function tool: a Rust function of the program that embeds an agent, with typed arguments.
//!
//! Its outcome is honest. Arguments that do not fit the type reach no function, so the call has failed; the function itself
//! says whether nothing happened or nobody knows; a panic and a missed deadline of one that changes things are unknown.
//!
//! Each call is a task of its own, so that a panic ends the call and not the run. A function that misses its deadline is
//! stopped where it waits next. What it handed to other threads goes on.
//!
//! Absent on purpose: blocking functions (wrap them in `tokio::task::spawn_blocking`), arguments without names, types that
//! contain themselves.

mod parameters;

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::principal::Principal;
use mainstay_core::tool::{Effect, Invocation, Tool, ToolOutcome};
use mainstay_egress::excerpt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

pub use parameters::{ParametersError, parameters};

/// Largest result that a model gets to read, in bytes of JSON.
pub const MOST_BYTES: usize = 64 * 1024;
/// Longest piece of a function's own words in an outcome, in characters.
const EXCERPT: usize = 500;

/// On whose behalf a function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who asks. It comes from the application in front, never from the text of a request or from a model.
    pub principal: Principal,
    /// `run/position`: the same for every repetition of this very call, unique otherwise. A function with the effect
    /// `idempotent` makes its change once per key.
    pub idempotency_key: String,
}

/// A function did not do what it was asked. The texts are for the model and for people; they must hold no secrets, and are
/// cut after 500 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// It was not done, for certain: nothing happened.
    #[error("{0}")]
    Failed(String),
    /// Nobody knows whether it was done. A probe settles that, or a person. From a function that changes nothing, this is
    /// the same as [`Self::Failed`].
    #[error("{0}")]
    Unknown(String),
}

impl FunctionError {
    /// Nothing happened, and this is why.
    pub fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }

    /// It may or may not have happened, and this is why nobody knows.
    pub fn unknown(why: impl fmt::Display) -> Self {
        Self::Unknown(why.to_string())
    }
}

/// A Rust function as a tool.
#[derive(Clone)]
pub struct FunctionTool {
    effect: Effect,
    body: Arc<dyn Fn(Map<String, Value>, Caller) -> Running + Send + Sync>,
}

type Running = Pin<Box<dyn Future<Output = Returned> + Send>>;

/// How a function ended that neither panicked nor was stopped.
enum Returned {
    /// It was never called.
    Unfit(serde_json::Error),
    /// It says that it did not do it, or does not know.
    Error(FunctionError),
    /// It did it, and this is what it returned, as JSON.
    Done(Result<Value, Unreadable>),
}

/// A result that no model gets to read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the result is larger than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("the result cannot be written as JSON")]
    NotJson,
}

impl FunctionTool {
    /// Wraps `function`, which does to the world what `effect` says. See [`parameters`] for the schema of its arguments.
    pub fn new<A, R, F, Fut>(effect: Effect, function: F) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(A, Caller) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, FunctionError>> + Send + 'static,
    {
        let function = Arc::new(function);
        let body = move |arguments, caller| -> Running {
            let function = Arc::clone(&function);
            // Everything that is not ours happens inside the task.
            Box::pin(async move {
                let arguments = match serde_json::from_value::<A>(Value::Object(arguments)) {
                    Ok(arguments) => arguments,
                    Err(error) => return Returned::Unfit(error),
                };
                match function(arguments, caller).await {
                    Ok(result) => Returned::Done(as_json(&result)),
                    Err(error) => Returned::Error(error),
                }
            })
        };
        Self { effect, body: Arc::new(body) }
    }

    fn outcome(&self, returned: Returned) -> ToolOutcome {
        match returned {
            Returned::Unfit(error) => {
                ToolOutcome::Failed(short(&format!("the arguments do not fit the function: {error}")))
            }
            Returned::Error(FunctionError::Failed(why)) => ToolOutcome::Failed(short(&why)),
            Returned::Error(FunctionError::Unknown(why)) => self.unclear(&why),
            Returned::Done(Ok(content)) => done(content),
            // It was done, even if nobody can read all that it says.
            Returned::Done(Err(why)) if self.effect.changes_things() => {
                done(json!({"status": "done", "result": why.to_string()}))
            }
            Returned::Done(Err(why)) => ToolOutcome::Failed(why.to_string()),
        }
    }

    /// Something went wrong after the function may have done its work.
    fn unclear(&self, why: &str) -> ToolOutcome {
        let why = short(why);
        if self.effect.changes_things() { ToolOutcome::Unknown(why) } else { ToolOutcome::Failed(why) }
    }
}

#[async_trait]
impl Tool for FunctionTool {
    async fn call(&self, call: &Invocation<'_>, deadline: Instant) -> ToolOutcome {
        if Instant::now() >= deadline {
            return ToolOutcome::Failed("there is no time left to call the function".to_owned());
        }
        let caller = Caller { principal: call.principal.clone(), idempotency_key: call.idempotency_key.to_owned() };
        // A set stops its tasks when it is dropped, also when this call is given up.
        let mut task = JoinSet::new();
        task.spawn((self.body)(call.arguments.clone(), caller).in_current_span());
        match timeout_at(deadline, task.join_next()).await {
            Ok(Some(Ok(returned))) => self.outcome(returned),
            // What a panic says is for the log of the program, and may hold anything.
            Ok(Some(Err(_)) | None) => self.unclear("the function panicked"),
            Err(_) => self.unclear("the function did not end in time"),
        }
    }
}

impl fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunctionTool({})", self.effect.as_str())
    }
}

fn done(content: Value) -> ToolOutcome {
    ToolOutcome::Done { content, citations: Vec::new() }
}

fn short(text: &str) -> String {
    excerpt(text, EXCERPT, &[])
}

/// `result` as JSON; never writes more than is allowed.
fn as_json(result: &impl Serialize) -> Result<Value, Unreadable> {
    let mut page = Page { bytes: Vec::new(), is_full: false };
    let written = serde_json::to_writer(&mut page, result);
    match written {
        Err(_) if page.is_full => Err(Unreadable::TooLarge),
        Err(_) => Err(Unreadable::NotJson),
        Ok(()) => serde_json::from_slice(&page.bytes).map_err(|_| Unreadable::NotJson),
    }
}

/// Takes [`MOST_BYTES`] and not one more.
struct Page {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Page {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > MOST_BYTES {
            self.is_full = true;
            return Err(io::Error::other("no room"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
