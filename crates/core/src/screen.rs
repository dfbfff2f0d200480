//! Input screening: who is served, how long a request may be, and the agent's guards over it.

use crate::code;
use crate::error::Halt;
use crate::guard::Channel;
use crate::input::Input;
use crate::inspect::{self, Inspected, Stop};
use crate::journal::entry::{Said, Screened, Stopped};
use crate::run::{Reason, Run};

/// How screening ended.
#[derive(Debug)]
pub enum Screening {
    /// Go on with this.
    Clean(Input),
    /// The request is not accepted.
    Refused(Reason),
    /// A person should look.
    NeedsPerson(Reason),
}

/// Screens the run's request.
pub async fn screen(run: &Run) -> Result<Screening, Halt> {
    let screened = run.step(async { Ok(screened(run).await) }).await?;
    Ok(match screened.stopped {
        None => Screening::Clean(Input::screened(screened.text, screened.history)),
        Some(Stopped { escalate, code, reason }) => {
            let reason = Reason::new(code, reason);
            if escalate { Screening::NeedsPerson(reason) } else { Screening::Refused(reason) }
        }
    })
}

async fn screened(run: &Run) -> Screened {
    if let Some(stop) = before_guards(run) {
        return stopped(stop, Vec::new());
    }
    let Inspected { content, kept, verdicts, stop } = inspect::text(run, &run.record.input, Channel::Request).await;
    match stop {
        Some(stop) => stopped(stop, verdicts),
        None => {
            let mut screened = Screened { text: content, history: Vec::new(), kept, verdicts, stopped: None };
            for said in &run.record.context.history {
                let earlier = inspect::text(run, &said.text, Channel::Request).await;
                screened.kept.extend(earlier.kept);
                screened.verdicts.extend(earlier.verdicts);
                // An earlier turn that would be stopped today is left out, and the request stands on its own.
                if earlier.stop.is_none() {
                    screened.history.push(Said { by: said.by, text: earlier.content });
                }
            }
            screened
        }
    }
}

fn before_guards(run: &Run) -> Option<Stop> {
    if !run.agent.rollout.admits(&run.record.principal) {
        let reason = format!(
            "the agent is in phase `{}` and does not serve this principal yet",
            run.agent.rollout.phase.as_str()
        );
        return Some(Stop { escalate: true, code: code::NOT_IN_ROLLOUT, reason });
    }
    let chars = run.record.input.chars().take(run.agent.max_chars + 1).count();
    if chars > run.agent.max_chars {
        let reason = format!("the request is longer than {} characters", run.agent.max_chars);
        return Some(Stop { escalate: false, code: code::INPUT_TOO_LONG, reason });
    }
    if run.record.input.trim().is_empty() {
        return Some(Stop { escalate: false, code: code::REQUEST_INVALID, reason: "the request is empty".to_owned() });
    }
    None
}

fn stopped(stop: Stop, verdicts: Vec<crate::journal::entry::GuardVerdict>) -> Screened {
    let Stop { escalate, code, reason } = stop;
    let stopped = Some(Stopped { escalate, code: code.to_owned(), reason });
    Screened { text: String::new(), history: Vec::new(), kept: Vec::new(), verdicts, stopped }
}
