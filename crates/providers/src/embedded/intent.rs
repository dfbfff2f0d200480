//! Which playbook a request means, if any.
//!
//! Two views have to agree. A linear model, trained on the examples when the provider is built, says which intent is the
//! likeliest, with everyday requests ([`BACKGROUND`]) as the intent "none of these". The nearest example, and how much of
//! the request the intent's examples have words for, say whether it is about any of them at all. The score is their
//! weighted geometric mean, so one weak view is enough to decline: a wrong playbook is worse than none.
//!
//! Features are stemmed words, pairs of neighbours and letter trigrams (which carry over typing errors), weighted by how
//! rare they are. No randomness and no hash-map order: the same playbooks always give the same scores.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::background::BACKGROUND;
use super::typing;
use super::words::{Kind, words};

/// Longest request that is matched, in characters; longer ones are no routine.
pub(super) const LONGEST_REQUEST: usize = 2000;

const MENDED_WEIGHT: f32 = 0.9;
const FUNCTION_WEIGHT: f32 = 0.6;
const NUMBER_WEIGHT: f32 = 0.1;
const PAIR_WEIGHT: f32 = 0.6;
const TRIGRAM_WEIGHT: f32 = 0.35;

/// "I do not want a refund" is near to "I want a refund", and means the opposite.
const NEGATED: f32 = 0.25;

const EPOCHS: u16 = 20;
const RATE: f32 = 2.0;
const DECAY: f32 = 1e-4;

/// Features of a text, by their hash, in its order; of length one.
type Vector = Vec<(u64, f32)>;

/// Scores requests against the examples of every intent.
#[derive(Debug)]
pub(super) struct Classifier {
    features: HashMap<u64, Feature>,
    /// Stems of the examples' words.
    vocabulary: BTreeSet<String>,
    rarest: f32,
    /// The intent of each example; those of the background come last.
    intents: Vec<usize>,
    /// How many intents, the background not counted.
    count: usize,
    /// The intents that have a negation in an example.
    negated: Vec<bool>,
}

#[derive(Debug)]
struct Feature {
    rarity: f32,
    /// What it says for each intent, the background last.
    weights: Vec<f32>,
    /// The intents that have it in an example.
    known: Vec<bool>,
    /// The examples that have it, and how much of them it is.
    examples: Vec<(usize, f32)>,
}

impl Classifier {
    /// Learns from `examples`, one list per intent.
    pub(super) fn train(examples: &[Vec<String>]) -> Self {
        let count = examples.len();
        let background = BACKGROUND.iter().map(|text| (count, *text));
        let labelled = examples
            .iter()
            .enumerate()
            .flat_map(|(intent, texts)| texts.iter().map(move |text| (intent, text.as_str())))
            .chain(background);
        let mut intents = Vec::new();
        let mut raw = Vec::new();
        let mut frequency: BTreeMap<u64, f32> = BTreeMap::new();
        let mut vocabulary = BTreeSet::new();
        let mut negated = vec![false; count];
        for (intent, text) in labelled {
            let text = without_placeholders(text);
            if let Some(negated) = negated.get_mut(intent) {
                *negated |= is_negated(&text);
                let content = words(&text).into_iter().filter(|word| word.kind == Kind::Content);
                vocabulary.extend(content.map(|word| word.stem));
            }
            let features = features(&text, &BTreeSet::new());
            features.keys().for_each(|feature| *frequency.entry(*feature).or_default() += 1.0);
            intents.push(intent);
            raw.push(features);
        }
        let total = as_f32(raw.len());
        let rarity = |frequency: f32| ((total + 1.0) / (frequency + 1.0)).ln() + 1.0;
        let feature = |frequency: f32| Feature {
            rarity: rarity(frequency),
            weights: vec![0.0; count + 1],
            known: vec![false; count],
            examples: Vec::new(),
        };
        let features = frequency.into_iter().map(|(hash, frequency)| (hash, feature(frequency))).collect();
        let mut classifier = Self { features, vocabulary, rarest: rarity(0.5), intents, count, negated };
        let vectors: Vec<Vector> = raw.iter().map(|features| classifier.vector(features)).collect();
        classifier.remember(&vectors);
        classifier.fit(&vectors);
        classifier
    }

    /// How well `request` fits each intent, 0 to 1.
    pub(super) fn scores(&self, request: &str) -> Vec<f32> {
        if request.chars().nth(LONGEST_REQUEST).is_some() {
            return vec![0.0; self.count];
        }
        let vector = self.vector(&features(request, &self.vocabulary));
        let mut likeness = vec![0.0_f32; self.intents.len()];
        let mut covered = vec![0.0_f32; self.count];
        for (hash, share) in &vector {
            let Some(feature) = self.features.get(hash) else { continue };
            for (example, weight) in &feature.examples {
                if let Some(likeness) = likeness.get_mut(*example) {
                    *likeness += share * weight;
                }
            }
            for (covered, known) in covered.iter_mut().zip(&feature.known) {
                *covered += if *known { share * share } else { 0.0 };
            }
        }
        let mut nearest = vec![0.0_f32; self.count];
        for (likeness, intent) in likeness.iter().zip(&self.intents) {
            if let Some(nearest) = nearest.get_mut(*intent) {
                *nearest = nearest.max(*likeness);
            }
        }
        let probability = self.probabilities(&vector);
        let is_negated = is_negated(request);
        let views = nearest.iter().zip(&covered).zip(&probability).zip(&self.negated);
        views
            .map(|(((near, covered), likely), negated)| {
                let damped = if is_negated && !negated { NEGATED } else { 1.0 };
                damped * likely.sqrt() * (near * covered).clamp(0.0, 1.0).powf(0.3)
            })
            .collect()
    }

