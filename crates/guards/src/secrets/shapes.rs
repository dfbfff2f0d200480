//! Secrets that are known by their shape: a prefix, then so many characters of an alphabet.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// A provider's key.
struct Shape {
    kind: &'static str,
    prefix: &'static str,
    /// How many characters follow the prefix.
    least: usize,
    most: usize,
    /// What they are.
    alphabet: fn(u8) -> bool,
}

const fn shape(kind: &'static str, prefix: &'static str, least: usize, most: usize, alphabet: fn(u8) -> bool) -> Shape {
    Shape { kind, prefix, least, most, alphabet }
}

const fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

const fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

const SHAPES: &[Shape] = &[
    shape("AWS access key", "AKIA", 16, 16, upper),
    shape("AWS access key", "ASIA", 16, 16, upper),
    shape("GitHub token", "ghp_", 36, 255, alphanumeric),
    shape("GitHub token", "gho_", 36, 255, alphanumeric),
    shape("GitHub token", "ghu_", 36, 255, alphanumeric),
    shape("GitHub token", "ghs_", 36, 255, alphanumeric),
    shape("GitHub token", "ghr_", 36, 255, alphanumeric),
    shape("GitHub token", "github_pat_", 40, 255, word),
    shape("GitLab token", "glpat-", 20, 255, dotted),
    shape("GitLab token", "glptt-", 20, 255, word),
    shape("GitLab token", "gldt-", 20, 255, word),
    shape("Slack token", "xoxb-", 20, 255, word),
    shape("Slack token", "xoxp-", 20, 255, word),
    shape("Slack token", "xoxa-", 20, 255, word),
    shape("Slack token", "xoxr-", 20, 255, word),
    shape("Slack token", "xoxs-", 20, 255, word),
    shape("Slack token", "xapp-", 20, 255, word),
    shape("Stripe key", "sk_live_", 16, 255, alphanumeric),
    shape("Stripe key", "sk_test_", 16, 255, alphanumeric),
    shape("Stripe key", "rk_live_", 16, 255, alphanumeric),
    shape("Stripe key", "rk_test_", 16, 255, alphanumeric),
    shape("Stripe webhook secret", "whsec_", 24, 255, alphanumeric),
    shape("Anthropic key", "sk-ant-", 24, 255, word),
    shape("OpenAI key", "sk-proj-", 24, 255, word),
    shape("OpenAI key", "sk-svcacct-", 24, 255, word),
    shape("OpenRouter key", "sk-or-", 24, 255, word),
    shape("OpenAI key", "sk-", 32, 255, alphanumeric),
    shape("Google key", "AIza", 35, 35, word),
    shape("Google token", "ya29.", 20, 1024, dotted),
    shape("Google client secret", "GOCSPX-", 24, 64, word),
    shape("Hugging Face token", "hf_", 30, 64, alphanumeric),
    shape("Groq key", "gsk_", 40, 128, alphanumeric),
    shape("npm token", "npm_", 36, 36, alphanumeric),
    shape("PyPI token", "pypi-", 40, 1024, word),
    shape("crates.io token", "cio", 32, 32, alphanumeric),
    shape("Docker token", "dckr_pat_", 20, 64, word),
    shape("DigitalOcean token", "dop_v1_", 64, 64, hex),
    shape("Shopify token", "shpat_", 32, 32, hex),
    shape("Shopify token", "shpss_", 32, 32, hex),
    shape("Square token", "sq0atp-", 22, 43, word),
    shape("SendGrid key", "SG.", 40, 128, dotted),
    shape("Mailgun key", "key-", 32, 32, hex),
    shape("Twilio key", "SK", 32, 32, hex),
    shape("Twilio account", "AC", 32, 32, hex),
    shape("Telegram token", "bot", 40, 60, |byte| word(byte) || byte == b':'),
    shape("Databricks token", "dapi", 32, 40, hex),
    shape("HashiCorp Vault token", "hvs.", 24, 255, word),
    shape("age key", "AGE-SECRET-KEY-1", 58, 58, upper),
    shape("Mainstay token", "mst_", 20, 255, word),
];

const PRIVATE_KEY: &str = "-----BEGIN ";
const TOKEN: &str = "eyJ";
const URL: &str = "://";

/// How far the end of a private key is looked for, in bytes.
const LONGEST_PRIVATE_KEY: usize = 16 * 1024;

/// The longest name and password in an address.
const LONGEST_USERINFO: usize = 256;

static PREFIXES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let prefixes = SHAPES.iter().map(|shape| shape.prefix).chain([PRIVATE_KEY, TOKEN, URL]);
    #[expect(clippy::expect_used, reason = "the prefixes are constants, and every test compiles them")]
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(prefixes).expect("prefixes compile")
});

