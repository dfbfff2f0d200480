//! Extractive answers: the one to three sentences of the knowledge base that answer a question, quoted verbatim but for
//! line breaks; or one row of a table, under its first row or with a line for each column.
//!
//! A sentence is good when it has the question's rarer words, stands under a title or heading that has the others (best of
//! all, right under it), and holds what such a question asks for (a duration for "how long"). The confidence says how often such quotes are right on
//! public question sets.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use serde_json::Value;

use super::asked::{Asked, is_yes_or_no};
use super::sentences::{Sentence, is_record, sentences, whole};
use super::words::{Kind, Word, words};

/// A passage of the knowledge base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What an answer puts into `sources`.
    pub id: String,
    /// The document's or section's title; may be empty.
    pub title: String,
    /// What it says.
    pub text: String,
}

/// A quote that answers a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// Text of the passage.
    pub text: String,
    /// The passage's id.
    pub source: String,
    /// How often quotes like this one are right, 0 to 0.9.
    pub confidence: f64,
}

const MOST_PASSAGES: usize = 10;
const MOST_TERMS: usize = 40;
/// Longest text of a passage that is read, in bytes.
const LONGEST_PASSAGE: usize = 8_000;
/// Most sentences of a passage that are read.
const MOST_READ: usize = 200;
/// Longest title that is read, in bytes.
const LONGEST_TITLE: usize = 300;
/// Longest question that is read, in bytes.
const LONGEST_QUESTION: usize = 2_000;
/// Longest quote, in bytes.
const LONGEST_QUOTE: usize = 900;
const MOST_SENTENCES: usize = 3;

/// A quote that is right less often than this is not given: "I do not know" costs less than a wrong answer.
const LEAST_CONFIDENCE: f64 = 0.6;
const MOST_CONFIDENCE: f64 = 0.9;

impl Passage {
    /// Reads `{"passages": [{"id", "title", "text"}]}`; what has another shape is left out.
    pub fn read_all(result: &Value) -> Vec<Self> {
        let passages = result.get("passages").and_then(Value::as_array).into_iter().flatten();
        let text = |passage: &Value, field: &str| passage.get(field).and_then(Value::as_str).map(str::to_owned);
        passages
            .filter_map(|passage| {
                let title = text(passage, "title").unwrap_or_default();
                Some(Self { id: text(passage, "id")?, title, text: text(passage, "text")? })
            })
            .take(MOST_PASSAGES)
            .collect()
    }
}

/// Whether a text has any word that could be looked up.
pub(super) fn is_question(text: &str) -> bool {
    words(beginning(text, LONGEST_QUESTION)).iter().any(|word| word.kind == Kind::Content)
}

/// The best quote for `question`, or `None` where none is likely enough to be right.
pub fn extract(question: &str, passages: &[Passage]) -> Option<Extract> {
    let question = beginning(question, LONGEST_QUESTION);
    let asked = Asked::read(question);
    let read: Vec<ReadPassage<'_>> =
        passages.iter().take(MOST_PASSAGES).enumerate().map(|(rank, it)| ReadPassage::new(it, rank, asked)).collect();
    let terms = Terms::new(question, &read);
    let windows: Vec<Window<'_>> = read.iter().flat_map(|passage| passage.windows(&terms, asked)).collect();
    let best = windows.iter().reduce(|best, next| if next.score > best.score { next } else { best })?;
    let rivals = windows.iter().filter(|other| !other.overlaps(best)).map(|other| other.score);
    let lead = best.score - rivals.fold(0.0, f64::max);
    let confidence = best.fit.confidence(lead);
    let is_record = best.is_record;
    let quote = |range: Range<usize>| {
        let text = best.passage.text.get(range)?;
        Some(if is_record { text.lines().map(on_one_line).collect::<Vec<_>>().join("\n") } else { on_one_line(text) })
    };
    let text = match best.table.clone() {
        Some(table) => format!("{}\n{}", quote(table)?, quote(best.range.clone())?),
        None => quote(best.range.clone())?,
    };
    (confidence >= LEAST_CONFIDENCE).then(|| Extract { text, source: best.passage.id.clone(), confidence })
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A run of sentences that may be quoted.
struct Window<'a> {
    passage: &'a Passage,
    range: Range<usize>,
    table: Option<Range<usize>>,
    /// Whether it is a row of a table, written as a line for each of its columns.
    is_record: bool,
    fit: Fit,
    score: f64,
}

