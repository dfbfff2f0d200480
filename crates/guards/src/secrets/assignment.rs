//! Secrets that are known by the word before them: `password: …`, `api_key=…`, `mein Passwort ist …`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// The longest value that is read, in bytes.
const LONGEST: usize = 256;

/// A word for a secret, and what ties a value to it. Short, so that finding every match stays linear.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let passwords = "passwords?|passwd|pwd|passphrase|passcode|passwor[dt]|kennwort|mot de passe|contrasena|contraseña|clave de acceso|\
        senha|parola d'ordine|wachtwoord|has[lł]o";
    let keys = "api[ _-]?keys?|access[ _-]?keys?(?:[ _-]id)?|secret[ _-]?(?:access[ _-]?)?keys?|client[ _-]?secret|secret|auth[ _-]?token|\
        access[ _-]?token|refresh[ _-]?token|bearer[ _-]?token|token|private[ _-]?key|signing[ _-]?key|encryption[ _-]?key";
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(&format!(
        r#"(?i)\b(?:[a-z0-9]{{1,20}}[_.-]){{0,3}}(?:(?P<password>{passwords})|(?P<key>{keys}))["']?(?:\s{{0,3}}(?:[:=]{{1,2}}>?|->)\s{{0,3}}|\s(?:is|ist|est|es|è|é|to|lautet|jest)\s(?:now |still )?:?\s?)["'`]?|\b(?P<bearer>bearer)\s"#
    ))
    .expect("the pattern is valid")
});

/// Kinds and ranges of the values in an exact view.
pub(super) fn find(text: &str) -> Vec<(&'static str, Range<usize>)> {
    let mut found: Vec<(&'static str, Range<usize>)> = Vec::new();
    for name in NAMED.captures_iter(text) {
        let Some(start) = name.get(0).map(|whole| whole.end()) else { continue };
        let Some(range) = value(text, start) else { continue };
        let Some(secret) = text.get(range.clone()) else { continue };
        if name.name("password").is_some() && is_password(secret) {
            found.push(("password", range));
        } else if (name.name("key").is_some() || name.name("bearer").is_some()) && is_key(secret) {
            found.push(("key", range));
        }
    }
    found
}

/// The value at a position: up to space or a quote, without the marks of the sentence after it.
fn value(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let ends = |c: char| c.is_whitespace() || "\"'`<>,;".contains(c);
    let length = rest
        .char_indices()
        .take(LONGEST)
        .find(|(_, c)| ends(*c))
        .map_or_else(|| rest.char_indices().nth(LONGEST).map_or(rest.len(), |(at, _)| at), |(at, _)| at);
    let value = rest.get(..length)?.trim_end_matches(['.', '?', '!', ')', ']', '}', ':']);
    Some(start..start + value.len())
}

/// A password that a person would choose: six characters of at least two sorts; words such as `incorrect` after "my
/// password is" are none.
fn is_password(value: &str) -> bool {
    let has = |sort: fn(char) -> bool| value.chars().any(sort);
    let mixed = has(|c| c.is_ascii_digit()) && has(char::is_alphabetic)
        || has(|c| c.is_ascii_punctuation() && !"-'./".contains(c)) && has(char::is_alphanumeric);
    (6..=LONGEST).contains(&value.chars().count()) && mixed && !stands_for_another(value)
}

/// A key: sixteen characters that look drawn by lot.
fn is_key(value: &str) -> bool {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "_-+/=.~:".contains(c));
    let digits = value.chars().filter(char::is_ascii_digit).count();
    value.len() >= 16
        && plain
        && digits >= 2
        && digits < value.len()
        && bits(value) >= 3.0
        && !stands_for_another(value)
}

/// Placeholders, variables, masks and addresses.
fn stands_for_another(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let marked = [
        "${",
        "{{",
        "<",
        "[",
        "***",
        "xxx",
        "…",
        "...",
        "your",
        "example",
        "changeme",
        "placeholder",
        "redacted",
        "http:",
        "https:",
        "env:",
        "process.env",
        "os.environ",
    ];
    marked.iter().any(|mark| lower.contains(mark)) || value.starts_with(['$', '%', '{', '(', '/'])
}

/// Shannon entropy in bits for each byte.
fn bits(value: &str) -> f64 {
    let mut counts: HashMap<u8, u32> = HashMap::new();
    value.bytes().for_each(|byte| *counts.entry(byte).or_default() += 1);
    let all = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX).max(1));
    let mut counts: Vec<u32> = counts.into_values().collect();
    counts.sort_unstable();
    counts.into_iter().map(|count| f64::from(count) / all).map(|share| -share * share.log2()).sum()
}
