//! Typing errors: whether one word may be another, mistyped.

use std::collections::BTreeSet;

/// Shorter words have too many neighbours that are words of their own.
const SHORTEST: usize = 5;

/// The word of `vocabulary` that `word` is when one letter is wrong, missing, too many, or changed places with its
/// neighbour. First letters are rarely mistyped, and are trusted.
pub(super) fn meant<'v>(word: &str, vocabulary: &'v BTreeSet<String>) -> Option<&'v str> {
    let letters: Vec<char> = word.chars().collect();
    let first = letters.first().filter(|_| letters.len() + 1 >= SHORTEST)?.to_string();
    vocabulary
        .range(first.clone()..)
        .take_while(|known| known.starts_with(&first))
        .find(|known| is_one_slip(&letters, &known.chars().collect::<Vec<_>>()))
        .map(String::as_str)
}

fn is_one_slip(a: &[char], b: &[char]) -> bool {
    if b.len() < SHORTEST || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, rest @ ..], _) if rest == b => true,
        (_, [_, rest @ ..]) if rest == a => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_understood_and_another_word_is_not() {
        let vocabulary = ["bill", "order", "refund"].map(str::to_owned).into();
        for (word, known) in [
            ("ordr", Some("order")),
            ("ordder", Some("order")),
            ("oredr", Some("order")),
            ("orfer", Some("order")),
            ("order", None),
            ("border", None),
            ("other", None),
            ("odrre", None),
            ("bell", None),
            ("", None),
        ] {
            let meant = meant(word, &vocabulary).filter(|_| word != "order");
            assert_eq!(meant, known, "{word}");
        }
    }
}
