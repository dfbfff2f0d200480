//! Whether a sentence says that something happened.
//!
//! Looks at the clause around the claimed words. In doubt it says yes: a draft that is held back wrongly is seen by a
//! person; one that claims what did not happen is seen by a customer.

use std::ops::Range;

/// True when the words at this range are said to be a fact.
pub(super) fn asserts(text: &str, claim: Range<usize>) -> bool {
    let sentence = sentence(text, &claim);
    let before = text.get(sentence.start..claim.start).unwrap_or_default().to_lowercase().replace('’', "'");
    let after = text.get(claim.end..sentence.end).unwrap_or_default().to_lowercase().replace('’', "'");
    let claimed = text.get(claim.clone()).unwrap_or_default().to_lowercase();
    let clauses: Vec<&str> = split_clauses(&before);
    let clause = words(clauses.last().copied().unwrap_or_default());
    let earlier: Vec<&str> =
        clauses.iter().rev().skip(1).flat_map(|clause| words(clause).into_iter().take(2)).collect();
    let rest = first_clause(&after);
    let following = words(rest);

    // What already happened: `has been`, `was`, `we've` before the claim, or inside the claimed words.
    let group = verb_group(&clause);
    let in_claim = words(&claimed);
    let past = group.iter().chain(&in_claim).any(|word| PAST.contains(word))
        || group.iter().any(|word| word.ends_with("'ve") || word.ends_with("'s"));
    let is_negated = || {
        let only = |at: usize| clause.get(at + 1) == Some(&"only") || clause.get(at + 1) == Some(&"just");
        // `I cannot confirm, that …`: the clause before denies what this one says.
        let reported = clause.first().is_some_and(|word| ["dass", "que", "che", "dat"].contains(word));
        let denied = || clauses.iter().rev().nth(1).is_some_and(|before| words(before).into_iter().any(is_negation));
        reported && denied()
            || clause.iter().enumerate().any(|(at, word)| is_negation(word) && !only(at))
            || in_claim.iter().any(|word| is_negation(word))
            || following.iter().take(2).any(|word| AFTER_NEGATION.contains(word))
    };
    let is_possible = || {
        let leading = clause.len().saturating_sub(group.len());
        // `can be refunded`, `to be refunded`: without a past form in it, an infinitive says nothing has happened.
        let infinitive = group.iter().any(|word| INFINITIVE.contains(word)) && !past;
        let distant = clause.iter().any(|word| is_modal(word)) && !past;
        let german = following.iter().take(2).any(|word| AFTER_MODAL.contains(word));
        let perfect =
            past && leading.checked_sub(1).and_then(|last| clause.get(last)).is_some_and(|word| is_modal(word));
        infinitive || distant || perfect || german
    };
    let is_conditional = || {
        let own = clause.iter().enumerate().any(|(at, word)| {
            let by_us = ["i", "we"].contains(&clause.get(at + 1).copied().unwrap_or_default());
            is_condition(word) && !(TEMPORAL.contains(word) && by_us)
        });
        let opened = earlier.iter().any(|word| is_condition(word)) && !past;
        let closed = following.iter().take(8).any(|word| is_condition(word)) && !past;
        own || opened || closed
    };
    let is_asked = || text.get(sentence.end..).unwrap_or_default().starts_with('?') && rest.len() == after.len();
    let is_rule = || {
        let plural =
            group.iter().any(|word| ["are", "werden", "sont", "son", "is", "gets", "get"].contains(word)) && !past;
        let specific = clause.iter().any(|word| SPECIFIC.contains(word)) || before.contains('#');
        let attributive = clause.last().is_none_or(|word| ["a", "an", "any", "of", "for", "no", "all"].contains(word))
            && following.first().is_some_and(|word| NOUNS.contains(word));
        plural && !specific || attributive
    };
    !(is_negated() || is_possible() || is_conditional() || is_asked() || is_rule())
}

/// How far a sentence is read to either side, in bytes; farther words say nothing about the claim, and many claims in
/// one endless sentence stay cheap.
const FARTHEST: usize = 600;