/// Kinds and ranges in an exact view.
pub(super) fn find(text: &str) -> Vec<(&'static str, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut read = 0;
    for prefix in PREFIXES.find_iter(text) {
        if prefix.start() < read {
            continue;
        }
        let secret = match SHAPES.get(prefix.pattern().as_usize()) {
            Some(shape) => shaped(bytes, shape, prefix.range()).map(|range| (shape.kind, range)),
            None if text.get(prefix.range()) == Some(URL) => {
                credentials(bytes, prefix.end()).map(|range| ("password in an address", range))
            }
            None if text.get(prefix.range()) == Some(TOKEN) => {
                // The whole word is read at once, so that a word of many `eyJ` is read once.
                let word = run(bytes, prefix.start(), usize::MAX, dotted);
                read = word.end;
                web_token(bytes, word).map(|range| ("JSON web token", range))
            }
            None => private_key(text, prefix.range()).map(|range| ("private key", range)),
        };
        read = read.max(secret.as_ref().map_or(0, |(_, range)| range.end));
        found.extend(secret);
    }
    found
}

fn run(bytes: &[u8], start: usize, most: usize, alphabet: fn(u8) -> bool) -> Range<usize> {
    let length = bytes.iter().skip(start).take(most).take_while(|byte| alphabet(**byte)).count();
    start..start + length
}

/// True when a word begins here.
fn begins(bytes: &[u8], start: usize) -> bool {
    !start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|byte| word(*byte))
}

fn shaped(bytes: &[u8], shape: &Shape, prefix: Range<usize>) -> Option<Range<usize>> {
    if !begins(bytes, prefix.start) {
        return None;
    }
    let key = run(bytes, prefix.end, shape.most + 1, shape.alphabet);
    let end = key.end - bytes.get(key.clone())?.iter().rev().take_while(|byte| **byte == b'.').count();
    let length = end - key.start;
    let follows = bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric());
    let key = bytes.get(key.start..end)?;
    (length >= shape.least && length <= shape.most && !follows && is_random(key)).then_some(prefix.start..end)
}

/// Placeholders such as `sk-xxxxxxxx` or `AKIAEXAMPLE…` are not random.
fn is_random(key: &[u8]) -> bool {
    let distinct = key.iter().fold(HashMap::new(), |mut seen: HashMap<u8, usize>, byte| {
        *seen.entry(*byte).or_default() += 1;
        seen
    });
    distinct.len() >= 6 && distinct.values().all(|count| count * 2 < key.len())
}

/// Header, payload and signature; the header is the JSON that `eyJ` begins.
fn web_token(bytes: &[u8], word: Range<usize>) -> Option<Range<usize>> {
    let token = bytes.get(word.clone())?;
    let end = word.end - token.iter().rev().take_while(|byte| **byte == b'.').count();
    let mut parts = bytes.get(word.start..end)?.split(|byte| *byte == b'.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let is_token = begins(bytes, word.start)
        && header.len() >= 10
        && payload.len() >= 10
        && payload.starts_with(b"eyJ")
        && signature.len() >= 10;
    is_token.then_some(word.start..end)
}

/// From the header to the matching end, or to the limit when there is none.
fn private_key(text: &str, header: Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(header.end..)?;
    let title_end = text.as_bytes().iter().skip(header.end).take(64).position(|byte| *byte == b'-')?;
    rest.get(..title_end)?.ends_with("PRIVATE KEY").then_some(())?;
    let limit = (header.end..=(header.end + LONGEST_PRIVATE_KEY).min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))?;
    let body = text.get(header.end..limit)?;
    let end = match body.find("-----END ") {
        Some(at) => {
            run(text.as_bytes(), header.end + at, 80, |byte| byte.is_ascii_uppercase() || byte == b' ' || byte == b'-')
                .end
        }
        None => limit,
    };
    Some(header.start..end)
}

/// `name:password@` after the `://` of an address; the span is the password.
fn credentials(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let user = run(bytes, start, LONGEST_USERINFO, |byte| !byte.is_ascii_whitespace() && !b"/@?#\"'<>".contains(&byte));
    let info = bytes.get(user.clone())?;
    let colon = info.iter().position(|byte| *byte == b':')?;
    let password = user.start + colon + 1..user.end;
    let is_given = bytes.get(user.end) == Some(&b'@') && password.len() >= 3;
    // `${PASSWORD}` and `[secret_1]` stand for a secret but are none.
    let stands_for = bytes.get(password.start).is_some_and(|byte| b"$[{<*".contains(byte));
    (is_given && !stands_for).then_some(password)
}
