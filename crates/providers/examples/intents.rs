//! Measures the embedded provider on public sets, for choosing its thresholds: `cargo run -p mainstay-providers --example
//! intents -- FOLDER [MARGIN]`, where FOLDER holds the data's JSON lines.
//!
//! Intents: each domain of CLINC150 as one agent with a playbook per intent, four fifths of the rows as examples (20 at most),
//! the rest as requests; out-of-scope rows, other domains and attacks must not be served. Then BANKING77 with every
//! seventh intent as a playbook and the other 66 as near misses. Then quotes on XQuAD, and calls where no tool fits.
#![expect(clippy::print_stdout, reason = "a report for the terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mainstay_core::message::Message;
use mainstay_core::provider::{ChatRequest, Provider, ToolSpec};
use mainstay_providers::embedded::{Embedded, Passage, Playbook, PlaybookAnswer, Ranked, extract};
use serde_json::Value;
use tokio::time::Instant;

type Rows = Vec<Value>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: intents FOLDER [MARGIN]")?);
    let margin = arguments.next().map_or(Ok(Embedded::MARGIN), |margin| margin.parse())?;
    let attacks = attacks(&folder)?;
    let clinc = rows(&folder, "C_routing/clinc150.jsonl")?;
    let banking = rows(&folder, "C_routing/banking77.jsonl")?;
    clinc_domains(&clinc, &attacks, margin)?;
    banking_near_misses(&banking, &clinc, margin)?;
    quotes(&folder)?;
    no_tool_fits(&folder, &clinc)
}

fn rows(folder: &Path, file: &str) -> Result<Rows, Box<dyn Error>> {
    let text = std::fs::read_to_string(folder.join(file))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn field<'a>(row: &'a Value, pointer: &str) -> &'a str {
    row.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn attacks(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut attacks = Vec::new();
    for file in [
        "deepset_prompt_injections",
        "slabs",
        "tensortrust_hijacking",
        "inthewild_jailbreaks",
        "yanismiraoui_multilingual",
    ] {
        let rows = rows(folder, &format!("A_injection/{file}.jsonl"))?;
        let texts =
            rows.iter().filter(|row| field(row, "/label") != "benign").map(|row| field(row, "/text").to_owned());
        attacks.extend(texts.step_by(5));
    }
    Ok(attacks)
}

/// Best scores of requests, by what should become of them.
#[derive(Default)]
struct Scores {
    own: Vec<(f32, bool)>,
    mistyped: Vec<(f32, bool)>,
    strangers: BTreeMap<&'static str, Vec<f32>>,
}

impl Scores {
    /// Asks once as written and once mistyped.
    fn in_scope(&mut self, embedded: &Embedded, row: &Value, margin: f32) {
        let judge = |text: &str| {
            let ranked = embedded.rank(text);
            let right = ranked.first().is_some_and(|best| best.intent == field(row, "/label"));
            (clear(&ranked, margin), right)
        };
        self.own.push(judge(field(row, "/text")));
        self.mistyped.push(judge(&mistyped(field(row, "/text"))));
    }

    fn print(&self, name: &str) {
        println!("\n{name}: {} requests in scope", self.own.len());
        let kinds: Vec<String> =
            self.strangers.iter().map(|(kind, scores)| format!("{kind:>14} ({})", scores.len())).collect();
        println!("  accept  right %  wrong %  right, mistyped %  {}", kinds.join(" "));
        for accept in [0.2_f32, 0.25, 0.3, Embedded::ACCEPT, 0.35, 0.4, 0.5] {
            let share = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
            let served = |right: bool| self.own.iter().filter(|(score, is)| *score >= accept && *is == right).count();
            let passed: Vec<String> = self
                .strangers
                .iter()
                .map(|(kind, scores)| {
                    let passed = share(scores.iter().filter(|score| **score >= accept).count(), scores.len());
                    format!("{passed:>width$.2}", width = kind.len().max(14) + format!(" ({})", scores.len()).len())
                })
                .collect();
            let own = self.own.len();
            let mistyped = self.mistyped.iter().filter(|(score, is)| *score >= accept && *is).count();
            println!(
                "  {accept:<6}  {:>7.1}  {:>7.1}  {:>17.1}  {}",
                share(served(true), own),
                share(served(false), own),
                share(mistyped, self.mistyped.len()),
                passed.join(" ")
            );
        }
    }
}

