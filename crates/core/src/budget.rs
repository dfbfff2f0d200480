//! What a run has used, and whether it may use more. Pure: counts come from the journal, never from a clock.

use std::time::Duration;

use crate::agent::{Limits, Model};
use crate::message::{Message, Usage};
use crate::money::MicroUsd;
use crate::provider::ChatRequest;

/// What a run has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Model calls made.
    pub model_calls: u32,
    /// Tool calls made for the model.
    pub tool_calls: u32,
    /// Tokens.
    pub usage: Usage,
    /// Dollars.
    pub cost: MicroUsd,
    /// Time worked; waiting for a person is not in it.
    pub worked: Duration,
}

/// A limit that forbids what was about to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// The key in `[budget]`.
    pub limit: &'static str,
    /// What it allows and what was used.
    pub detail: String,
}

/// Leave to call a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// At most so many output tokens.
    pub output_tokens: u32,
    /// The most that the call can cost.
    pub worst_case: MicroUsd,
    /// The most time that it may take, with all its tries.
    pub time: Duration,
}

/// A reply shorter than this is of no use, so a budget that only allows less allows nothing.
const FEWEST_OUTPUT_TOKENS: u64 = 64;

impl Meter {
    /// Whether `model` may be called with `request`, and how much it may use.
    pub fn allow_model(&self, limits: &Limits, model: &Model, request: &ChatRequest) -> Result<Allowance, OverLimit> {
        if self.model_calls >= limits.model_calls {
            return Err(over(
                "model_calls_per_run",
                format!("{} of {} model calls", self.model_calls, limits.model_calls),
            ));
        }
        let time = limits.run_time.saturating_sub(self.worked);
        if time.is_zero() {
            return Err(over("seconds_per_run", format!("{} s of working time", limits.run_time.as_secs())));
        }
        let tokens_left = limits.output_tokens.saturating_sub(self.usage.output_tokens);
        if tokens_left < FEWEST_OUTPUT_TOKENS {
            let detail = format!("{} of {} output tokens", self.usage.output_tokens, limits.output_tokens);
            return Err(over("output_tokens_per_run", detail));
        }
        let input = Usage { input_tokens: estimate_tokens(request), ..Usage::default() };
        let money_left = limits.usd_per_run.saturating_sub(self.cost).saturating_sub(model.price.of(&input));
        let affordable = match model.price.output.0 {
            0 => u64::MAX,
            price => money_left.0.saturating_mul(1_000_000) / price,
        };
        if !model.price.is_free() && affordable < FEWEST_OUTPUT_TOKENS {
            return Err(over("usd_per_run", format!("{} of {} spent", self.cost, limits.usd_per_run)));
        }
        let output_tokens = u64::from(limits.output_tokens_per_call).min(tokens_left).min(affordable);
        let output_tokens = u32::try_from(output_tokens).unwrap_or(u32::MAX);
        let worst_case = model.price.of(&Usage { output_tokens: output_tokens.into(), ..input });
        Ok(Allowance { output_tokens, worst_case, time })
    }

    /// Whether `calls` more tool calls may be made.
    pub fn allow_tools(&self, limits: &Limits, calls: usize) -> Result<(), OverLimit> {
        let wanted = self.tool_calls.saturating_add(u32::try_from(calls).unwrap_or(u32::MAX));
        if wanted > limits.tool_calls {
            let detail = format!("{} of {} tool calls, {calls} more wanted", self.tool_calls, limits.tool_calls);
            return Err(over("tool_calls_per_run", detail));
        }
        Ok(())
    }
}

const fn over(limit: &'static str, detail: String) -> OverLimit {
    OverLimit { limit, detail }
}

/// A cautious count: three bytes a token, and what the protocol adds.
fn estimate_tokens(request: &ChatRequest) -> u64 {
    let mut bytes = request.instructions.len();
    for message in &request.messages {
        bytes += 16
            + match message {
                Message::User(text) | Message::Tool { content: text, .. } => text.len(),
                Message::Assistant { text, calls } => text.len() + calls.len() * 64,
            };
    }
    for tool in &request.tools {
        bytes += tool.name.len() + tool.description.len() + tool.parameters.to_string().len();
    }
    bytes.div_ceil(3) as u64
}