impl Window<'_> {
    fn overlaps(&self, other: &Self) -> bool {
        std::ptr::eq(self.passage, other.passage)
            && self.range.start < other.range.end
            && other.range.start < self.range.end
    }
}

/// A passage with its words.
struct ReadPassage<'a> {
    passage: &'a Passage,
    /// Its place in what the search found, from 0 for the best.
    rank: f64,
    is_record: bool,
    title: BTreeSet<String>,
    /// The words of each heading above it.
    subjects: Vec<BTreeSet<String>>,
    all: BTreeSet<String>,
    sentences: Vec<Read>,
}

/// A sentence with its words.
struct Read {
    sentence: Sentence,
    words: BTreeSet<String>,
    /// Whether it holds what the question asks for.
    has_asked: Option<bool>,
}

impl<'a> ReadPassage<'a> {
    fn new(passage: &'a Passage, rank: usize, asked: Asked) -> Self {
        let text = beginning(&passage.text, LONGEST_PASSAGE);
        let is_record = text.len() <= LONGEST_QUOTE && is_record(text);
        let found = if is_record { vec![whole(text)] } else { sentences(text) };
        let sentences: Vec<_> = found
            .into_iter()
            .take(MOST_READ)
            .map(|sentence| {
                let text = text.get(sentence.range.clone()).unwrap_or_default();
                Read { words: stems(text), has_asked: asked.is_in(text), sentence }
            })
            .collect();
        let title = beginning(&passage.title, LONGEST_TITLE);
        let subjects = title.split(" > ").map(stems).collect();
        let title = stems(title);
        let all = sentences.iter().flat_map(|read| &read.words).chain(&title).cloned().collect();
        Self {
            passage,
            rank: f64::from(u8::try_from(rank).unwrap_or(u8::MAX)),
            is_record,
            title,
            subjects,
            all,
            sentences,
        }
    }

    /// Every run of one to three statements, with how well it fits.
    fn windows(&self, terms: &Terms, asked: Asked) -> Vec<Window<'a>> {
        let nothing = BTreeSet::new();
        let mut windows = Vec::new();
        let mut heading = &nothing;
        let mut is_first = true;
        for (at, Read { sentence, words, .. }) in self.sentences.iter().enumerate() {
            if !sentence.is_statement {
                heading = words;
                is_first = true;
                continue;
            }
            // A row is read with the table's first row, which is the heading now.
            let mut seen: BTreeSet<&String> =
                if sentence.table.is_some() { heading.iter().collect() } else { BTreeSet::new() };
            let most = if sentence.table.is_some() { 1 } else { MOST_SENTENCES };
            let mut has_asked = None;
            for (count, last) in self.sentences.iter().skip(at).take(most).enumerate() {
                let range = sentence.range.start..last.sentence.range.end;
                let goes_on = last.sentence.is_statement && last.sentence.table == sentence.table;
                if !goes_on || range.len() > LONGEST_QUOTE {
                    break;
                }
                seen.extend(&last.words);
                has_asked = has_asked.max(last.has_asked);
                // A heading that is also about something else is trusted where the sentence has what was asked for.
                let least = if asked.has_measure() && has_asked == Some(true) { 0.5 } else { 1.0 };
                let mut subjects = self.subjects.iter().chain([heading]);
                let is_first = is_first && count == 0 && subjects.any(|subject| terms.share_of(subject) >= least);
                let near = Near { window: &seen, heading, title: &self.title, passage: &self.all, is_first };
                let mut fit = near.fit(terms);
                fit.rank = self.rank;
                fit.extra = f64::from(u8::try_from(count).unwrap_or(u8::MAX));
                fit.has_asked = has_asked;
                fit.lacks_measure = asked.is_measure() && has_asked == Some(false);
                let table = sentence.table.clone();
                let is_record = self.is_record;
                windows.push(Window { passage: self.passage, range, table, is_record, score: fit.score(), fit });
            }
            is_first = false;
        }
        windows
    }
}

