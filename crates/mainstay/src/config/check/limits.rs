//! Budgets checked: each is in range, and they fit together.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_core::agent::Limits;
use mainstay_core::message::Usage;
use mainstay_core::money::MicroUsd;

use super::super::agent::ModelNames;
use super::super::file::agent::Budget;
use super::super::problem::{Finding, Kind, Log, quoted};
use super::super::settings::ModelConfig;
use super::super::source::Written;

const MODEL_CALLS: u64 = 5;
const TOOL_CALLS: u64 = 12;
const TOKENS_PER_CALL: u64 = 4_000;
const TOKENS_PER_RUN: u64 = 20_000;
const SECONDS: u64 = 120;
const USD_PER_RUN: MicroUsd = MicroUsd(50_000);

pub(super) fn check(
    budget: &Budget,
    names: &ModelNames,
    models: &BTreeMap<String, Option<ModelConfig>>,
    log: &Log,
) -> Limits {
    let number = |written: &Option<Written<u64>>, default| written.as_ref().map_or(default, |written| written.value);
    let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let dollars = |written: &Option<Written<MicroUsd>>| written.as_ref().map(|written| written.value);
    let limits = Limits {
        model_calls: small(number(&budget.model_calls, MODEL_CALLS)),
        tool_calls: small(number(&budget.tool_calls, TOOL_CALLS)),
        output_tokens_per_call: small(number(&budget.output_tokens_per_call, TOKENS_PER_CALL)),
        output_tokens: number(&budget.output_tokens, TOKENS_PER_RUN),
        usd_per_run: dollars(&budget.usd_per_run).unwrap_or(USD_PER_RUN),
        usd_per_day: dollars(&budget.usd_per_day),
        usd_per_principal_day: dollars(&budget.usd_per_principal_day),
        run_time: Duration::from_secs(number(&budget.seconds, SECONDS)),
    };
    if u64::from(limits.output_tokens_per_call) > limits.output_tokens {
        let place = budget.output_tokens_per_call.as_ref().or(budget.output_tokens.as_ref());
        let place = place.map_or(&budget.place, |written| &written.place);
        let message = format!(
            "one call may use {} output tokens, but a whole run only {}",
            limits.output_tokens_per_call, limits.output_tokens
        );
        log.problem(
            Finding::at(place, Kind::Value, message)
                .hint("raise `output_tokens_per_run` or lower `output_tokens_per_call`"),
        );
    }
    for (key, larger) in
        [("usd_per_day", &budget.usd_per_day), ("usd_per_principal_day", &budget.usd_per_principal_day)]
    {
        if let Some(larger) = larger
            && larger.value < limits.usd_per_run
        {
            let message = format!("`{key}` is less than `usd_per_run`, so no run could ever start");
            log.problem(Finding::at(&larger.place, Kind::Value, message));
        }
    }
    let used = |name: &str| models.get(name).and_then(Option::as_ref).filter(|model| !model.price.is_free());
    let paid: Vec<(&str, &ModelConfig)> =
        names.all().into_iter().filter_map(|name| Some((name, used(name)?))).collect();
    for (name, model) in &paid {
        let worst = Usage { output_tokens: limits.output_tokens_per_call.into(), ..Usage::default() };
        if model.price.of(&worst) > limits.usd_per_run {
            let place = budget.usd_per_run.as_ref().map_or(&budget.place, |written| &written.place);
            let message = format!(
                "one call of model {} may cost {} for its output alone, more than a run may spend ({})",
                quoted(name),
                model.price.of(&worst),
                limits.usd_per_run
            );
            log.problem(
                Finding::at(place, Kind::Value, message).hint("raise `usd_per_run` or lower `output_tokens_per_call`"),
            );
        }
    }
    if !paid.is_empty() && limits.usd_per_day.is_none() {
        let message = "the agent uses models that cost money, but has no limit per day";
        log.warning(Finding::at(&budget.place, Kind::Policy, message).hint("add `usd_per_day = \"…\"` to [budget]"));
    }
    limits
}
