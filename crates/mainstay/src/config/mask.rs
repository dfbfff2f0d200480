//! What of a configuration file may be shown in a message. Fails closed: in `mainstay.toml`, where credentials are
//! referred to, only keys, numbers and values that are harmless by their key are shown; everything else is `…`.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// What must not be shown.
#[derive(Clone, Debug)]
pub(super) enum Mask {
    /// Everything but the first ranges and TOML's punctuation; never the second.
    ShowOnly(Vec<Range<usize>>, Vec<Range<usize>>),
    /// Everything but these ranges.
    Hide(Vec<Range<usize>>),
    /// The file is no TOML: only what stands before a `=`.
    Keys,
    /// The file is no TOML, but should hold no secrets: as [`Self::Keys`] where a line speaks of one.
    KeysOfSecrets,
}

/// Values in `mainstay.toml` that may be shown.
const HARMLESS: &[&str] = &[
    "provider",
    "model",
    "path",
    "env",
    "file",
    "lease",
    "timeout",
    "connect_timeout",
    "idle_timeout",
    "input",
    "cached_input",
    "cache_write",
    "output",
    "max_body",
    "drain",
    "header_timeout",
    "body_timeout",
    "dialect",
    "protocol",
    "content",
];

/// Parts of keys whose values are never shown, in any file.
const SECRET_WORDS: &[&str] = &["key", "token", "secret", "passw", "auth", "credential", "cookie", "bearer", "session"];

const PUNCTUATION: &str = " \t={}[],\"'";

impl Mask {
    /// For a file in which credentials are configured.
    pub(super) fn show_only_harmless(document: &DeTable<'_>) -> Self {
        let (mut shown, mut hidden) = (Vec::new(), Vec::new());
        sort_out(document, &mut shown, &mut hidden);
        Self::ShowOnly(shown, hidden)
    }

    /// For a file in which there should be none.
    pub(super) fn hide_secrets(document: &DeTable<'_>) -> Self {
        let mut hidden = Vec::new();
        find_secrets(document, &mut hidden);
        Self::Hide(hidden)
    }

    /// The characters of `window`, a part of `line`, as they may be shown; each with the byte offset it stands for.
    pub(super) fn characters(&self, line: &str, line_start: usize, window: Range<usize>) -> Vec<(usize, char)> {
        let near = |ranges: &[Range<usize>]| -> Vec<Range<usize>> {
            ranges.iter().filter(|range| range.start < window.end && range.end > window.start).cloned().collect()
        };
        let (shown, hidden) = match self {
            Self::ShowOnly(shown, hidden) => (near(shown), near(hidden)),
            Self::Hide(hidden) => (Vec::new(), near(hidden)),
            Self::Keys | Self::KeysOfSecrets => (Vec::new(), Vec::new()),
        };
        let within = |ranges: &[Range<usize>], offset: usize| ranges.iter().any(|range| range.contains(&offset));
        let may_show_all = match self {
            Self::Keys => is_header(line),
            Self::KeysOfSecrets => !speaks_of_secrets(line),
            Self::ShowOnly(..) | Self::Hide(_) => false,
        };
        let keys_end = line_start + line.find('=').map_or(0, |equals| equals + 1);
        let text = line.get(window.start - line_start..window.end - line_start).unwrap_or_default();

        let mut characters: Vec<(usize, char)> = Vec::new();
        for (at, character) in text.char_indices() {
            let offset = window.start + at;
            let is_shown = match self {
                Self::ShowOnly(..) => {
                    within(&shown, offset) || (!within(&hidden, offset) && PUNCTUATION.contains(character))
                }
                Self::Hide(_) => !within(&hidden, offset),
                Self::Keys | Self::KeysOfSecrets => may_show_all || offset < keys_end,
            };
            if is_shown {
                characters.push((offset, character));
            } else if characters.last().is_none_or(|(_, last)| *last != '…') {
                characters.push((offset, '…'));
            }
            // What follows in the line is a comment, and comments may hold anything.
            if character == '#' && !is_shown && !within(&hidden, offset) {
                break;
            }
        }
        characters
    }
}

fn speaks_of_secrets(line: &str) -> bool {
    let lower = line.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

fn is_header(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('[') && line.chars().all(|c| c.is_ascii_alphanumeric() || "[]._- ".contains(c))
}

fn sort_out(table: &DeTable<'_>, shown: &mut Vec<Range<usize>>, hidden: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        shown.push(key.span());
        // A header names all parts of its path, also those that are no key of their own; its span ends before what is in
        // it, and that of an inline table does not.
        if let DeValue::Table(inner) = value.get_ref()
            && inner.iter().all(|(key, _)| !value.span().contains(&key.span().start))
        {
            shown.push(value.span());
        }
        sort_out_value(key.get_ref(), value, shown, hidden);
    }
}

fn sort_out_value(
    key: &str,
    value: &toml::Spanned<DeValue<'_>>,
    shown: &mut Vec<Range<usize>>,
    hidden: &mut Vec<Range<usize>>,
) {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().for_each(|item| sort_out_value("", item, shown, hidden)),
        DeValue::Table(inner) => sort_out(inner, shown, hidden),
        DeValue::String(text) if !is_harmless(key, text) => hidden.push(value.span()),
        _ => shown.push(value.span()),
    }
}

fn is_harmless(key: &str, text: &str) -> bool {
    match key {
        // Somebody who writes the secret itself where its name belongs must not see it printed.
        "env" => is_variable_name(text),
        "listen" => {
            let address = text.strip_prefix("localhost").unwrap_or(text);
            let is_part = |c: char| c.is_ascii_hexdigit() || ".:[]".contains(c);
            address.contains(':') && address.len() <= 50 && address.chars().all(is_part)
        }
        // Some services put a credential into the path.
        "base_url" | "endpoint" | "auth_endpoint" => {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let path = rest.and_then(|rest| rest.split_once('/')).map_or("", |(_, path)| path);
            rest.is_some() && !text.contains(['@', '?', '#']) && path.split('/').all(|part| part.len() <= 16)
        }
        _ => HARMLESS.contains(&key),
    }
}

/// Upper case, digits and `_`: how environment variables that hold secrets are named here.
pub(super) fn is_variable_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    starts_well && text.len() <= 100 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn find_secrets(table: &DeTable<'_>, hidden: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let is_secret = key.get_ref() != "secrets" && speaks_of_secrets(key.get_ref());
        find_secrets_in(value, is_secret, hidden);
    }
}

fn find_secrets_in(value: &toml::Spanned<DeValue<'_>>, is_secret: bool, hidden: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(inner) => find_secrets(inner, hidden),
        DeValue::Array(items) => items.iter().for_each(|item| find_secrets_in(item, is_secret, hidden)),
        DeValue::String(_) if is_secret => hidden.push(value.span()),
        _ => {}
    }
}
