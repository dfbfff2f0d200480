//! Response cache: exact match on (tenant, agent version, normalised input).
//!
//! Kept are only answers that rest on nothing but what is the same for everybody of a tenant: no principal's data, no
//! masked value, no write, no earlier turn of a conversation. Never a refusal, never an escalation. A cache that fails is a cache that misses.

use sha2::{Digest, Sha256};
use tracing::warn;

use crate::canonical::hex;
use crate::error::Halt;
use crate::input::Input;
use crate::journal::entry::{AnswerRecord, CacheLookup};
use crate::run::Run;

/// The answer given before, if there is one.
pub async fn lookup(run: &Run, input: &Input) -> Result<Option<AnswerRecord>, Halt> {
    if run.agent.cache.is_none() || !run.vault().is_empty() || !input.history().is_empty() {
        return Ok(None);
    }
    let looked_up = run
        .step(async {
            let key = key(run, input);
            let answer = run.runtime.cache.get(&key, run.now()).await.unwrap_or_else(|error| {
                warn!(%error, "the response cache cannot be read");
                None
            });
            Ok(CacheLookup { key, answer })
        })
        .await?;
    Ok(looked_up.answer)
}

/// Keeps `answer` for the next who asks, where that is allowed.
pub async fn store(run: &Run, input: &Input, answer: &AnswerRecord) -> Result<(), Halt> {
    let Some(time) = run.agent.cache else { return Ok(()) };
    let rests_on_shared_tools =
        run.evidence().iter().all(|evidence| run.agent.tools.get(&evidence.tool).is_some_and(|tool| tool.shared));
    if !run.vault().is_empty() || !input.history().is_empty() || !rests_on_shared_tools || !run.effects().is_empty() {
        return Ok(());
    }
    // Not a step: keeping it twice changes nothing, and losing it costs one model call.
    if let Err(error) = run.runtime.cache.put(&key(run, input), answer, run.now().plus(time)).await {
        warn!(%error, "the response cache cannot be written");
    }
    Ok(())
}

fn key(run: &Run, input: &Input) -> String {
    let normalised = input.text().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut hasher = Sha256::new();
    for part in [run.record.principal.tenant.as_str(), &run.agent.version, &normalised] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}
