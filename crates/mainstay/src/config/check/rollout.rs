//! The rollout checked: the phase that is on has what it needs.

use mainstay_core::rollout::{Audience, Autonomy, Phase, Rollout};

use super::super::agent::Risk;
use super::super::file::agent::Rollout as Written;
use super::super::problem::{Finding, Kind, Log};

pub(super) fn check(written: &Written, risk: Risk, log: &Log) -> Rollout {
    let phase = written.phase.as_ref().map_or(Phase::Prototype, |phase| phase.value);
    let missing = |table: &str, hint: &str| {
        if let Some(phase) = &written.phase {
            let message = format!("the phase is `{}`, but there is no [rollout.{table}]", phase.value.as_str());
            log.problem(Finding::at(&phase.place, Kind::Missing, message).hint(hint));
        }
    };
    let nobody = Audience::Only(Default::default());
    let (audience, autonomy) = match phase {
        Phase::Prototype => (Audience::All, None),
        Phase::Pilot => match &written.pilot {
            Some(pilot) => {
                let served = pilot.principals.value.iter().map(|principal| principal.value.clone()).collect();
                (Audience::Only(served), Some(&pilot.autonomy))
            }
            None => {
                missing("pilot", "add `pilot = { principals = [\"…\"], autonomy = \"propose\" }`");
                (nobody, None)
            }
        },
        Phase::Controlled => match &written.controlled {
            Some(controlled) => {
                let percent = controlled.percent.as_ref().and_then(|percent| u8::try_from(percent.value).ok());
                (Audience::Percent(percent.unwrap_or(0)), Some(&controlled.autonomy))
            }
            None => {
                missing("controlled", "add `controlled = { percent = 10, autonomy = \"supervised\" }`");
                (nobody, None)
            }
        },
        Phase::Production => (Audience::All, written.production.as_ref()),
    };
    if let Some(pilot) = &written.pilot {
        let blank = pilot.principals.value.iter().filter(|principal| principal.value.trim().is_empty());
        blank.for_each(|principal| log.problem(Finding::at(&principal.place, Kind::Value, "a principal is empty")));
        if pilot.principals.value.is_empty() && pilot.is_listed {
            let finding = Finding::at(
                &pilot.principals.place,
                Kind::Missing,
                "the pilot has no principals, so it would serve nobody",
            );
            log.problem(finding.hint("name those who are served: `principals = [\"c-1001\", \"c-1002\"]`"));
        }
    }
    if let Some(percent) = written.controlled.as_ref().and_then(|controlled| controlled.percent.as_ref())
        && percent.value == 0
    {
        log.warning(Finding::at(&percent.place, Kind::Policy, "`percent = 0` serves nobody"));
    }
    if let Some(autonomy) = autonomy
        && autonomy.value == Autonomy::Autonomous
        && risk == Risk::High
    {
        let finding =
            Finding::at(&autonomy.place, Kind::Policy, "the agent's risk is `high`, but it acts without asking");
        log.warning(finding.hint("`supervised` lets a person approve every write"));
    }
    Rollout { phase, audience, autonomy: autonomy.map_or(Autonomy::Propose, |autonomy| autonomy.value) }
}
