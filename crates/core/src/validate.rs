//! Output validation: the shape by the agent's schema, then the output guards. Whatever fails, fails closed.

use std::sync::Arc;

use tokio::time::{Instant, timeout};

use crate::answer;
use crate::code;
use crate::error::Halt;
use crate::guard::{Draft, GuardError, Mode, OutputGuard, Verdict};
use crate::input::{Input, Rejection};
use crate::inspect::{GUARD_TIMEOUT, record};
use crate::journal::entry::{AnswerRecord, Fault, Validated};
use crate::run::{Reason, Run};

/// How validation ended.
#[derive(Debug)]
pub enum Validation {
    /// The answer may be given.
    Answer(AnswerRecord),
    /// It may not.
    Rejected(Rejection),
}

/// Validates the text that a model drafted.
pub async fn validate(run: &Run, input: &Input, draft: &str) -> Result<Validation, Halt> {
    let Validated { answer, faults, .. } = run.step(async { Ok(check(run, input, draft).await) }).await?;
    let rejected = |code: &str, detail: String, draft| {
        let reason = Reason { draft, ..Reason::new(code, detail) };
        Validation::Rejected(Rejection { reason, another_model_may_help: true })
    };
    Ok(match (answer, faults.first()) {
        (Some(answer), None) => Validation::Answer(answer),
        (draft, Some(first)) => {
            let details: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).collect();
            rejected(&first.code, details.join("; "), draft)
        }
        (None, None) => rejected(code::ANSWER_MALFORMED, "there is no answer".to_owned(), None),
    })
}

async fn check(run: &Run, input: &Input, draft: &str) -> Validated {
    let answer = match answer::parse(draft, &run.agent.output.schema) {
        Ok(answer) => answer,
        Err(faults) => {
            let fault = |detail| Fault { code: code::ANSWER_MALFORMED.to_owned(), detail };
            return Validated { answer: None, verdicts: Vec::new(), faults: faults.into_iter().map(fault).collect() };
        }
    };
    if answer.confidence <= 0.0 {
        let fault = Fault { code: code::ANSWER_ABSTAINED.to_owned(), detail: "the agent does not know".to_owned() };
        return Validated { answer: Some(answer), verdicts: Vec::new(), faults: vec![fault] };
    }
    let (evidence, effects) = (run.evidence(), run.effects());
    let tools = run.agent.tools.iter();
    let claims: Vec<_> = tools.map(|(name, tool)| (name.as_str(), tool.claims.as_slice())).collect();
    let draft = Draft {
        instructions: &run.agent.instructions,
        claims: &claims,
        principal: &run.record.principal,
        request: input.text(),
        text: &answer.text,
        sources: &answer.sources,
        evidence: &evidence,
        effects: &effects,
    };
    let mut verdicts = Vec::new();
    let mut faults = Vec::new();
    for (guard, mode) in run.agent.output.guards.iter().filter(|(_, mode)| *mode != Mode::Off) {
        let started = Instant::now();
        let result = inspect(guard, &draft).await;
        verdicts.push(record(guard.name(), "answer", *mode, &result, started));
        if *mode == Mode::Enforce {
            faults.extend(fault(guard.name(), result));
        }
    }
    Validated { answer: Some(answer), verdicts, faults }
}

async fn inspect(guard: &Arc<dyn OutputGuard>, draft: &Draft<'_>) -> Result<Verdict, GuardError> {
    timeout(GUARD_TIMEOUT, guard.inspect(draft))
        .await
        .unwrap_or_else(|_| Err(GuardError { guard: guard.name(), reason: "it took too long".to_owned() }))
}

/// What is wrong with the draft in this guard's eyes.
fn fault(guard: &str, result: Result<Verdict, GuardError>) -> Option<Fault> {
    let code = match guard {
        "grounding" => code::ANSWER_NOT_GROUNDED,
        "claims" => code::ANSWER_CLAIMS_UNCONFIRMED_EFFECT,
        "leaks" => code::ANSWER_LEAKS,
        _ => code::ANSWER_BLOCKED,
    };
    let (code, detail) = match result {
        Ok(Verdict::Pass | Verdict::Flag(_)) => return None,
        Ok(Verdict::Mask(_)) => (code, "it holds something that must be masked".to_owned()),
        Ok(Verdict::Escalate(reason) | Verdict::Block(reason)) => (code, reason),
        Err(error) => (code::GUARD_FAILED, error.to_string()),
    };
    Some(Fault { code: code.to_owned(), detail })
}