/// The words of a window and of what stands around it.
struct Near<'a> {
    window: &'a BTreeSet<&'a String>,
    heading: &'a BTreeSet<String>,
    title: &'a BTreeSet<String>,
    passage: &'a BTreeSet<String>,
    /// Whether the window begins right under a heading or title that is about little else than the question.
    is_first: bool,
}

impl Near<'_> {
    fn fit(&self, terms: &Terms) -> Fit {
        let (mut said, mut headed, mut around, mut said_count, mut named) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let mut is_complete = true;
        let mut headed_count = 0.0;
        for Term { weight, forms, kin, is_light } in &terms.terms {
            let has_kin = || {
                !forms.iter().any(|form| self.passage.contains(form)) && kin.iter().any(|kin| self.window.contains(kin))
            };
            let in_heading = forms.iter().any(|form| self.heading.contains(form) || self.title.contains(form));
            named += if in_heading { *weight } else { 0.0 };
            if forms.iter().any(|form| self.window.contains(form)) {
                said += weight;
                said_count += 1.0;
            } else if in_heading {
                headed += weight;
                headed_count += 1.0;
            } else if has_kin() {
                said += weight * AS_KIN;
                said_count += AS_KIN;
            } else {
                is_complete &= *is_light;
                if forms.iter().any(|form| self.passage.contains(form)) {
                    around += weight * IN_PASSAGE;
                }
            }
        }
        // What stands first under a heading that names the subject need not name it again.
        let opens = self.is_first && is_complete && named * 2.0 >= terms.total;
        if opens {
            said += headed;
            said_count += headed_count;
            headed = 0.0;
        }
        let covered = said + headed * IN_HEADING + around;
        Fit {
            said: said / terms.total,
            covered: covered / terms.total,
            said_count,
            is_complete: is_complete && !terms.terms.is_empty(),
            opens,
            lacks_predicate: terms.is_yes_or_no && !is_complete,
            is_phrase: terms.is_phrase,
            ..Fit::default()
        }
    }
}

/// How much a word counts that stands for another.
const AS_KIN: f64 = 0.8;
const IN_HEADING: f64 = 0.7;
const IN_PASSAGE: f64 = 0.4;

/// The question's words, with how much each matters.
struct Terms {
    terms: Vec<Term>,
    total: f64,
    /// Whether it begins as questions do that ask for yes or no.
    is_yes_or_no: bool,
    /// Whether it is more than a keyword or two.
    is_phrase: bool,
}

struct Term {
    weight: f64,
    /// The stems that count as this word: itself, or the nearest ones where the passages do not have it.
    forms: Vec<String>,
    /// Stems that may stand for it in a passage that does not have it.
    kin: Vec<String>,
    /// Whether an answer may do without it.
    is_light: bool,
}

