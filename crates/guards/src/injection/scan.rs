//! Finds phrases of word classes in a text: one pass over the words, with the same small step for each.
//!
//! A phrase such as `{override} ..3 {earlier} ..2 {rules}` says: a word of class `override`, then within three words
//! in between a word of class `earlier`, then within two a word of class `rules`, all in one sentence. For each phrase
//! and each of its steps the scanner keeps only the last place where the step was reached, so that a word costs the
//! number of steps that name its classes, however hostile the text is.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};

use super::phrases::{Literal, Phrase};
use crate::normalise::View;

/// What a phrase is about; the first part of a verdict's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Sets earlier instructions aside.
    Override,
    /// Gives the assistant another role or takes its limits away.
    Role,
    /// Asks for the instructions or for what they protect.
    Extraction,
    /// Pretends to be a system message, a turn of the conversation or the end of the data.
    Delimiter,
    /// Tells the assistant to act with tools.
    Tool,
    /// Tells the assistant to carry data out.
    Exfiltration,
    /// Asks to decode and obey.
    Payload,
    /// Dictates the answer or forbids to refuse.
    Answer,
}

impl Family {
    /// The word for it in reasons.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override of instructions",
            Self::Role => "change of role",
            Self::Extraction => "extraction of instructions",
            Self::Delimiter => "false delimiter",
            Self::Tool => "coercion of tools",
            Self::Exfiltration => "exfiltration",
            Self::Payload => "encoded payload",
            Self::Answer => "dictated answer",
        }
    }
}

/// One phrase found in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) family: Family,
    pub(super) request: u16,
    pub(super) embedded: u16,
    /// Bytes of the view.
    pub(super) range: Range<usize>,
}

/// The data of [`super::lexicon`] and [`super::phrases`] could not be compiled.
#[derive(Debug, thiserror::Error)]
pub(super) enum PhraseError {
    /// A phrase names a class that the lexicon does not have.
    #[error("phrase `{phrase}` names the unknown class `{class}`")]
    UnknownClass {
        /// The phrase.
        phrase: String,
        /// The class.
        class: String,
    },
    /// A distance is no number.
    #[error("phrase `{phrase}` has the malformed distance `{distance}`")]
    Distance {
        /// The phrase.
        phrase: String,
        /// The distance.
        distance: String,
    },
    /// Too many words for the automaton.
    #[error("the phrases could not be compiled")]
    Build(#[from] aho_corasick::BuildError),
}

type Class = usize;

/// The compiled phrases.
#[derive(Debug)]
pub(super) struct Scanner {
    words: HashMap<String, Vec<Class>>,
    stems: AhoCorasick,
    classes_of_stem: Vec<Vec<Class>>,
    /// For each class, the phrase and the step that wait for it.
    waiting: Vec<Vec<(usize, usize)>>,
    phrases: Vec<Compiled>,
    literals: AhoCorasick,
    literal_rows: Vec<Literal>,
}

#[derive(Debug)]
struct Compiled {
    family: Family,
    request: u16,
    embedded: u16,
    /// For each step, how many words may lie before it.
    gaps: Vec<usize>,
}

/// Where a step of a phrase was last reached.
#[derive(Clone, Copy)]
struct Reached {
    word: usize,
    sentence: usize,
    start: usize,
}

impl Scanner {
    pub(super) fn compile(
        lexicon: &[(&str, &str)],
        phrases: &[Phrase],
        literals: &[Literal],
    ) -> Result<Self, PhraseError> {
        let mut compiler = Compiler::default();
        for (class, words) in lexicon {
            compiler.class(class, words);
        }
        let compiled: Vec<Compiled> = phrases.iter().map(|phrase| compiler.phrase(phrase)).collect::<Result<_, _>>()?;
        let (stems, classes_of_stem): (Vec<_>, Vec<_>) = compiler.with_shorter_stems().into_iter().unzip();
        let stems = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .start_kind(StartKind::Anchored)
            .build(&stems)?;
        let literal_rows = literals.to_vec();
        let folded: Vec<String> = literals.iter().map(|literal| View::folded(literal.text).text().to_owned()).collect();
        let literals = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&folded)?;
        Ok(Self {
            words: compiler.words,
            stems,
            classes_of_stem,
            waiting: compiler.waiting,
            phrases: compiled,
            literals,
            literal_rows,
        })
    }

    /// Every phrase that the text has, once, at the first place where it was complete.
    pub(super) fn scan(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut seen = vec![false; self.literal_rows.len() + self.phrases.len()];
        let mut is_new = |row: usize| seen.get_mut(row).is_some_and(|seen| !std::mem::replace(seen, true));
        for found in self.literals.find_iter(text) {
            let row = found.pattern().as_usize();
            if let Some(literal) = self.literal_rows.get(row).filter(|_| is_new(row)) {
                let (family, request, embedded) = (literal.family, literal.request, literal.embedded);
                hits.push(Hit { family, request, embedded, range: found.range() });
            }
        }
        let mut reached: Vec<Vec<Option<Reached>>> =
            self.phrases.iter().map(|phrase| vec![None; phrase.gaps.len()]).collect();
        for word in Words::of(text) {
            let exact = self.words.get(word.text).map(Vec::as_slice).unwrap_or_default();
            let stem = self
                .stems
                .find(Input::new(word.text).anchored(Anchored::Yes))
                .and_then(|found| self.classes_of_stem.get(found.pattern().as_usize()));
            for class in exact.iter().chain(stem.into_iter().flatten()) {
                for (phrase, step) in self.waiting.get(*class).into_iter().flatten() {
                    let hit = self.advance(&mut reached, *phrase, *step, &word);
                    hits.extend(hit.filter(|_| is_new(self.literal_rows.len() + phrase)));
                }
            }
        }
        hits
    }

