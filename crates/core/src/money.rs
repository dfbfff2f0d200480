//! Money is an integer number of micro-dollars (1 USD = 1,000,000). No floats.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::message::Usage;

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The difference, or zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Reads a decimal number of dollars such as `0.05`; at most six decimals, no sign, no exponent.
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
        Some(Self(whole.checked_mul(1_000_000)?.checked_add(fraction)?))
    }
}

impl Add for MicroUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for MicroUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// What a model costs, in micro-dollars per million tokens. Zero means free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Input that the provider had to read.
    pub input: MicroUsd,
    /// Input that the provider's prompt cache served.
    pub cached_input: MicroUsd,
    /// Input that was written to the provider's prompt cache.
    pub cache_write: MicroUsd,
    /// Output, reasoning included.
    pub output: MicroUsd,
}

impl Price {
    /// What `usage` costs, rounded up to the next micro-dollar.
    pub fn of(&self, usage: &Usage) -> MicroUsd {
        let part = |tokens: u64, price: MicroUsd| u128::from(tokens) * u128::from(price.0);
        let fresh = usage.input_tokens.saturating_sub(usage.cached_tokens).saturating_sub(usage.cache_write_tokens);
        let total = part(fresh, self.input)
            + part(usage.cached_tokens, self.cached_input)
            + part(usage.cache_write_tokens, self.cache_write)
            + part(usage.output_tokens, self.output);
        MicroUsd(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// True when nothing that this model does costs anything.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_exactly_or_not_at_all() {
        assert_eq!(MicroUsd::from_decimal("0.05"), Some(MicroUsd(50_000)));
        assert_eq!(MicroUsd::from_decimal("20"), Some(MicroUsd(20_000_000)));
        for bad in ["", "-1", "1e3", "0.0000001", ".5", "99999999999999999999"] {
            assert_eq!(MicroUsd::from_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn cached_tokens_are_billed_once_at_their_own_price_and_cost_rounds_up() {
        let price = Price {
            input: MicroUsd(1_000_000),
            cached_input: MicroUsd(100_000),
            cache_write: MicroUsd(1_250_000),
            output: MicroUsd(4_000_000),
        };
        let usage = Usage { input_tokens: 100, cached_tokens: 60, cache_write_tokens: 20, output_tokens: 10 };
        // 20 fresh + 6 cached + 25 written + 40 output
        assert_eq!(price.of(&usage), MicroUsd(91));
        let one_cached = Usage { input_tokens: 1, cached_tokens: 1, ..Usage::default() };
        assert_eq!(price.of(&one_cached), MicroUsd(1));
    }
}
