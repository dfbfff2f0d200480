//! Euro amounts: whole cents inside, two decimals outside. No floats on the way.

/// Writes cents as an amount with two decimals, such as `12.50`.
pub fn amount_text(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// Reads an amount of at most seven digits before and two after the decimal point, such as `12`, `12.5` or `12.50`.
/// `None` for everything else: signs, exponents, fractions of a cent.
pub fn cents(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    // `12.500000` is what some JSON writers make of 12.5.
    let fraction = match fraction.trim_end_matches('0') {
        "" if !fraction.is_empty() => "0",
        rest => rest,
    };
    if !digits(whole, 7) || !digits(fraction, 2) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let tenths = if fraction.len() == 1 { 10 } else { 1 };
    Some(whole * 100 + fraction.parse::<i64>().ok()? * tenths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_survive_the_way_to_text_and_back() {
        for value in [0, 1, 10, 99, 100, 1250, 999_999_999] {
            assert_eq!(cents(&amount_text(value)), Some(value));
        }
        assert_eq!(cents("12"), Some(1200));
        assert_eq!(cents("12.5"), Some(1250));
        assert_eq!(cents("12.500"), Some(1250));
        assert_eq!(amount_text(-5), "-0.05");
    }

    #[test]
    fn what_is_no_whole_number_of_cents_is_no_amount() {
        for text in ["", ".", "-1", "+1", "1e3", "0.001", "12.345", "1,5", "12345678", "NaN", "1.", ".5", "１"] {
            assert_eq!(cents(text), None, "{text}");
        }
    }
}
