//! Leaks: what an answer must not carry out.
//!
//! Secrets; the agent's instructions, word for word; other people's personal data; and images or links that would send
//! data to a host that nothing the run has read, and nobody who may, has named. Encoded forms are looked at too.
//! Absent: paraphrased instructions, which only a model could tell from a helpful answer.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use async_trait::async_trait;
use mainstay_core::guard::{Draft, GuardError, OutputGuard, Verdict};
use regex::Regex;

use crate::evidence;
use crate::normalise::{View, Views, within_limit};
use crate::pii::{Found, Kind, Pii};
use crate::secrets::Secrets;

/// Output guard `leaks`.
#[derive(Clone, Copy, Debug)]
pub struct Leaks {
    settings: LeakSettings,
}

/// How near a copy must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeakSettings {
    /// So many words of the instructions in a row are a copy; at least one.
    pub copied_words: usize,
}

impl Default for LeakSettings {
    fn default() -> Self {
        Self { copied_words: 12 }
    }
}

/// The last digits of a phone number are the same with and without the country's prefix.
const PHONE_TAIL: usize = 8;

/// An address that a page would load or a person would follow; `image` when a page loads it by itself.
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(
        r#"(?P<image>!\[[^\]\n]{0,200}\]\s{0,2}[(\[]?\s{0,2}<?|<img[^>\n]{0,200}?src\s?=\s?["']?)?(?:(?P<scheme>[a-z][a-z0-9+.-]{1,15}):)?//(?P<host>[^\s/?#"'<>()\[\]\\]{1,255})(?P<rest>[^\s"'<>()\[\]\\]{0,2048})"#,
    )
    .expect("the pattern is valid")
});

/// Addresses that carry code or data in themselves, as a link or an image.
static ACTIVE: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and every test compiles it")]
    Regex::new(r#"(?:\]\(\s{0,3}<?|(?:src|href)\s?=\s?["']?)(?:javascript|vbscript|data):"#)
        .expect("the pattern is valid")
});

impl Leaks {
    /// A guard with these settings.
    pub const fn new(settings: LeakSettings) -> Self {
        Self { settings }
    }

    fn verdict(&self, draft: &Draft<'_>) -> Verdict {
        let leak = secret(draft)
            .or_else(|| self.copy_of_instructions(draft))
            .or_else(|| strange_address(draft))
            .or_else(|| personal_data(draft));
        leak.map_or(Verdict::Pass, Verdict::Block)
    }

    fn copy_of_instructions(&self, draft: &Draft<'_>) -> Option<String> {
        let size = self.settings.copied_words.max(1);
        let mut secret = HashSet::new();
        secret.extend(windows(View::folded(draft.instructions).text(), size));
        if secret.is_empty() {
            return None;
        }
        // What the run has also read elsewhere is no secret of the instructions.
        for text in evidence::texts(draft) {
            for window in windows(View::folded(&text).text(), size) {
                secret.remove(&window);
            }
        }
        let views = Views::of(draft.text);
        let copied = views.iter().any(|view| windows(view.text(), size).iter().any(|window| secret.contains(window)));
        copied.then(|| format!("the answer repeats {size} words of the instructions in a row"))
    }
}

impl Default for Leaks {
    fn default() -> Self {
        Self::new(LeakSettings::default())
    }
}

#[async_trait]
impl OutputGuard for Leaks {
    fn name(&self) -> &'static str {
        "leaks"
    }

    async fn inspect(&self, draft: &Draft<'_>) -> Result<Verdict, GuardError> {
        within_limit("leaks", draft.text)?;
        Ok(self.verdict(draft))
    }
}

fn secret(draft: &Draft<'_>) -> Option<String> {
    let views = Views::of(draft.text);
    let decoded = views.decoded.iter().filter(|view| view.is_encoded()).flat_map(|view| Secrets::find(view.text()));
    let found = Secrets::find(draft.text).into_iter().chain(decoded).next()?;
    Some(format!("the answer holds a secret ({})", found.kind))
}

/// Personal data that the run has neither read nor been asked about, nor been given by the operator.
fn personal_data(draft: &Draft<'_>) -> Option<String> {
    let found = Pii::find(draft.text);
    if found.is_empty() {
        return None;
    }
    let mut known: HashSet<String> = HashSet::new();
    for text in evidence::texts(draft).into_iter().chain([Cow::from(draft.instructions)]) {
        known.extend(Pii::find(&text).iter().map(owner));
        // A phone number in a field of its own has no word beside it that says what it is.
        if text.len() <= 64 {
            known.insert(tail(&text));
        }
    }
    let strange = found.iter().find(|found| !known.contains(&owner(found)))?;
    Some(format!("the answer holds {} that the run has not read", strange.kind.in_words()))
}

/// What identifies a piece of personal data, however it is written.
fn owner(found: &Found) -> String {
    if found.kind == Kind::Phone { tail(&found.value) } else { found.value.clone() }
}

fn tail(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().saturating_sub(PHONE_TAIL)..).unwrap_or_default().iter().collect()
}

/// An image that was not read as it stands, or a link to a host that was not read or that carries a new query.
fn strange_address(draft: &Draft<'_>) -> Option<String> {
    let folded = View::folded(draft.text);
    if ACTIVE.is_match(folded.text()) {
        return Some("the answer holds an address that carries code or data".to_owned());
    }
    let mut hosts = HashSet::new();
    let mut whole = HashSet::new();
    for text in evidence::texts(draft).into_iter().chain([Cow::from(draft.instructions)]) {
        for address in ADDRESSES.captures_iter(View::folded(&text).text()) {
            let (host, rest) = parts(&address);
            whole.insert(format!("{host}{rest}"));
            hosts.insert(host);
        }
    }
    ADDRESSES.captures_iter(folded.text()).find_map(|address| {
        let (host, rest) = parts(&address);
        let is_image = address.name("image").is_some();
        let known =
            whole.contains(&format!("{host}{rest}")) || !is_image && !rest.contains('?') && hosts.contains(&host);
        let what = if is_image { "an image from" } else { "a link to" };
        (!known).then(|| format!("the answer holds {what} `{}` that the run has not read", shown(&host)))
    })
}

fn parts(address: &regex::Captures<'_>) -> (String, String) {
    let part = |name| address.name(name).map_or("", |part| part.as_str());
    let host = part("host").trim_end_matches(['.', ',', ':', ';', '!']);
    let rest = part("rest").trim_end_matches(['.', ',', ':', ';', '!', '?', '*', '/']);
    (host.to_owned(), rest.to_owned())
}

/// A host is foreign text; it is cut before it goes into a reason.
fn shown(host: &str) -> String {
    host.chars().take(80).collect()
}

/// A fingerprint of each run of so many words.
fn windows(text: &str, size: usize) -> Vec<u64> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let fingerprint = |window: &[&str]| {
        let mut hasher = DefaultHasher::new();
        window.hash(&mut hasher);
        hasher.finish()
    };
    words.windows(size).map(fingerprint).collect()
}

#[cfg(test)]
mod tests;
