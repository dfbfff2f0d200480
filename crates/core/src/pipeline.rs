//! The life of one request. Read this first.
//!
//! ```text
//! screen -> cache -> route -> execute -> validate -> rules -> respond | escalate
//! ```
//!
//! `?` is an infrastructure failure or a park ([`Halt`]); every *decision* is a value matched here. Each effect sits in a
//! step of the [`Run`], so calling [`handle`] again on the same run replays what is journaled and goes on at the first
//! unfinished step: that is how crashes and approvals resume.

use crate::cache;
use crate::error::Halt;
use crate::execute::{Executed, execute};
use crate::journal::entry::Replied;
use crate::route::route;
use crate::rules::{self, Ruling};
use crate::run::{Origin, Run};
use crate::screen::{Screening, screen};
use crate::validate::{Validation, validate};

/// Takes one request from its screening to its reply.
pub async fn handle(run: &Run) -> Result<Replied, Halt> {
    // Who is served, mask PII, stop attacks.
    let input = match screen(run).await? {
        Screening::Clean(input) => input,
        Screening::Refused(reason) => return run.refuse(reason).await,
        Screening::NeedsPerson(reason) => return run.escalate(reason).await,
    };

    // Same question, same agent version, same tenant: same answer.
    if let Some(answer) = cache::lookup(run, &input).await? {
        return run.respond(answer, Origin::Cache).await;
    }

    // The models that this difficulty allows, cheapest first.
    let mut route = route(run, &input).await?;

    let answer = loop {
        // Model and tool turns, traced and journaled, never past the budget.
        let rejection = match execute(run, &input, route.model()).await? {
            // Shape first (schema), then content (output guards).
            Executed::Draft(draft) => match validate(run, &input, &draft).await? {
                Validation::Answer(answer) => break answer,
                Validation::Rejected(rejection) => rejection,
            },
            Executed::GaveUp(rejection) => rejection,
            Executed::TakenOver(answer) => return run.respond(answer, Origin::Person).await,
            Executed::Cancelled(by) => return run.cancel(&by).await,
        };
        // A stronger model may do better, but never after this one has touched the world.
        if !rejection.another_model_may_help || !run.effects().is_empty() || !route.advance() {
            return run.escalate(rejection.reason).await;
        }
    };

    // The business has the last word.
    match rules::judge(run, &input, &answer).await? {
        Ruling::Escalate(reason) => run.escalate(reason).await,
        Ruling::Respond => {
            cache::store(run, &input, &answer).await?;
            run.respond(answer, Origin::Model).await
        }
    }
}