    fn remember(&mut self, vectors: &[Vector]) {
        for (example, (vector, intent)) in vectors.iter().zip(&self.intents).enumerate() {
            for (hash, weight) in vector {
                let Some(feature) = self.features.get_mut(hash) else { continue };
                // The background shapes the linear model only; it is never the nearest example.
                if let Some(known) = feature.known.get_mut(*intent) {
                    *known = true;
                    feature.examples.push((example, *weight));
                }
            }
        }
    }

    /// Multinomial logistic regression by gradient descent, one example at a time, in a fixed mixed order.
    fn fit(&mut self, vectors: &[Vector]) {
        let mut order: Vec<(u64, usize)> = (0..vectors.len()).map(|index| (mixed(index), index)).collect();
        order.sort_unstable();
        for epoch in 0..EPOCHS {
            let rate = RATE / (1.0 + f32::from(epoch) * 0.1);
            for (_, index) in &order {
                let (Some(vector), Some(intent)) = (vectors.get(*index), self.intents.get(*index)) else { continue };
                let mut error = self.probabilities(vector);
                error.iter_mut().for_each(|error| *error = -*error);
                if let Some(own) = error.get_mut(*intent) {
                    *own += 1.0;
                }
                for (hash, share) in vector {
                    let Some(feature) = self.features.get_mut(hash) else { continue };
                    for (weight, error) in feature.weights.iter_mut().zip(&error) {
                        *weight += rate * (error * share - DECAY * *weight);
                    }
                }
            }
        }
    }

    /// What the linear model says, the background last; sums to one.
    fn probabilities(&self, vector: &Vector) -> Vec<f32> {
        let mut sums = vec![0.0_f32; self.count + 1];
        for (hash, share) in vector {
            let Some(feature) = self.features.get(hash) else { continue };
            for (sum, weight) in sums.iter_mut().zip(&feature.weights) {
                *sum += share * weight;
            }
        }
        let highest = sums.iter().copied().fold(f32::MIN, f32::max);
        sums.iter_mut().for_each(|sum| *sum = (*sum - highest).exp());
        let total: f32 = sums.iter().sum();
        sums.iter_mut().for_each(|sum| *sum /= total);
        sums
    }

    /// Weighs by rarity and scales to length one. What no example has counts as the rarest.
    fn vector(&self, features: &BTreeMap<u64, f32>) -> Vector {
        let rarity = |hash| self.features.get(hash).map_or(self.rarest, |feature| feature.rarity);
        let mut vector: Vector = features.iter().map(|(hash, weight)| (*hash, weight * rarity(hash))).collect();
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(f32::EPSILON);
        vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        vector
    }
}

/// What a text is made of, each feature once; words that are one typing error away from the `vocabulary` are mended.
fn features(text: &str, vocabulary: &BTreeSet<String>) -> BTreeMap<u64, f32> {
    let mut features = BTreeMap::new();
    let mut previous: Option<String> = None;
    for word in words(text) {
        let (weight, stem) = match word.kind {
            Kind::Content if vocabulary.contains(&word.stem) => (1.0, word.stem),
            Kind::Content => match typing::meant(&word.stem, vocabulary) {
                Some(meant) => (MENDED_WEIGHT, meant.to_owned()),
                None => (1.0, word.stem),
            },
            Kind::Function => (FUNCTION_WEIGHT, word.stem),
            Kind::Number => (NUMBER_WEIGHT, "0".to_owned()),
        };
        features.insert(hash("word", &[&stem]), weight);
        // An order number between two words does not part them.
        if word.kind == Kind::Number {
            continue;
        }
        if let Some(previous) = &previous {
            features.insert(hash("pair", &[previous, &stem]), PAIR_WEIGHT);
        }
        if word.kind == Kind::Content {
            let letters: Vec<char> = std::iter::once('^').chain(stem.chars()).chain(['$']).collect();
            let weight = TRIGRAM_WEIGHT * (2.0 / as_f32(letters.len().saturating_sub(2).max(1))).sqrt();
            for trigram in letters.windows(3) {
                let entry = features.entry(hash("trigram", &[&trigram.iter().collect::<String>()])).or_default();
                *entry = weight.max(*entry);
            }
        }
        previous = Some(stem);
    }
    features
}

/// Whether a text denies something.
fn is_negated(text: &str) -> bool {
    words(text).iter().any(|word| NEGATIONS.contains(&word.stem.as_str()))
}

/// Stems of negations.
const NEGATIONS: &[&str] = &["jamai", "kein", "never", "nicht", "nie", "niemal", "no", "not", "nunca", "pas"];

/// Examples say `{order_id}` where requests have the value; neither says what the request is about.
fn without_placeholders(example: &str) -> String {
    let mut depth = 0_u32;
    let outside = |char: char| match char {
        '{' => {
            depth += 1;
            ' '
        }
        '}' => {
            depth = depth.saturating_sub(1);
            ' '
        }
        char if depth == 0 => char,
        _ => ' ',
    };
    example.chars().map(outside).collect()
}

/// FNV-1a: the same on every machine and in every process.
fn hash(kind: &str, parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    kind.bytes()
        .chain([0])
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Scatters neighbours, so that the examples of one intent do not come in one row.
fn mixed(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Counts here are small; those that are not lose nothing by the cap.
fn as_f32(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}