/// The text with its longest word mistyped: two letters in its middle change places.
fn mistyped(text: &str) -> String {
    let Some(longest) = text.split(' ').max_by_key(|word| word.len()).filter(|word| word.is_ascii() && word.len() > 3)
    else {
        return text.to_owned();
    };
    let (before, after) = longest.split_at(longest.len() / 2);
    let (Some(last), Some(first)) = (before.chars().last(), after.chars().next()) else { return text.to_owned() };
    let wrong = format!("{}{first}{last}{}", &before[..before.len() - 1], &after[1..]);
    text.replacen(longest, &wrong, 1)
}

/// The score that counts: none where the second is too near.
fn clear(ranked: &[Ranked<'_>], margin: f32) -> f32 {
    match ranked {
        [best, second, ..] if best.score < second.score * margin => 0.0,
        [best, ..] => best.score,
        [] => 0.0,
    }
}

fn agent(examples: &BTreeMap<&str, Vec<&str>>) -> Result<Embedded, Box<dyn Error>> {
    let playbooks = examples
        .iter()
        .map(|(intent, examples)| Playbook {
            intent: (*intent).to_owned(),
            examples: examples.iter().map(|text| (*text).to_owned()).collect(),
            slots: Vec::new(),
            calls: Vec::new(),
            answers: vec![PlaybookAnswer { when: None, text: "Yes.".to_owned(), confidence: 0.9, review: false }],
        })
        .collect();
    Ok(Embedded::new(playbooks, None)?)
}

/// Four fifths of each intent's rows as examples, `most` at most, and the other fifth as requests.
fn split<'a>(rows: &[&'a Value], fold: usize, most: usize) -> (BTreeMap<&'a str, Vec<&'a str>>, Vec<&'a Value>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut examples: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut requests = Vec::new();
    for row in rows {
        let intent = field(row, "/label");
        let number = seen.entry(intent).or_default();
        if *number % 5 == fold {
            requests.push(*row);
        } else {
            let examples = examples.entry(intent).or_default();
            if examples.len() < most {
                examples.push(field(row, "/text"));
            }
        }
        *number += 1;
    }
    (examples, requests)
}

fn clinc_domains(clinc: &Rows, attacks: &[String], margin: f32) -> Result<(), Box<dyn Error>> {
    let domain = |row: &Value| field(row, "/extra/domain").to_owned();
    let domains: BTreeSet<String> = clinc.iter().map(domain).filter(|domain| domain != "oos").collect();
    for most in [20, 8] {
        let mut scores = Scores::default();
        for own_domain in &domains {
            let own: Vec<&Value> = clinc.iter().filter(|row| domain(row) == *own_domain).collect();
            for fold in 0..5 {
                let (examples, requests) = split(&own, fold, most);
                let embedded = agent(&examples)?;
                for row in requests {
                    scores.in_scope(&embedded, row, margin);
                }
                if fold > 0 {
                    continue;
                }
                let mut strange = |kind, text: &str| {
                    scores.strangers.entry(kind).or_default().push(clear(&embedded.rank(text), margin));
                };
                for row in clinc.iter().filter(|row| domain(row) == "oos") {
                    strange("out of scope", field(row, "/text"));
                }
                let others = clinc.iter().filter(|row| domain(row) != *own_domain && domain(row) != "oos");
                others.step_by(8).for_each(|row| strange("other domains", field(row, "/text")));
                attacks.iter().for_each(|text| strange("attacks", text));
            }
        }
        scores.print(&format!("CLINC150, {} agents of 15 playbooks, at most {most} examples each", domains.len()));
    }
    Ok(())
}

fn banking_near_misses(banking: &Rows, clinc: &Rows, margin: f32) -> Result<(), Box<dyn Error>> {
    let intents: BTreeSet<&str> = banking.iter().map(|row| field(row, "/label")).collect();
    let mut scores = Scores::default();
    for start in 0..7 {
        let chosen: BTreeSet<&str> = intents.iter().copied().skip(start).step_by(7).collect();
        let (own, near): (Vec<&Value>, Vec<&Value>) =
            banking.iter().partition(|row| chosen.contains(field(row, "/label")));
        let (examples, requests) = split(&own, 0, 20);
        let embedded = agent(&examples)?;
        for row in requests {
            scores.in_scope(&embedded, row, margin);
        }
        let oos = clinc.iter().filter(|row| field(row, "/extra/domain") == "oos");
        for (kind, row) in
            near.into_iter().step_by(5).map(|row| ("near misses", row)).chain(oos.map(|row| ("out of scope", row)))
        {
            scores.strangers.entry(kind).or_default().push(clear(&embedded.rank(field(row, "/text")), margin));
        }
    }
    scores.print("BANKING77, 7 agents of 11 playbooks, 20 examples each");
    Ok(())
}