/// The sentence around a range; abbreviations and decimals do not end one.
fn sentence(text: &str, around: &Range<usize>) -> Range<usize> {
    let ends = |at: usize, c: char| {
        let next = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
        c == '\n'
            || matches!(c, '.' | '!' | '?' | '…')
                && next.is_none_or(|next| next.is_whitespace() || "\"'”’)*_".contains(next))
    };
    let first = text.floor_char_boundary(around.start.saturating_sub(FARTHEST));
    let last = text.ceil_char_boundary((around.end + FARTHEST).min(text.len()));
    let before = text.get(first..around.start).unwrap_or_default();
    let after = text.get(around.end..last).unwrap_or_default();
    let start = before.char_indices().rev().find(|(at, c)| ends(first + at, *c));
    let end = after.char_indices().find(|(at, c)| ends(around.end + at, *c));
    start.map_or(first, |(at, c)| first + at + c.len_utf8())..end.map_or(last, |(at, _)| around.end + at)
}

/// Clauses of what stands before the claim.
fn split_clauses(before: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let breaks = [
        ",", ";", ":", "(", " - ", " – ", " — ", " and ", " but ", " so ", " und ", " aber ", " et ", " mais ", " y ",
        " pero ", " ma ", " mas ", " e ",
    ];
    let mut at = 0;
    while at < before.len() {
        let rest = before.get(at..).unwrap_or_default();
        match breaks.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => {
                clauses.extend(before.get(start..at));
                // The space after a conjunction may begin the next one.
                at += mark.trim_end().len();
                start = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    clauses.extend(before.get(start..));
    clauses
}

/// What follows the claim in its own clause.
fn first_clause(after: &str) -> &str {
    let breaks = [
        ",", ";", ":", ")", " - ", " – ", " — ", " and ", " but ", " und ", " aber ", " et ", " mais ", " y ", " pero ",
    ];
    let end = breaks.iter().filter_map(|mark| after.find(mark)).min().unwrap_or(after.len());
    after.get(..end).unwrap_or_default()
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The auxiliaries and adverbs right before the claim.
fn verb_group<'a>(clause: &[&'a str]) -> Vec<&'a str> {
    let auxiliary = |word: &&&str| {
        PAST.contains(*word)
            || INFINITIVE.contains(*word)
            || PRESENT.contains(*word)
            || ADVERBS.contains(*word)
            || word.ends_with("ly")
            || word.ends_with("'ve")
            || word.ends_with("'s")
    };
    clause.iter().rev().take_while(auxiliary).copied().collect()
}

fn is_negation(word: &str) -> bool {
    word.ends_with("n't") || word.starts_with("n'") || NEGATIONS.contains(&word)
}

fn is_modal(word: &str) -> bool {
    word.ends_with("'ll") || word.ends_with("'d") || MODALS.contains(&word)
}

fn is_condition(word: &str) -> bool {
    CONDITIONS.contains(&word) || TEMPORAL.contains(&word)
}

const PAST: &[&str] = &[
    "has", "have", "had", "was", "were", "been", "already", "i've", "we've", "wurde", "wurden", "worden", "habe",
    "haben", "hat", "hatte", "été", "ai", "avons", "avez", "ont", "sido", "ha", "han", "hemos", "he", "fue", "fueron",
    "stato", "stata", "stati", "state", "foi", "foram", "abbiamo", "werd", "werden", "heb", "hebben",
];

const INFINITIVE: &[&str] = &["be", "être", "ser", "essere"];

const PRESENT: &[&str] = &[
    "is", "are", "being", "gets", "get", "ist", "sind", "est", "sont", "es", "son", "está", "están", "è", "sono", "é",
    "são", "being", "a",
];

const ADVERBS: &[&str] = &[
    "just",
    "now",
    "also",
    "then",
    "been",
    "bereits",
    "schon",
    "gerade",
    "jetzt",
    "vollständig",
    "soeben",
    "déjà",
    "bien",
    "ya",
    "già",
    "já",
    "al",
    "in",
    "full",
    "ihnen",
    "dir",
    "te",
    "le",
    "vous",
];

