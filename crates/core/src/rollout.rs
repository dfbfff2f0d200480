//! Phased rollout: who is served, and what an agent may do without asking. Pure.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::principal::Principal;

/// Where an agent stands on its way to production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// The phase's name, for pages and traces.
    pub phase: Phase,
    /// Who is served.
    pub audience: Audience,
    /// What happens without asking.
    pub autonomy: Autonomy,
}

/// The stage of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// On somebody's desk.
    Prototype,
    /// For named people.
    Pilot,
    /// For a share of all.
    Controlled,
    /// For all.
    Production,
}

impl Phase {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prototype => "prototype",
            Self::Pilot => "pilot",
            Self::Controlled => "controlled",
            Self::Production => "production",
        }
    }
}

/// Who is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    All,
    /// These principals.
    Only(BTreeSet<String>),
    /// So many of a hundred, always the same ones.
    Percent(u8),
}

/// What an agent may do without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Autonomy {
    /// A person approves everything that changes something.
    Propose,
    /// A person approves writes, unless the tool's `approve` expression says that this one needs none.
    Supervised,
    /// A person approves where `approve` holds, and whatever cannot be read back.
    Autonomous,
}

impl Autonomy {
    /// The word for it in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Supervised => "supervised",
            Self::Autonomous => "autonomous",
        }
    }
}

impl Rollout {
    /// Whether `principal` is served in this phase.
    pub fn admits(&self, principal: &Principal) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Only(names) => names.contains(&principal.id),
            Audience::Percent(percent) => bucket(principal) < *percent,
        }
    }
}

/// A number from 0 to 99 that is always the same for a principal.
fn bucket(principal: &Principal) -> u8 {
    let hash = Sha256::new().chain_update(&principal.tenant).chain_update([0]).chain_update(&principal.id).finalize();
    let number = hash.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    u8::try_from(number % 100).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_ten_percent_serves_about_a_tenth_and_always_the_same() {
        let rollout =
            Rollout { phase: Phase::Controlled, audience: Audience::Percent(10), autonomy: Autonomy::Supervised };
        let served =
            |rollout: &Rollout| (0..2000).filter(|n| rollout.admits(&Principal::new(format!("c-{n}")))).count();
        assert!((140..260).contains(&served(&rollout)), "{}", served(&rollout));
        assert_eq!(served(&rollout), served(&rollout));
        assert_eq!(served(&Rollout { audience: Audience::Percent(100), ..rollout.clone() }), 2000);
        assert_eq!(served(&Rollout { audience: Audience::Percent(0), ..rollout }), 0);
    }
}
