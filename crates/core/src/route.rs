//! Routing: which models may serve a request, cheapest first. The choice is pure; its step is journaled.

use crate::agent::{Model, Served, Tiers};
use crate::error::Halt;
use crate::input::Input;
use crate::journal::entry::Routed;
use crate::run::Run;

/// The models to try, in order.
pub struct Route {
    tier: String,
    models: Vec<Model>,
    at: usize,
}

impl Route {
    /// The model whose turn it is.
    pub fn model(&self) -> Served<'_> {
        Served { tier: &self.tier, model: self.models.get(self.at) }
    }

    /// Goes on to the next model; false when there is none.
    pub fn advance(&mut self) -> bool {
        self.at += 1;
        self.at < self.models.len()
    }
}

/// Chooses the models for a run.
pub async fn route(run: &Run, input: &Input) -> Result<Route, Halt> {
    let routed = run
        .step(async {
            let now = run.now();
            Ok(choose(input.text(), &run.agent.models, |model| run.runtime.health.is_healthy(model, now)))
        })
        .await?;
    let all = run.agent.models.all();
    let models = routed.models.iter().filter_map(|name| all.iter().find(|model| model.name == *name).copied().cloned());
    Ok(Route { models: models.collect(), tier: routed.tier, at: 0 })
}

/// The tier by the request's size and shape, then its models and those of the stronger tiers as fallbacks. Models that
/// rest after failures are left out, unless nothing else is left.
pub fn choose(text: &str, tiers: &Tiers, is_healthy: impl Fn(&str) -> bool) -> Routed {
    let (tier, reason) = difficulty(text);
    let ordered = [("simple", &tiers.simple), ("medium", &tiers.medium), ("complex", &tiers.complex)];
    let start = ordered.iter().position(|(name, _)| *name == tier).unwrap_or(0);
    let stronger = ordered.iter().skip(start);
    let weaker = ordered.iter().take(start).rev();
    let mut models: Vec<String> = Vec::new();
    for (_, tier) in stronger.chain(weaker) {
        for model in *tier {
            if !models.contains(&model.name) {
                models.push(model.name.clone());
            }
        }
    }
    let healthy: Vec<String> = models.iter().filter(|model| is_healthy(model)).cloned().collect();
    let models = if healthy.is_empty() { models } else { healthy };
    Routed { tier: tier.to_owned(), reason, models }
}

/// Long requests and those with many questions are hard. A classifier may refine this; the limits stay readable.
fn difficulty(text: &str) -> (&'static str, String) {
    let chars = text.chars().count();
    let questions = text.matches(['?', '？']).count();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let reason = format!("{chars} characters, {questions} questions, {lines} lines");
    let tier = if chars > 1200 || questions > 3 || lines > 12 {
        "complex"
    } else if chars > 240 || questions > 1 || lines > 3 {
        "medium"
    } else {
        "simple"
    };
    (tier, reason)
}