impl Terms {
    fn new(question: &str, passages: &[ReadPassage<'_>]) -> Self {
        let mut frequency: HashMap<&String, f64> = HashMap::new();
        let mut count = 0.0;
        for read in passages.iter().flat_map(|passage| &passage.sentences) {
            count += 1.0;
            read.words.iter().for_each(|word| *frequency.entry(word).or_default() += 1.0);
        }
        let vocabulary: BTreeSet<&String> = passages.iter().flat_map(|passage| &passage.all).collect();
        let wanted: BTreeSet<String> = stems_in_order(question).into_iter().take(MOST_TERMS).collect();
        let terms: Vec<Term> = wanted
            .into_iter()
            .map(|stem| {
                let is_light = LIGHT.contains(&stem.as_str());
                let is_kin = |group: &&&[&'static str]| group.contains(&stem.as_str());
                let kin =
                    KIN.iter().filter(is_kin).flat_map(|group| group.iter().map(|kin| (*kin).to_owned())).collect();
                let forms = if vocabulary.contains(&stem) { vec![stem] } else { near(stem, &vocabulary) };
                let often = forms.iter().filter_map(|form| frequency.get(form)).sum::<f64>();
                let weight = (1.0 + (count + 1.0) / (often + 0.5)).ln();
                Term { weight: if is_light { weight * LIGHT_WEIGHT } else { weight }, forms, kin, is_light }
            })
            .collect();
        let total = terms.iter().map(|term| term.weight).sum::<f64>().max(f64::EPSILON);
        let mut asking = question.split_whitespace();
        Self { terms, total, is_yes_or_no: is_yes_or_no(question), is_phrase: asking.nth(2).is_some() }
    }

    /// The share of a heading's words that are in the question.
    fn share_of(&self, subject: &BTreeSet<String>) -> f64 {
        let asked = subject.iter().filter(|word| self.terms.iter().any(|term| term.forms.contains(word)));
        let count = |words: usize| f64::from(u32::try_from(words).unwrap_or(u32::MAX));
        count(asked.count()) / count(subject.len().max(1))
    }
}

/// Stems in the passages that a mistyped or otherwise inflected word may mean; itself where there are none.
fn near(stem: String, vocabulary: &BTreeSet<&String>) -> Vec<String> {
    let letters: Vec<char> = stem.chars().collect();
    if letters.len() < 4 {
        return vec![stem];
    }
    let own = trigrams(&letters);
    let mut near: Vec<String> = vocabulary
        .iter()
        .filter(|word| {
            let shorter = word.len().min(stem.len());
            if shorter >= 5 && (word.starts_with(&stem) || stem.starts_with(word.as_str())) {
                return true;
            }
            let other: Vec<char> = word.chars().collect();
            if other.len() < 4 || other.len().abs_diff(letters.len()) > 3 {
                return false;
            }
            let shared = trigrams(&other).intersection(&own).count();
            // Dice's coefficient of at least 0.6.
            shared * 10 >= (own.len() + other.len()) * 3
        })
        .take(4)
        .map(|word| (*word).clone())
        .collect();
    if near.is_empty() {
        near.push(stem);
    }
    near
}

fn trigrams(letters: &[char]) -> BTreeSet<[char; 3]> {
    let padded: Vec<char> = std::iter::once('^').chain(letters.iter().copied()).chain(['$']).collect();
    padded.windows(3).filter_map(|trigram| trigram.try_into().ok()).collect()
}

/// At most `bytes` of `text`, cut between characters.
fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

fn stems(text: &str) -> BTreeSet<String> {
    stems_in_order(text).into_iter().collect()
}

fn stems_in_order(text: &str) -> Vec<String> {
    let says_something = |word: &Word| word.kind != Kind::Function && !ASKING.contains(&word.stem.as_str());
    let regular = |stem: String| match IRREGULAR.iter().find(|(form, _)| *form == stem) {
        Some((_, regular)) => (*regular).to_owned(),
        None => stem,
    };
    words(text).into_iter().filter(says_something).map(|word| regular(word.stem)).collect()
}

/// Stems of words that only ask for a measure; [`Asked`] knows what they want.
const ASKING: &[&str] =
    &["long", "lang", "lange", "longtemp", "tiemp", "temp", "often", "old", "fast", "quick", "soon", "schnel"];

/// Stems of words that a question needs and its answer does not: `what happens if`, `somebody`, `whether`.
#[rustfmt::skip]
const LIGHT: &[&str] = &[
    "after", "allow", "anybod", "avail", "availabl", "befor", "betw", "charg", "come", "durin", "else", "exact", "gave", "given",
    "happ", "perhap", "question", "somebod", "still", "take", "tak", "use", "usual", "wheth", "withou", "wond", "work",
];
const LIGHT_WEIGHT: f64 = 0.3;

/// Forms of one word that no ending tells, by their stems.
const IRREGULAR: &[(&str, &str)] = &[
    ("bough", "buy"),
    ("buys", "buy"),
    ("kept", "keep"),
    ("paid", "pay"),
    ("paym", "pay"),
    ("pays", "pay"),
    ("sent", "send"),
    ("shos", "shoe"),
];

/// Stems of words that stand for each other in questions to a business and its answers.
const KIN: &[&[&str]] = &[
    &["expir", "valid"],
    &["cost", "pric", "fee"],
    &["ship", "deliv", "dispatch"],
    &["refund", "reimburs"],
    &["phon", "telephon", "call"],
];

/// How well a run of sentences fits a question.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    /// Share of the question's weight in its own words.
    said: f64,
    /// The same, with title, heading and the rest of the passage counting in part.
    covered: f64,
    /// How many of the question's words it has.
    said_count: f64,
    /// Sentences beyond the first.
    extra: f64,
    /// Whether the run, its heading and its title together have every word that matters.
    is_complete: bool,
    /// Whether it is complete and stands first under a heading or title that has most of the words.
    opens: bool,
    /// Whether the question asks for yes or no and a word of it is nowhere near.
    lacks_predicate: bool,
    /// Whether the question is more than a keyword or two.
    is_phrase: bool,
    /// The passage's place in what the search found.
    rank: f64,
    /// Whether it holds what the question asks for; `None` where that cannot be told.
    has_asked: Option<bool>,
    /// Whether the question asks for a number and it has none.
    lacks_measure: bool,
}

impl Fit {
    /// For choosing among runs of sentences.
    fn score(&self) -> f64 {
        let asked = match self.has_asked {
            Some(true) => 0.1,
            Some(false) => -0.1,
            None => 0.0,
        };
        let opening = if self.opens { 0.07 } else { 0.0 };
        self.covered * 0.5 + self.said * 0.5 + asked + opening - 0.08 * self.extra - 0.01 * self.rank
    }

