//! Secrets that cannot be printed, and far-side messages without them.

use std::fmt;

/// A key, token or password. `Debug` and `Display` print `[secret]`; [`Secret::expose`] is the one way to its value, so
/// that every use can be found by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Never log, store or return it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

const SHOWN: &str = "[secret]";

/// `text` with every occurrence of a secret replaced by `[secret]`. Do this before cutting a text: half a key is a leak.
pub fn redact(text: &str, secrets: &[Secret]) -> String {
    let mut longest_first: Vec<&str> = secrets.iter().map(Secret::expose).filter(|value| !value.is_empty()).collect();
    longest_first.sort_by_key(|value| std::cmp::Reverse(value.len()));
    longest_first.iter().fold(text.to_owned(), |text, secret| text.replace(secret, SHOWN))
}

/// A short, printable, secret-free piece of a message from the far side: at most `max_chars` characters, control
/// characters and line breaks as single spaces.
pub fn excerpt(text: &str, max_chars: usize, secrets: &[Secret]) -> String {
    let clean = redact(text, secrets);
    let mut words = clean.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut short = String::new();
    let mut room = max_chars;
    while room > 0
        && let Some(word) = words.next()
    {
        if !short.is_empty() {
            short.push(' ');
            room -= 1;
        }
        short.extend(word.chars().take(room));
        room = room.saturating_sub(word.chars().count());
    }
    short.truncate(short.trim_end().len());
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let key = Secret::new("sk-12345");
        assert_eq!(format!("{key} {key:?} {:?}", Some(&key)), "[secret] [secret] Some([secret])");
        assert_eq!(key.expose(), "sk-12345");
    }

    #[test]
    fn the_longer_of_two_overlapping_secrets_goes_first_and_an_empty_one_does_nothing() {
        let secrets = [Secret::new("sk-1"), Secret::new("sk-12345"), Secret::new("")];
        assert_eq!(redact("bad key sk-12345, not sk-1", &secrets), "bad key [secret], not [secret]");
    }

    #[test]
    fn an_excerpt_never_shows_half_a_key_because_the_cut_comes_last() {
        let key = [Secret::new("k".repeat(50))];
        let message = format!("{} {}", "x".repeat(180), "k".repeat(50));
        let short = excerpt(&message, 200, &key);
        assert_eq!(short, format!("{} [secret]", "x".repeat(180)));
        assert_eq!(excerpt("a\r\n\tb\0c   d", 200, &[]), "a b c d");
        assert_eq!(excerpt("äöü äöü", 5, &[]), "äöü ä");
        assert_eq!(excerpt("äöü äöü", 4, &[]), "äöü");
    }
}
