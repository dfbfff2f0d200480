//! Prints how good the detectors are on labelled data: `cargo run -p mainstay-guards --example rates -- FOLDER [SET]`.
//!
//! FOLDER holds `A_injection/*.jsonl` (`text`, `label`) and `B_pii/*.jsonl` (`text`, `extra.spans` in code points). With
//! SET, the texts of that set that were judged wrongly are printed too.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a report; JSON fields that are absent read as null"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;
use mainstay_core::guard::{Channel, Citation, Draft, Evidence, OutputGuard as _, Verdict};
use mainstay_core::principal::Principal;
use mainstay_guards::grounding::Grounding;
use mainstay_guards::injection::{Injection, THRESHOLD};
use mainstay_guards::pii::{Kind, Pii};
use serde_json::Value;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: rates FOLDER [SET]")?;
    let shown = arguments.next();
    let folder = Path::new(&folder);
    injection(folder, shown.as_deref())?;
    personal_data(folder, shown.as_deref())?;
    customers(folder, shown.as_deref())?;
    grounding(folder, shown.as_deref())?;
    Ok(())
}

fn injection(folder: &Path, shown: Option<&str>) -> anyhow::Result<()> {
    let mut caught: BTreeMap<(bool, String), (usize, usize)> = BTreeMap::new();
    for (set, rows) in sets(&folder.join("A_injection"))? {
        for row in rows {
            let (text, label) = (row["text"].as_str().unwrap_or_default(), row["label"].as_str().unwrap_or_default());
            if label == "harmful_request"
                || matches!(row["extra"]["upstream_source"].as_str(), Some("harmbench" | "wildguard_judgecomp"))
                    && label == "injection"
            {
                continue;
            }
            let indirect = ["agentdojo", "bipia", "injecagent"].iter().any(|name| set.starts_with(name));
            let channel = if indirect { Channel::ToolResult } else { Channel::Request };
            let found = Injection::assess(text, channel);
            let attack = label != "benign";
            let name = match row["extra"]["setting"].as_str() {
                Some(setting) => format!("{set} {setting}"),
                None => set.clone(),
            };
            let count = caught.entry((attack, name)).or_default();
            count.0 += usize::from(found.score >= THRESHOLD);
            count.1 += 1;
            if shown == Some(set.as_str()) && (found.score >= THRESHOLD) != attack {
                let start: String = text.chars().take(220).collect();
                println!(
                    "{label} {} {:?} {start:?}",
                    found.score,
                    found.strongest.map(|(family, _)| (family, found.quote))
                );
            }
        }
    }
    for attack in [true, false] {
        println!("{}", if attack { "attacks found" } else { "ordinary texts stopped" });
        for ((_, set), (found, all)) in caught.iter().filter(|((is_attack, _), _)| *is_attack == attack) {
            println!("  {set:50} {found:5} of {all:5}  {:5.1} %", percent(*found, *all));
        }
    }
    let direct = ["deepset", "neuralchemy", "yanismiraoui", "inthewild", "tensortrust", "cyberseceval", "bastion"];
    let mean = |names: &[&str]| {
        let rates: Vec<f64> = names
            .iter()
            .map(|name| {
                let of = caught.iter().filter(|((attack, set), _)| *attack && set.starts_with(name));
                let (found, all) = of.fold((0, 0), |sum, (_, count)| (sum.0 + count.0, sum.1 + count.1));
                percent(found, all)
            })
            .collect();
        rates.iter().sum::<f64>() / rates.len() as f64
    };
    println!("mean recall, direct sets: {:.1} %", mean(&direct));
    println!(
        "mean recall, indirect sets: {:.1} %",
        mean(&["injecagent base", "injecagent enhanced", "bipia", "agentdojo"])
    );
    Ok(())
}

