//! What a principal gets of a run that ended: its answer, with their own values where the model only saw placeholders.

use crate::journal::entry::{AnswerRecord, Entry, FinalState, Payload, Replied};
use crate::vault::Vault;

/// The reply of a run that ended, read back from its journal, with the answer for the principal.
pub fn read(entries: &[Entry]) -> Option<(&Replied, Option<AnswerRecord>)> {
    let mut vault = Vault::default();
    for entry in entries {
        match &entry.payload {
            Payload::Screened(screened) => vault.adopt(&screened.kept),
            Payload::ToolCalled(called) => vault.adopt(&called.kept),
            _ => {}
        }
    }
    let Some(Payload::Replied(reply)) = entries.last().map(|entry| &entry.payload) else { return None };
    Some((reply, for_principal(reply, &vault)))
}

/// The answer for the principal; `None` unless the run was answered.
pub(crate) fn for_principal(reply: &Replied, vault: &Vault) -> Option<AnswerRecord> {
    let answer = reply.answer.as_ref().filter(|_| reply.state == FinalState::Answered)?;
    Some(AnswerRecord { text: vault.restore(&answer.text), body: vault.restore_value(&answer.body), ..answer.clone() })
}