/// Words of a text, for a plain search that finds four passages for each question.
fn plain_words(text: &str) -> BTreeSet<String> {
    text.split(|char: char| !char.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_lowercase).collect()
}

fn quotes(folder: &Path) -> Result<(), Box<dyn Error>> {
    let corpus: Vec<(Passage, BTreeSet<String>)> = rows(folder, "G_retrieval/xquad_en_corpus.jsonl")?
        .iter()
        .map(|row| {
            let passage = Passage {
                id: field(row, "/_id").to_owned(),
                title: field(row, "/title").replace('_', " "),
                text: field(row, "/text").to_owned(),
            };
            let words = plain_words(&passage.text);
            (passage, words)
        })
        .collect();
    let mut often: BTreeMap<&str, f64> = BTreeMap::new();
    for word in corpus.iter().flat_map(|(_, words)| words) {
        *often.entry(word).or_default() += 1.0;
    }
    let search = |question: &str, without: Option<&str>| -> Vec<Passage> {
        let words = plain_words(question);
        let mut found: Vec<(f64, &Passage)> = corpus
            .iter()
            .filter(|(passage, _)| Some(passage.id.as_str()) != without)
            .map(|(passage, known)| {
                let weight =
                    |word: &String| (corpus.len() as f64 / often.get(word.as_str()).copied().unwrap_or(1.0)).ln();
                (words.intersection(known).map(weight).sum::<f64>() / (known.len() as f64).sqrt(), passage)
            })
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().take(4).map(|(_, passage)| passage.clone()).collect()
    };
    let mut bins: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    let (mut asked, mut given, mut right, mut given_without) = (0, 0, 0, 0);
    for row in rows(folder, "G_retrieval/xquad_en_questions.jsonl")? {
        let question = field(&row, "/text");
        let passage = field(&row, "/extra/passage_id");
        let answers: Vec<&str> = row
            .pointer("/extra/answers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        asked += 1;
        let quote = extract(question, &search(question, None));
        let without = extract(question, &search(question, Some(passage)));
        given += usize::from(quote.is_some());
        given_without += usize::from(without.is_some());
        for (quote, may_be_right) in [(quote, true), (without, false)] {
            let Some(quote) = quote else { continue };
            let is_right = may_be_right && answers.iter().any(|answer| quote.text.contains(answer));
            right += usize::from(is_right);
            let bin = bins.entry((quote.confidence * 10.0) as u32).or_default();
            *bin = (bin.0 + 1, bin.1 + usize::from(is_right));
        }
    }
    println!(
        "\nXQuAD: of {asked} questions {given} were answered, {right} rightly; without the passage {given_without}"
    );
    for (bin, (count, right)) in bins {
        println!("  confidence {:.1}: {count} quotes, {:.2} right", f64::from(bin) / 10.0, right as f64 / count as f64);
    }
    Ok(())
}

fn no_tool_fits(folder: &Path, clinc: &Rows) -> Result<(), Box<dyn Error>> {
    let banking: Vec<&Value> = clinc.iter().filter(|row| field(row, "/extra/domain") == "banking").collect();
    let embedded = agent(&split(&banking, 0, 20).0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (mut cases, mut calls) = (0, 0);
    for row in rows(folder, "F_agents/bfcl_v4.jsonl")? {
        if !field(&row, "/label").contains("irrelevance") {
            continue;
        }
        let tools = row.pointer("/extra/tools").and_then(Value::as_array).cloned().unwrap_or_default();
        let request = ChatRequest {
            model: String::new(),
            instructions: String::new(),
            messages: vec![Message::User(field(&row, "/text").to_owned())],
            tools: tools
                .iter()
                .map(|tool| ToolSpec {
                    name: field(tool, "/name").to_owned(),
                    description: field(tool, "/description").to_owned(),
                    parameters: tool.get("parameters").cloned().unwrap_or_default(),
                })
                .collect(),
            output: None,
            max_output_tokens: 1000,
        };
        let reply =
            runtime.block_on(async { embedded.chat(&request, Instant::now() + Duration::from_secs(10)).await })?;
        cases += 1;
        calls += reply.calls.len();
    }
    println!("\nBFCL, no tool fits: {cases} cases, {calls} calls");
    Ok(())
}