    /// How often such a quote is right; `lead` is how far its score is ahead of the next one elsewhere.
    ///
    /// A logistic model fitted on 700 XQuAD questions, each asked once with its passage among four and once without; of what
    /// it calls 0.7, 0.8 and 0.9, about 0.77, 0.89 and 0.93 hold the answer. Three terms are judged by hand, because the
    /// pages of a business differ from an encyclopedia: their questions are short, so one whose every word is in a sentence
    /// and its headings counts for more, and a number or a predicate that is missing counts for less.
    fn confidence(&self, lead: f64) -> f64 {
        let asked = if self.lacks_measure { -2.0 } else { 0.1 };
        let is_whole = self.is_complete
            && self.extra < 1.0
            && (self.said_count > 1.0 || self.has_asked == Some(true) || (self.opens && self.is_phrase));
        let whole = match (is_whole, self.opens) {
            (true, true) => 2.3,
            (true, false) => 1.3,
            (false, _) => 0.0,
        };
        let predicate = if self.lacks_predicate { -0.8 } else { 0.0 };
        let known = whole + predicate + 3.2 * self.said_count.ln_1p() + 1.8 * self.covered + 1.9 * self.said + asked;
        let logit = known + 5.9 * lead.clamp(0.0, 0.3) - 0.6 * self.extra - 7.6;
        let share = 1.0 / (1.0 + (-logit).exp());
        // Two decimals: more would claim a precision that the fit does not have.
        (share.min(MOST_CONFIDENCE) * 100.0).round() / 100.0
    }
}
