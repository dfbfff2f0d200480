//! Stable codes of what a user may meet. Each has a page `docs/errors/<code>.md`; `cargo xtask tidy` holds both together.

/// The request is longer than the agent accepts.
pub const INPUT_TOO_LONG: &str = "input_too_long";
/// A guard blocked the request.
pub const INPUT_BLOCKED: &str = "input_blocked";
/// A guard wants a person to look at the request.
pub const INPUT_NEEDS_PERSON: &str = "input_needs_person";
/// A guard could not do its work, so the run failed closed.
pub const GUARD_FAILED: &str = "guard_failed";
/// The principal is not served in the agent's present phase.
pub const NOT_IN_ROLLOUT: &str = "not_in_rollout";
/// A limit of `[budget]` was met.
pub const BUDGET_EXHAUSTED: &str = "budget_exhausted";
/// No model of the route could be reached.
pub const MODEL_UNAVAILABLE: &str = "model_unavailable";
/// The model asked for the same call again and again.
pub const GAVE_UP_REPEATING: &str = "gave_up_repeating";
/// The answer does not have the shape that the schema demands.
pub const ANSWER_MALFORMED: &str = "answer_malformed";
/// The answer says something that the evidence does not.
pub const ANSWER_NOT_GROUNDED: &str = "answer_not_grounded";
/// The answer claims an effect that the ledger has not confirmed.
pub const ANSWER_CLAIMS_UNCONFIRMED_EFFECT: &str = "answer_claims_unconfirmed_effect";
/// The answer would leak something.
pub const ANSWER_LEAKS: &str = "answer_leaks";
/// Another output guard rejected the answer.
pub const ANSWER_BLOCKED: &str = "answer_blocked";
/// The agent does not know.
pub const ANSWER_ABSTAINED: &str = "answer_abstained";
/// A business rule wants a person.
pub const RULE_ESCALATED: &str = "rule_escalated";
/// Nobody knows whether a write happened.
pub const EFFECT_UNKNOWN: &str = "effect_unknown";
/// The agent or the program changed under an open run.
pub const JOURNAL_DIVERGED: &str = "journal_diverged";
/// Our own infrastructure failed too often.
pub const RUN_FAILED: &str = "run_failed";
/// Somebody cancelled the run.
pub const RUN_CANCELLED: &str = "run_cancelled";
/// The configuration has problems.
pub const CONFIG_INVALID: &str = "config_invalid";
/// There is no such agent.
pub const AGENT_UNKNOWN: &str = "agent_unknown";
/// There is no such run.
pub const RUN_UNKNOWN: &str = "run_unknown";
/// There is no such approval.
pub const APPROVAL_UNKNOWN: &str = "approval_unknown";
/// Somebody else decided first.
pub const APPROVAL_TAKEN: &str = "approval_taken";
/// The time to decide is over.
pub const APPROVAL_EXPIRED: &str = "approval_expired";
/// The arguments are not those that the person saw.
pub const APPROVAL_CHANGED: &str = "approval_changed";
/// The requester may not approve their own request.
pub const APPROVAL_SELF: &str = "approval_self";
/// The run store cannot be used.
pub const STORE_UNAVAILABLE: &str = "store_unavailable";
/// A run's hash chain is broken.
pub const CHAIN_BROKEN: &str = "chain_broken";
/// The request makes no sense.
pub const REQUEST_INVALID: &str = "request_invalid";
/// The request carries no valid API key.
pub const UNAUTHORIZED: &str = "unauthorized";
/// The key may not do that.
pub const FORBIDDEN: &str = "forbidden";
/// The key has made too many requests.
pub const RATE_LIMITED: &str = "rate_limited";
/// There is too much to do right now.
pub const OVERLOADED: &str = "overloaded";
/// The server is about to stop and takes no new runs.
pub const DRAINING: &str = "draining";
/// The idempotency key was used for another request.
pub const IDEMPOTENCY_CONFLICT: &str = "idempotency_conflict";
/// The body is larger than the server takes.
pub const BODY_TOO_LARGE: &str = "body_too_large";
/// The body is not declared as JSON.
pub const CONTENT_TYPE_UNSUPPORTED: &str = "content_type_unsupported";
/// There is nothing at this address.
pub const NOT_FOUND: &str = "not_found";
/// The address does not know that method.
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
/// The server failed.
pub const INTERNAL_ERROR: &str = "internal_error";
/// The run has ended already.
pub const RUN_ENDED: &str = "run_ended";