    /// Moves one phrase to one step, when the step before was reached close enough.
    fn advance(
        &self,
        reached: &mut [Vec<Option<Reached>>],
        phrase: usize,
        step: usize,
        word: &Word<'_>,
    ) -> Option<Hit> {
        let compiled = self.phrases.get(phrase)?;
        let steps = reached.get_mut(phrase)?;
        let start = match step.checked_sub(1) {
            None => word.range.start,
            Some(before) => {
                let gap = *compiled.gaps.get(step)?;
                let before = (*steps.get(before)?)?;
                let close = word.number > before.word && word.number - before.word - 1 <= gap;
                if !close || before.sentence != word.sentence {
                    return None;
                }
                before.start
            }
        };
        *steps.get_mut(step)? = Some(Reached { word: word.number, sentence: word.sentence, start });
        (step + 1 == steps.len()).then_some(Hit {
            family: compiled.family,
            request: compiled.request,
            embedded: compiled.embedded,
            range: start..word.range.end,
        })
    }
}

#[derive(Default)]
struct Compiler {
    ids: HashMap<String, Class>,
    words: HashMap<String, Vec<Class>>,
    stems: HashMap<String, Vec<Class>>,
    waiting: Vec<Vec<(usize, usize)>>,
    phrases: usize,
}

impl Compiler {
    /// Words are separated by spaces; `ignor*` stands for every word that begins so.
    fn class(&mut self, name: &str, words: &str) -> Class {
        let class = *self.ids.entry(name.to_owned()).or_insert(self.waiting.len());
        if class == self.waiting.len() {
            self.waiting.push(Vec::new());
        }
        for word in View::folded(words).text().split_whitespace() {
            let classes = match word.strip_suffix('*') {
                Some(stem) => self.stems.entry(stem.to_owned()).or_default(),
                None => self.words.entry(word.to_owned()).or_default(),
            };
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        class
    }

    /// Steps are `{class}` or `word|word`; `..3` lets up to three words lie before the next step. Steps of one phrase
    /// are written down last first, so that one word never serves two of them.
    fn phrase(&mut self, phrase: &Phrase) -> Result<Compiled, PhraseError> {
        let (mut gaps, mut gap) = (Vec::new(), 0);
        let mut classes = Vec::new();
        for part in phrase.says.split_whitespace() {
            if let Some(distance) = part.strip_prefix("..") {
                let malformed = |_| PhraseError::Distance { phrase: phrase.says.to_owned(), distance: part.to_owned() };
                gap = distance.parse().map_err(malformed)?;
                continue;
            }
            let class = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(class) => *self.ids.get(class).ok_or_else(|| PhraseError::UnknownClass {
                    phrase: phrase.says.to_owned(),
                    class: class.to_owned(),
                })?,
                None => self.class(part, &part.replace('|', " ")),
            };
            classes.push(class);
            gaps.push(std::mem::take(&mut gap));
        }
        for (step, class) in classes.into_iter().enumerate().rev() {
            if let Some(waiting) = self.waiting.get_mut(class) {
                waiting.push((self.phrases, step));
            }
        }
        self.phrases += 1;
        Ok(Compiled { family: phrase.family, request: phrase.request, embedded: phrase.embedded, gaps })
    }

    /// A longer stem also belongs to the classes of the stems that it begins with, because only the longest is found.
    fn with_shorter_stems(&self) -> Vec<(String, Vec<Class>)> {
        let mut stems: Vec<_> = self.stems.iter().map(|(stem, classes)| (stem.clone(), classes.clone())).collect();
        stems.sort();
        for (stem, classes) in &mut stems {
            let shorter = stem.char_indices().skip(1).filter_map(|(end, _)| self.stems.get(stem.get(..end)?));
            for class in shorter.flatten() {
                if !classes.contains(class) {
                    classes.push(*class);
                }
            }
        }
        stems
    }
}

/// A word of a text.
struct Word<'a> {
    text: &'a str,
    range: Range<usize>,
    number: usize,
    sentence: usize,
}

/// The words of a text with the sentence that each is in.
struct Words<'a> {
    text: &'a str,
    at: usize,
    number: usize,
    sentence: usize,
}

impl<'a> Words<'a> {
    const fn of(text: &'a str) -> Self {
        Self { text, at: 0, number: 0, sentence: 0 }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let is_word = |c: char| c.is_alphanumeric() || c == '\'';
        let rest = self.text.get(self.at..)?;
        let between = rest.find(is_word)?;
        if rest.get(..between).is_some_and(ends_sentence) {
            self.sentence += 1;
        }
        let tail = rest.get(between..)?;
        let length = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        let start = self.at + between;
        self.at = start + length;
        self.number += 1;
        let text = tail.get(..length)?.trim_matches('\'');
        Some(Word { text, range: start..self.at, number: self.number, sentence: self.sentence })
    }
}

/// True when what lies between two words ends a sentence: a full stop before space, or an empty line.
fn ends_sentence(between: &str) -> bool {
    let mut stopped = false;
    let mut breaks = 0;
    for c in between.chars() {
        match c {
            '.' | '!' | '?' | ';' => stopped = true,
            '\n' => breaks += 1,
            _ => {}
        }
        if stopped && c.is_whitespace() || breaks > 1 {
            return true;
        }
    }
    false
}