const NEGATIONS: &[&str] = &[
    "not", "never", "no", "cannot", "without", "unable", "nothing", "neither", "nor", "none", "nobody", "hardly",
    "failed", "refused", "nichts", "rien", "nada", "niente", "niets", "nicht", "kein", "keine", "keinen", "nie",
    "niemals", "noch", "pas", "jamais", "aucun", "aucune", "ne", "nunca", "jamás", "ningún", "ninguna", "tampoco",
    "non", "mai", "nessun", "nessuna", "não", "nem", "niet", "geen", "nooit",
];

/// `erstattet wurde nichts`, `refunded nothing`.
const AFTER_NEGATION: &[&str] = &["nothing", "nichts", "nicht", "rien", "nada"];

const MODALS: &[&str] = &[
    "can",
    "could",
    "may",
    "might",
    "will",
    "would",
    "shall",
    "should",
    "must",
    "ought",
    "to",
    "want",
    "wants",
    "wish",
    "need",
    "needs",
    "like",
    "eligible",
    "whether",
    "get",
    "getting",
    "request",
    "requested",
    "requesting",
    "await",
    "awaiting",
    "pending",
    "kann",
    "kannst",
    "können",
    "könnte",
    "könnten",
    "wird",
    "werden",
    "würde",
    "würden",
    "soll",
    "sollen",
    "sollte",
    "muss",
    "müssen",
    "darf",
    "dürfen",
    "möchten",
    "möchte",
    "peut",
    "peuvent",
    "pourra",
    "pourrait",
    "pourrez",
    "pouvez",
    "sera",
    "serai",
    "seras",
    "serez",
    "serons",
    "seront",
    "serait",
    "seraient",
    "doit",
    "doivent",
    "devrait",
    "puede",
    "pueden",
    "podrá",
    "podría",
    "podrían",
    "será",
    "serán",
    "sería",
    "debe",
    "deben",
    "debería",
    "può",
    "possono",
    "potrebbe",
    "sarà",
    "saranno",
    "deve",
    "pode",
    "podem",
    "poderá",
    "kan",
    "kunnen",
    "zal",
    "zullen",
    "zou",
    "moet",
];

/// German puts the auxiliary last.
const AFTER_MODAL: &[&str] =
    &["wird", "werden", "kann", "können", "könnte", "könnten", "soll", "sollen", "würde", "muss", "kunnen"];

const CONDITIONS: &[&str] = &[
    "if",
    "once",
    "unless",
    "until",
    "till",
    "provided",
    "assuming",
    "whether",
    "case",
    "soon",
    "eligible",
    "falls",
    "wenn",
    "sobald",
    "sofern",
    "bis",
    "ob",
    "si",
    "s'il",
    "s'ils",
    "dès",
    "lorsque",
    "fois",
    "cuando",
    "vez",
    "cuanto",
    "pronto",
    "hasta",
    "se",
    "quando",
    "als",
    "zodra",
    "indien",
    "hypothetically",
];

const TEMPORAL: &[&str] =
    &["when", "after", "before", "whenever", "nachdem", "bevor", "après", "avant", "quand", "después", "antes"];

/// Words that point at one thing and not at a rule.
const SPECIFIC: &[&str] = &[
    "your", "this", "it", "its", "the", "that", "i", "we", "ihr", "ihre", "deine", "dein", "diese", "dieser", "die",
    "der", "das", "es", "votre", "cette", "la", "le", "il", "elle", "su", "tu", "este", "esta", "el", "los", "las",
];

const NOUNS: &[&str] = &[
    "order",
    "orders",
    "item",
    "items",
    "amount",
    "amounts",
    "product",
    "products",
    "purchase",
    "purchases",
    "payment",
    "payments",
    "tickets",
    "ticket",
    "transactions",
    "transaction",
    "customers",
    "goods",
    "fees",
    "addresses",
    "address",
];
