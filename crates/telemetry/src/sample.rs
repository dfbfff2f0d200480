//! Which runs a destination gets.

use mainstay_core::journal::entry::FinalState;
use mainstay_core::store::{RunRecord, RunState};
use mainstay_core::trace::context::{TraceParent, trace_id};

/// Whether a destination that wants `ratio` of all runs (0 to 1) gets this one.
///
/// - A run that failed or went to a person is always kept: it is what traces are for.
/// - At a ratio of 1 every run is kept, even where the caller said that it does not record the trace.
/// - Below 1, a run whose caller does not record its trace is left out, since the rest of the trace is nowhere.
/// - Otherwise the trace id decides, so that every replica, every restart and every service which samples by trace id
///   in the same way comes to the same answer.
pub fn keep(run: &RunRecord, ratio: f64) -> bool {
    let is_notable = matches!(run.state, RunState::Ended(FinalState::Failed | FinalState::Escalated));
    if is_notable || ratio >= 1.0 {
        return true;
    }
    if TraceParent::parse(&run.context.trace_parent).is_some_and(|parent| !parent.sampled) {
        return false;
    }
    // The last 7 bytes are the random ones, in a W3C trace id of level 2 and in a UUIDv7 alike.
    let [.., a, b, c, d, e, f, g] = trace_id(run).0;
    let drawn = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    (drawn as f64) < ratio * 2_f64.powi(56)
}

#[cfg(test)]
mod tests {
    use mainstay_core::clock::Timestamp;
    use mainstay_core::id::RunId;
    use mainstay_core::journal::entry::RunContext;
    use mainstay_core::money::MicroUsd;
    use mainstay_core::principal::Principal;
    use uuid::Uuid;

    use super::*;

    fn run(number: u128, state: FinalState, trace_parent: &str) -> RunRecord {
        // Spread over the last bytes, as the random part of a UUIDv7 is.
        let uuid = Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        RunRecord {
            id: RunId::from_uuid(uuid),
            agent: "returns".into(),
            version: "v1".into(),
            principal: Principal::new("c-1"),
            input: "Where is it?".into(),
            context: RunContext { trace_parent: trace_parent.into(), ..RunContext::default() },
            created_at: Timestamp(1),
            state: RunState::Ended(state),
            ended_at: Some(Timestamp(2)),
            epoch: 1,
            failures: 0,
            approval: None,
            cost: MicroUsd::ZERO,
            cancelled_by: None,
        }
    }

    #[test]
    fn about_as_many_runs_are_kept_as_were_asked_for_and_the_same_ones_every_time() {
        let kept = |ratio| (0..4000).filter(|number| keep(&run(*number, FinalState::Answered, ""), ratio)).count();
        assert!((900..1100).contains(&kept(0.25)), "{}", kept(0.25));
        assert_eq!((kept(0.0), kept(1.0)), (0, 4000));
        let is_kept = |number, ratio| keep(&run(number, FinalState::Answered, ""), ratio);
        assert!(
            (0..4000).all(|number| !is_kept(number, 0.1) || is_kept(number, 0.5)),
            "a wider net catches the same fish"
        );
    }

    #[test]
    fn a_run_that_failed_or_went_to_a_person_is_always_kept() {
        assert!(keep(&run(7, FinalState::Failed, ""), 0.0));
        assert!(keep(&run(7, FinalState::Escalated, ""), 0.0));
        assert!(!keep(&run(7, FinalState::Refused, ""), 0.0));
    }

    #[test]
    fn a_caller_that_does_not_record_its_trace_is_followed_only_where_not_everything_is_wanted() {
        let unrecorded = "00-4bf92f3577b34da6a300000000000001-00f067aa0ba902b7-00";
        let recorded = "00-4bf92f3577b34da6a300000000000001-00f067aa0ba902b7-01";
        assert!(keep(&run(7, FinalState::Answered, recorded), 0.01), "the trace id is a low one");
        assert!(!keep(&run(7, FinalState::Answered, unrecorded), 0.99));
        assert!(keep(&run(7, FinalState::Answered, unrecorded), 1.0));
    }
}