/// A gold span counts as found when a span of the same kind covers at least half of it; a found span is right when it
/// overlaps a gold span of its kind.
fn personal_data(folder: &Path, shown: Option<&str>) -> anyhow::Result<()> {
    let kinds = [
        (Kind::Email, "EMAIL_ADDRESS"),
        (Kind::Phone, "PHONE_NUMBER"),
        (Kind::Card, "CREDIT_CARD"),
        (Kind::Iban, "IBAN_CODE"),
    ];
    for (set, rows) in sets(&folder.join("B_pii"))?.into_iter().filter(|(set, _)| set.contains("presidio")) {
        println!("personal data in {set}");
        for (kind, label) in kinds {
            let (mut gold_count, mut found_count, mut recalled, mut right) = (0, 0, 0, 0);
            for row in &rows {
                let text = row["text"].as_str().unwrap_or_default();
                if set == "presidio_recognizer_vectors" && !row["extra"]["entities"].to_string().contains(label) {
                    continue;
                }
                let gold: Vec<Range<usize>> = row["extra"]["spans"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|span| span["type"] == label && span["obfuscated"] != false)
                    .map(|span| byte_at(text, &span["start"])..byte_at(text, &span["end"]))
                    .collect();
                let found: Vec<Range<usize>> =
                    Pii::find(text).into_iter().filter(|found| found.kind == kind).map(|found| found.span).collect();
                let overlap =
                    |a: &Range<usize>, b: &Range<usize>| a.end.min(b.end).saturating_sub(a.start.max(b.start));
                let missed: Vec<_> = gold
                    .iter()
                    .filter(|gold| !found.iter().any(|found| overlap(gold, found) * 2 >= gold.len()))
                    .collect();
                let wrong: Vec<_> =
                    found.iter().filter(|found| !gold.iter().any(|gold| overlap(gold, found) > 0)).collect();
                gold_count += gold.len();
                found_count += found.len();
                recalled += gold.len() - missed.len();
                right += found.len() - wrong.len();
                if shown == Some(set.as_str()) {
                    let said = |ranges: &[&Range<usize>]| {
                        ranges.iter().map(|range| text[(*range).clone()].to_owned()).collect::<Vec<_>>()
                    };
                    if !missed.is_empty() || !wrong.is_empty() {
                        println!("{label} missed {:?} wrong {:?} in {text:?}", said(&missed), said(&wrong));
                    }
                }
            }
            let (recall, precision) = (percent(recalled, gold_count), percent(right, found_count));
            let f1 = 2.0 * recall * precision / (recall + precision).max(1.0);
            println!(
                "  {label:15} gold {gold_count:4} found {found_count:4}  R {recall:5.1}  P {precision:5.1}  F1 {f1:5.1}"
            );
        }
    }
    let (mut words, mut masks) = (0, 0);
    for (set, rows) in sets(&folder.join("A_injection"))?.into_iter().filter(|(set, _)| set.starts_with("benign_")) {
        for row in rows {
            let text = row["text"].as_str().unwrap_or_default();
            let found = Pii::find(text);
            words += text.split_whitespace().count();
            masks += found.len();
            if shown == Some("masks") {
                found.iter().for_each(|found| println!("{set} {:?} {:?}", found.kind, &text[found.span.clone()]));
            }
        }
    }
    println!("masks in ordinary texts: {masks} in {words} words");
    Ok(())
}

/// What people ask banks and assistants: nothing in it is an attack.
fn customers(folder: &Path, shown: Option<&str>) -> anyhow::Result<()> {
    for set in ["banking77", "clinc150"] {
        let (mut stopped, mut masks, mut all) = (0, 0, 0);
        for row in sets(&folder.join("C_routing"))?.remove(set).into_iter().flatten() {
            let text = row["text"].as_str().unwrap_or_default();
            let found = Injection::assess(text, Channel::Request);
            stopped += usize::from(found.score >= THRESHOLD);
            masks += Pii::find(text).len();
            all += 1;
            if shown == Some(set) && found.score >= THRESHOLD {
                println!("{} {text:?}", found.score);
            }
        }
        println!("{set}: injections {stopped}, masks {masks} in {all} utterances");
    }
    Ok(())
}

/// Answers over one passage: how many of each label go to nobody, to a person, or are blocked.
fn grounding(folder: &Path, shown: Option<&str>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (guard, principal) = (Grounding::default(), Principal::new("somebody"));
    for (set, rows) in sets(&folder.join("E_groundedness"))? {
        let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row["extra"]["context"].is_string()) {
            let passage = row["extra"]["context"].as_str().unwrap_or_default().to_owned();
            let citation = Citation {
                id: "p#0-1".to_owned(),
                document: "p".to_owned(),
                start: 0,
                end: passage.len(),
                text: passage,
            };
            let evidence = [Evidence { tool: "search".to_owned(), content: Value::Null, citations: vec![citation] }];
            let draft = Draft {
                instructions: "",
                claims: &[],
                principal: &principal,
                request: row["extra"]["history"].as_str().unwrap_or_default(),
                text: row["extra"]["answer"].as_str().unwrap_or_default(),
                sources: &[],
                evidence: &evidence,
                effects: &[],
            };
            let verdict = runtime.block_on(guard.inspect(&draft))?;
            let label = row["label"].as_str().unwrap_or_default();
            if shown == Some(set.as_str()) && label == "supported" && verdict != Verdict::Pass {
                println!("{verdict:?} in {:?}", draft.text);
            }
            *counts.entry(label.to_owned()).or_default().entry(verdict.as_str()).or_default() += 1;
        }
        counts.iter().for_each(|(label, verdicts)| println!("{set} {label}: {verdicts:?}"));
    }
    Ok(())
}

fn byte_at(text: &str, code_point: &Value) -> usize {
    let at = usize::try_from(code_point.as_u64().unwrap_or_default()).unwrap_or_default();
    text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
}

fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

/// The files of a folder by stem, each with its rows.
fn sets(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<Value>>> {
    let mut sets = BTreeMap::new();
    for file in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let rows = std::fs::read_to_string(&path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            sets.insert(stem, rows);
        }
    }
    Ok(sets)
}
