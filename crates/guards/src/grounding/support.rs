//! Whether a sentence shares enough words with what was read.
//!
//! Deliberately lenient: it catches answers about something else, not paraphrases. Sentences without enough content
//! words, questions, and abstentions pass, and so does a draft in another language than what was read.

use std::sync::LazyLock;

use regex::Regex;

use super::known::Known;
use crate::normalise::View;

/// A sentence with fewer content words is politeness.
const FEWEST_WORDS: usize = 5;

/// Words are compared by their first letters, which forgives inflection.
const STEM: usize = 5;

/// How many stop words of a language tell it.
const TELLING: usize = 2;

static ABSTAINS: LazyLock<Regex> = LazyLock::new(|| {
    let english = r"\b(?:i|we)(?:'m| am| are| was| were)? (?:do not|don't|cannot|can't|could not|couldn't|unable|not able|not sure|am afraid|have no|haven't)\b|\bsorry\b|\bno information\b|\bnot (?:mentioned|specified|available|covered|clear)\b|\bunable to\b|\bcolleague\b";
    let others = r"\bich (?:weiss|kann|finde|habe)\b.*\b(?:nicht|keine?n?)\b|\bleider\b|\bje ne (?:sais|peux|trouve|dispose)\b|\bdesole\b|\bno (?:se|puedo|encuentro|tengo)\b|\blo siento\b|\bnon (?:so|posso|trovo)\b|\bnao (?:sei|posso|encontr)";
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(&format!("{english}|{others}")).expect("the pattern is valid")
});

/// The first sentence of which less than this share of content words was read.
pub(super) fn unsupported<'a>(text: &'a str, known: &Known, least: f64) -> Option<&'a str> {
    let spoken = language(View::folded(text).text());
    if spoken.is_some() && known.language.is_some() && spoken != known.language {
        return None;
    }
    sentences(text).find(|sentence| {
        let folded = View::folded(sentence);
        let words: Vec<String> = content(folded.text()).map(stem).collect();
        if words.len() < FEWEST_WORDS || folded.text().trim_end().ends_with('?') || ABSTAINS.is_match(folded.text()) {
            return false;
        }
        let shared = words.iter().filter(|word| known.stems.contains(*word)).count();
        (shared as f64) < least * words.len() as f64
    })
}

/// Asks for something, or is polite.
static ASKS: LazyLock<Regex> = LazyLock::new(|| {
    let asks = r"^\W*(?:and |then )?(?:please|kindly|could you|can you|would you|may i|let me know|tell me|send me|give me|bitte|nennen sie|senden sie|schreiben sie|sagen sie|veuillez|merci de|indiquez|dites|por favor|indique|diga|envie|per favore|indichi)\b|\bplease\b|\bbitte\b|\bpor favor\b|\bs'il vous plait\b";
    let polite = r"\b(?:welcome|thank you|thanks|feel free|happy to help|glad|goodbye|good day|nice day|danke|gern geschehen|gerne|merci|de rien|gracias|de nada|grazie|prego)\b";
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(&format!("{asks}|{polite}")).expect("the pattern is valid")
});

/// Says who is speaking and what they can do, and nothing about the world.
static INTRODUCES: LazyLock<Regex> = LazyLock::new(|| {
    let whoever = r"^\W*(?:(?:hello|hi|hey|hallo|guten tag|bonjour|hola|ciao)\W+)?(?:i am|i'm|i can|i hand|my name|ich bin|ich kann|je suis|je peux|soy|puedo|sono|posso)\b";
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(whoever).expect("the pattern is valid")
});

/// Passes something on about the world, though it begins with the speaker.
static REPORTS: LazyLock<Regex> = LazyLock::new(|| {
    let reports = r"\b(?:tell|say|confirm|inform|assure|promise|see|know|sure|happy|glad|sagen|bestatigen|dire|confirmer|decir|confirmar)\b";
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(reports).expect("the pattern is valid")
});

/// A sentence with fewer content words and numbers states nothing.
const FEWEST_WORDS_OF_A_STATEMENT: usize = 2;

