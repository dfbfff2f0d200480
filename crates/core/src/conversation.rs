//! Earlier turns of a conversation, looked up when a request arrives and kept with the run: what was said then cannot change
//! under it.
//!
//! Only turns of the same tenant, agent and principal belong to a conversation, whatever name it is called by.

use crate::agent::Agent;
use crate::error::StoreError;
use crate::journal::entry::{FinalState, Said, Speaker};
use crate::reply;
use crate::runtime::{Request, Runtime};
use crate::store::{RunFilter, RunState};

/// No conversation brings more turns along, however short they are.
const MOST_TURNS: u32 = 20;
/// The usual estimate: a token is four bytes.
const BYTES_PER_TOKEN: usize = 4;

/// Fills in the history of a request that names a conversation and brings none, as much of it as the agent reads.
pub(crate) async fn recall(runtime: &Runtime, agent: &Agent, request: &mut Request) -> Result<(), StoreError> {
    let context = &mut request.context;
    let mut left = usize::try_from(agent.history_tokens).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
    if context.conversation.is_empty() || !context.history.is_empty() || left == 0 {
        shorten(&mut context.history, left);
        return Ok(());
    }
    let filter = RunFilter {
        tenant: Some(request.principal.tenant.clone()),
        agent: Some(agent.name.clone()),
        principal: Some(request.principal.id.clone()),
        conversation: Some(context.conversation.clone()),
        state: Some(RunState::Ended(FinalState::Answered)),
        limit: MOST_TURNS,
        ..RunFilter::default()
    };
    let mut turns = Vec::new();
    for run in runtime.journal.runs(&filter).await? {
        let entries = runtime.journal.entries(run.id, 0).await?;
        let Some((_, Some(answer))) = reply::read(&entries) else { continue };
        let Some(rest) = left.checked_sub(run.input.len() + answer.text.len()) else { break };
        left = rest;
        turns.push((run.input, answer.text));
    }
    context.history = turns
        .into_iter()
        .rev()
        .flat_map(|(asked, answered)| {
            [Said { by: Speaker::Principal, text: asked }, Said { by: Speaker::Agent, text: answered }]
        })
        .collect();
    Ok(())
}

/// Keeps the newest turns that fit into `left` bytes.
fn shorten(history: &mut Vec<Said>, mut left: usize) {
    let fitting = history.iter().rev().take_while(|said| match left.checked_sub(said.text.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    let keep = fitting.count();
    history.drain(..history.len() - keep);
}
