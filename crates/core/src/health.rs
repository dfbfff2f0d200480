//! A circuit breaker per model: after several failures in a row it is left alone for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

const FAILURES_TO_OPEN: u32 = 5;
const OPEN_FOR: Duration = Duration::from_secs(30);

/// How the models of this process have been doing.
#[derive(Debug, Default)]
pub struct Health {
    models: Mutex<HashMap<String, State>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    failures_in_a_row: u32,
    open_until: Timestamp,
}

impl Health {
    /// Whether `model` should be tried now. After the pause one try decides.
    pub fn is_healthy(&self, model: &str, now: Timestamp) -> bool {
        self.models
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(model)
            .is_none_or(|state| state.open_until <= now)
    }

    /// Notes a reply.
    pub fn succeeded(&self, model: &str) {
        self.models.lock().unwrap_or_else(PoisonError::into_inner).remove(model);
    }

    /// Notes a failure.
    pub fn failed(&self, model: &str, now: Timestamp) {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let state = models.entry(model.to_owned()).or_default();
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        if state.failures_in_a_row >= FAILURES_TO_OPEN {
            state.open_until = now.plus(OPEN_FOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_fails_five_times_rests_and_one_success_forgives() {
        let health = Health::default();
        let now = Timestamp(1_000);
        for _ in 0..FAILURES_TO_OPEN {
            assert!(health.is_healthy("m", now));
            health.failed("m", now);
        }
        assert!(!health.is_healthy("m", now));
        assert!(health.is_healthy("m", now.plus(OPEN_FOR)));
        health.failed("m", now.plus(OPEN_FOR));
        assert!(!health.is_healthy("m", now.plus(OPEN_FOR)), "the trial failed");
        health.succeeded("m");
        assert!(health.is_healthy("m", now));
    }
}