/// The first sentence that states something about the world. For drafts of a run that has read nothing.
pub(super) fn statement(text: &str) -> Option<&str> {
    sentences(text).find(|sentence| {
        let folded = View::folded(sentence);
        let folded = folded.text().trim();
        let introduces = INTRODUCES.is_match(folded) && !REPORTS.is_match(folded);
        // "#W1234567 is new" says something of that order.
        let names = folded.split_whitespace().filter(|word| word.bytes().any(|byte| byte.is_ascii_digit()));
        content(folded).count() + names.count() >= FEWEST_WORDS_OF_A_STATEMENT
            && !(folded.ends_with('?') || ABSTAINS.is_match(folded) || ASKS.is_match(folded) || introduces)
    })
}

/// Content words of a folded text.
pub(super) fn content(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 3 && !word.bytes().any(|byte| byte.is_ascii_digit()))
        .filter(|word| !STOP_WORDS.iter().any(|words| words.contains(word)))
}

/// What two inflections of a word share.
pub(super) fn stem(word: &str) -> String {
    word.chars().take(STEM).collect()
}

/// The language whose stop words a folded text uses most; `None` when it uses too few.
pub(super) fn language(text: &str) -> Option<usize> {
    let mut counts = vec![0_usize; STOP_WORDS.len()];
    for word in text.split(|c: char| !c.is_alphanumeric()).take(4_000) {
        for (count, words) in counts.iter_mut().zip(STOP_WORDS) {
            *count += usize::from(words.contains(&word));
        }
    }
    let most = counts.iter().copied().max().filter(|most| *most >= TELLING)?;
    counts.iter().position(|count| *count == most)
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '!', '?', '\n', ';'])
}

/// EN, DE, FR, ES, IT, PT, NL, PL, folded.
const STOP_WORDS: &[&[&str]] = &[
    &[
        "the", "and", "you", "your", "for", "with", "that", "this", "will", "have", "has", "are", "was", "from", "our",
        "can", "not", "please", "within", "they", "them", "their", "there", "these", "those", "been", "would", "could",
        "should", "which", "when", "what", "where", "also", "into", "about", "just", "more", "than", "then", "some",
        "such", "only", "other", "here", "further", "were", "does", "need", "want", "like", "make", "sure", "help",
        "know", "contact", "thank", "thanks", "hello",
    ],
    &[
        "der",
        "die",
        "das",
        "und",
        "sie",
        "ihre",
        "ihr",
        "ihnen",
        "mit",
        "fur",
        "ist",
        "sind",
        "nicht",
        "ein",
        "eine",
        "von",
        "auf",
        "konnen",
        "werden",
        "wird",
        "haben",
        "den",
        "dem",
        "zu",
        "bitte",
        "innerhalb",
        "diese",
        "dieser",
        "oder",
        "wenn",
        "aber",
        "auch",
        "nach",
        "dass",
        "wurde",
        "gerne",
        "danke",
    ],
    &[
        "les", "des", "vous", "votre", "est", "sont", "pour", "avec", "dans", "une", "que", "qui", "pas", "nous",
        "vos", "sur", "peut", "pouvez", "etre", "cette", "aux", "veuillez", "merci", "bonjour",
    ],
    &[
        "los", "las", "usted", "para", "con", "que", "una", "por", "del", "puede", "esta", "este", "sus", "nuestro",
        "nuestra", "tiene", "pedido", "gracias", "hola", "favor",
    ],
    &[
        "gli", "della", "delle", "che", "per", "con", "una", "puo", "questo", "questa", "sono", "nel", "grazie",
        "vostro", "suo",
    ],
    &[
        "voce", "seu", "sua", "para", "com", "uma", "nao", "pode", "este", "esta", "dos", "das", "por", "obrigado",
        "nosso",
    ],
    &[
        "het", "een", "van", "voor", "met", "niet", "zijn", "wordt", "uw", "kunt", "naar", "deze", "binnen", "bij",
        "dat",
    ],
    &["jest", "nie", "dla", "oraz", "czy", "jak", "moze", "panstwa", "prosze", "przez", "sie", "aby", "ktore", "dni"],
];
