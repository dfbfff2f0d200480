//! The demo's stream of requests: what customers of the shop write, good and bad, about orders that really exist.
//!
//! Templates lie in `requests/*.txt`, one a line; `{small}`, `{address}` and the like are filled from the shop of the same
//! seed. Kinds come in a fixed mix that repeats every twenty requests, so that even a short stream has all of them.

mod fill;

use crate::data::ShopData;
use crate::random::Random;
use crate::requests::fill::Filler;

/// Something that a customer writes to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoRequest {
    /// Who asks, such as `c-1001`.
    pub principal: String,
    /// What they write.
    pub text: String,
    /// What kind of request it is; the agent does not see it.
    pub kind: RequestKind,
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKind {
    /// Order status, order lists, articles, cancellations, exchanges.
    Routine,
    /// A question that the policy pages answer.
    Knowledge,
    /// Other people's orders, two things at once, nothing at all, complaints, sums that make no sense.
    Awkward,
    /// German, French, Spanish and others, also mixed.
    MixedLanguage,
    /// Misspelt.
    Typos,
    /// With e-mail addresses, telephone numbers, valid card numbers or IBANs inside.
    Pii,
    /// Tries to make the agent do or tell what it must not.
    Attack,
    /// Nothing to do with the shop.
    OutOfScope,
    /// Wants money back: small and large sums, eligible or not.
    Refund,
    /// Wants a parcel to go elsewhere.
    AddressChange,
}

impl RequestKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Routine,
        Self::Knowledge,
        Self::Awkward,
        Self::MixedLanguage,
        Self::Typos,
        Self::Pii,
        Self::Attack,
        Self::OutOfScope,
        Self::Refund,
        Self::AddressChange,
    ];

    /// The word for it in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Knowledge => "knowledge",
            Self::Awkward => "awkward",
            Self::MixedLanguage => "mixed language",
            Self::Typos => "typos",
            Self::Pii => "personal data",
            Self::Attack => "attack",
            Self::OutOfScope => "out of scope",
            Self::Refund => "refund",
            Self::AddressChange => "address change",
        }
    }

    const fn templates(self) -> &'static str {
        match self {
            Self::Routine => include_str!("requests/routine.txt"),
            Self::Knowledge => include_str!("requests/knowledge.txt"),
            Self::Awkward => include_str!("requests/awkward.txt"),
            Self::MixedLanguage => include_str!("requests/mixed.txt"),
            Self::Typos => include_str!("requests/typos.txt"),
            Self::Pii => include_str!("requests/pii.txt"),
            Self::Attack => include_str!("requests/attack.txt"),
            Self::OutOfScope => include_str!("requests/out_of_scope.txt"),
            Self::Refund => include_str!("requests/refund.txt"),
            Self::AddressChange => include_str!("requests/address.txt"),
        }
    }
}

/// What twenty requests are.
const MIX: [RequestKind; 20] = [
    RequestKind::Routine,
    RequestKind::Routine,
    RequestKind::Routine,
    RequestKind::Routine,
    RequestKind::Knowledge,
    RequestKind::Knowledge,
    RequestKind::Knowledge,
    RequestKind::Knowledge,
    RequestKind::Refund,
    RequestKind::Refund,
    RequestKind::Refund,
    RequestKind::AddressChange,
    RequestKind::Awkward,
    RequestKind::Awkward,
    RequestKind::MixedLanguage,
    RequestKind::MixedLanguage,
    RequestKind::Typos,
    RequestKind::Pii,
    RequestKind::Attack,
    RequestKind::OutOfScope,
];

/// The first `count` requests of the stream of `seed`, which must be the seed of the shop.
pub fn requests(seed: u64, count: usize) -> Vec<DemoRequest> {
    let shop = ShopData::new(seed);
    // Another stream of numbers than the shop's own.
    let mut random = Random::new(!seed);
    let filler = Filler::new(&shop);
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        let mut kinds = MIX;
        random.shuffle(&mut kinds);
        for kind in kinds.into_iter().take(count - requests.len()) {
            let template = template(&mut random, kind);
            let (principal, text) = filler.fill(&mut random, &template);
            requests.push(DemoRequest { principal, text, kind });
        }
    }
    requests
}

/// A template of `kind`. Half of the misspelt requests are routine ones with letters swapped.
fn template(random: &mut Random, kind: RequestKind) -> String {
    let lines = |kind: RequestKind| kind.templates().lines().collect::<Vec<_>>();
    if kind == RequestKind::Typos && random.chance(50) {
        let routine = random.pick(&lines(RequestKind::Routine));
        return misspell(random, routine);
    }
    random.pick(&lines(kind)).to_owned()
}

/// Swaps two neighbouring letters in about a third of the longer words; placeholders stay whole.
fn misspell(random: &mut Random, text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() < 4 || word.contains('{') || !random.chance(35) {
            return word.to_owned();
        }
        let last = i64::try_from(letters.len()).unwrap_or(4) - 3;
        let at = usize::try_from(random.between(1, last)).unwrap_or(1);
        letters.swap(at, at + 1);
        letters.into_iter().collect()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
