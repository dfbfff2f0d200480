//! What became of the demo's requests, as a table.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay::{MicroUsd, Reply, RunId, Status};
use mainstay_shop::requests::RequestKind;

use crate::output;

/// One request of the demo and its reply.
pub(super) struct Asked {
    pub(super) kind: RequestKind,
    pub(super) reply: Reply,
    pub(super) took: Duration,
}

/// All of them.
pub(super) struct Report {
    asked: Vec<Asked>,
    took: Duration,
}

const STATES: [&str; 5] = ["answered", "parked", "escalated", "refused", "failed"];

impl Report {
    pub(super) fn new(asked: Vec<Asked>, took: Duration) -> Self {
        Self { asked, took }
    }

    /// How many runs stand like this.
    pub(super) fn count(&self, state: &str) -> usize {
        self.asked.iter().filter(|asked| asked.reply.status.as_str() == state).count()
    }

    /// A run with much to see: one that waits for a person, or the one with the most steps done.
    pub(super) fn worth_showing(&self) -> Option<RunId> {
        let did_something = self.asked.iter().find(|asked| !asked.reply.done_so_far.is_empty());
        let parked = self.asked.iter().find(|asked| matches!(asked.reply.status, Status::Parked(_)));
        did_something.or(parked).or_else(|| self.asked.first()).map(|asked| asked.reply.run)
    }

    pub(super) fn print(&self) {
        output::line(&format!(
            "{:<16}{:>10}{:>10}{:>11}{:>10}{:>8}{:>8}{:>10}{:>10}{:>12}",
            "request", "answered", "waiting", "escalated", "refused", "failed", "all", "p50", "p99", "cost"
        ));
        let mut by_kind: BTreeMap<RequestKind, Vec<&Asked>> = BTreeMap::new();
        for asked in &self.asked {
            by_kind.entry(asked.kind).or_default().push(asked);
        }
        for (kind, asked) in &by_kind {
            output::line(&row(kind.as_str(), asked));
        }
        let all: Vec<&Asked> = self.asked.iter().collect();
        output::line(&row("all", &all));
        let seconds = self.took.as_secs_f64();
        let rate = self.asked.len() as f64 / seconds.max(f64::EPSILON);
        output::line(&format!("{} requests in {seconds:.1} s, {rate:.0} a second", self.asked.len()));
    }
}

fn row(name: &str, asked: &[&Asked]) -> String {
    let [answered, parked, escalated, refused, failed] =
        STATES.map(|state| asked.iter().filter(|asked| asked.reply.status.as_str() == state).count());
    let mut times: Vec<Duration> = asked.iter().map(|asked| asked.took).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let time = |percent| at(percent).map_or_else(String::new, |took| output::took(took.as_micros()));
    let cost: MicroUsd = asked.iter().map(|asked| asked.reply.cost).sum();
    format!(
        "{name:<16}{answered:>10}{parked:>10}{escalated:>11}{refused:>10}{failed:>8}{:>8}{:>10}{:>10}{:>12}",
        asked.len(),
        time(50),
        time(99),
        cost.to_string()
    )
}
