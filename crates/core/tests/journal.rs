//! What was journaled once is read for ever: one JSON of every shape of every release, and the chain over them.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mainstay_core::clock::Timestamp;
use mainstay_core::id::RunId;
use mainstay_core::journal::chain::{self, BadEntry};
use mainstay_core::journal::entry::{Entry, FinalState, Payload, RunContext, Said, Speaker};
use mainstay_core::money::MicroUsd;
use mainstay_core::principal::Principal;
use mainstay_core::store::{RunRecord, RunState};
use serde_json::Value;

fn goldens() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .flat_map(|release| fs::read_dir(release.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|file| (file.display().to_string(), serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()))
        .collect()
}

#[test]
fn journals_of_every_release_still_load_and_are_written_back_the_same() {
    let mut kinds = BTreeSet::new();
    for (file, json) in goldens() {
        let payload: Payload = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(json["kind"], payload.kind(), "{file}");
        kinds.insert(payload.kind());
        // The chain is over the JSON, so a field that is added must be left out while it has its default.
        assert_eq!(serde_json::to_value(&payload).unwrap(), json, "{file}");
    }
    let all = [
        "approval_asked",
        "approval_decided",
        "cache_lookup",
        "effect_intended",
        "model_called",
        "replied",
        "routed",
        "ruled",
        "screened",
        "tool_called",
        "tool_judged",
        "validated",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
}

fn run(state: RunState) -> RunRecord {
    RunRecord {
        id: RunId::from_uuid(uuid::Uuid::from_u128(7)),
        agent: "returns".into(),
        version: "v1".into(),
        principal: Principal::new("c-1"),
        input: "Where is it?".into(),
        context: RunContext::default(),
        created_at: Timestamp(1),
        state,
        ended_at: None,
        epoch: 1,
        failures: 0,
        approval: None,
        cost: MicroUsd::ZERO,
        cancelled_by: None,
    }
}

fn chained(run: &RunRecord) -> Vec<Entry> {
    let mut previous = chain::seed(run);
    let mut entries = Vec::new();
    for (position, (_, json)) in (0..).zip(goldens()) {
        let payload = serde_json::from_value(json).unwrap();
        let mut entry = Entry { position, at: Timestamp(5), took_us: 9, payload, hash: [0; 32] };
        entry.hash = chain::hash(&previous, &entry);
        previous = entry.hash;
        entries.push(entry);
    }
    entries
}

#[test]
fn whatever_is_changed_afterwards_breaks_the_chain_at_that_place() {
    let run = run(RunState::Open);
    let good = chained(&run);
    assert_eq!(chain::verify(&run, &good), Ok(()));
    let bad_at = |change: &dyn Fn(&mut RunRecord, &mut Vec<Entry>)| {
        let (mut run, mut entries) = (run.clone(), good.clone());
        change(&mut run, &mut entries);
        chain::verify(&run, &entries).err().map(|BadEntry { position }| position)
    };
    assert_eq!(bad_at(&|_, entries| entries[3].took_us += 1), Some(3));
    assert_eq!(bad_at(&|_, entries| entries[2].at = Timestamp(6)), Some(2));
    assert_eq!(bad_at(&|_, entries| entries[4].payload = entries[5].payload.clone()), Some(4));
    assert_eq!(bad_at(&|_, entries| entries[4].hash[0] ^= 1), Some(4));
    assert_eq!(bad_at(&|_, entries| drop(entries.remove(1))), Some(1));
    assert_eq!(bad_at(&|_, entries| entries.swap(6, 7)), Some(6));
    assert_eq!(bad_at(&|run, _| run.input.push('!')), Some(0));
    assert_eq!(bad_at(&|run, _| run.version.push('!')), Some(0));
    assert_eq!(bad_at(&|run, _| run.principal.id.push('!')), Some(0));
    assert_eq!(bad_at(&|run, _| run.context.key.push('!')), Some(0), "a context that it did not come with");
}

#[test]
fn a_run_without_a_context_is_chained_as_ever_and_one_with_a_context_to_all_of_it() {
    let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let plain = run(RunState::Open);
    assert_eq!(hex(chain::seed(&plain)), "940a5cdd08d64312371c95a0bf445ea17f5a2faa420bebb9c685deda8bf144c9");
    let chat = RunContext { conversation: "chat 7".into(), ..RunContext::default() };
    let in_chat = RunRecord { context: chat, ..plain };
    assert_eq!(hex(chain::seed(&in_chat)), "032610519f04f20aaeea8581f749423437aa07cb3b2d7f943eb57de6d76bbbc2");

    let good = chained(&in_chat);
    assert_eq!(chain::verify(&in_chat, &good), Ok(()));
    let said = Said { by: Speaker::Agent, text: "You will get it back.".into() };
    for change in [
        &(|context: &mut RunContext| *context = RunContext::default()) as &dyn Fn(&mut RunContext),
        &|context| context.conversation.push('!'),
        &|context| context.history.push(said.clone()),
        &|context| drop(context.metadata.insert("order".into(), Value::Null)),
        &|context| context.trace_parent.push('0'),
        &|context| context.key.push('!'),
        &|context| context.key_usd_per_day = Some(MicroUsd(1)),
    ] {
        let mut changed = in_chat.clone();
        change(&mut changed.context);
        assert_eq!(chain::verify(&changed, &good), Err(BadEntry { position: 0 }), "{:?}", changed.context);
    }
    // Who cancelled it is no part of what arrived.
    let cancelled = RunRecord { cancelled_by: Some("ann".into()), ..in_chat };
    assert_eq!(chain::verify(&cancelled, &good), Ok(()));
}

#[test]
fn an_ended_run_must_end_with_the_reply_that_it_shows() {
    let ended = run(RunState::Ended(FinalState::Escalated));
    let replied =
        |entry: &Entry| matches!(&entry.payload, Payload::Replied(reply) if reply.state == FinalState::Escalated);
    let mut entries = chained(&ended);
    let end = entries.iter().position(replied).unwrap();
    entries.truncate(end + 1);
    assert_eq!(chain::verify(&ended, &entries), Ok(()));
    entries.pop();
    let position = u32::try_from(end).unwrap();
    assert_eq!(chain::verify(&ended, &entries), Err(BadEntry { position }), "the end was cut off");
    let other = run(RunState::Ended(FinalState::Cancelled));
    assert!(chain::verify(&other, &chained(&other)[..=end]).is_err(), "another end than the journal's");
}
