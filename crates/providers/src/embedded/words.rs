//! Words of a text, made comparable: lower case, accents folded, endings cut, so that `Rücksendungen` meets
//! `ruecksendung` and `cancelled` meets `cancel`.
//!
//! Works for English, German, French and Spanish without being told which; other alphabets pass through unchanged.
//! Absent on purpose: dictionaries and part-of-speech tagging. Linear in the text's length.

use super::function_words::FUNCTION_WORDS;

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Folded and stemmed; what is compared.
    pub(super) stem: String,
    /// How much it says about the subject.
    pub(super) kind: Kind,
}

/// What sort of word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Says what the text is about.
    Content,
    /// Holds sentences together: `the`, `bitte`, `est-ce que`.
    Function,
    /// Has a digit in it: amounts, order numbers, placeholders such as `[email_1]`.
    Number,
}

/// Longest word that is looked at, in characters; the rest of it is dropped.
const LONGEST_WORD: usize = 40;

/// The words of `text`, in order. `don't` becomes `do` and `not`.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Folded::default();
    for char in text.chars() {
        match char {
            '\'' | '’' | '`' if !word.text.is_empty() => word.apostrophe(&mut words),
            '\u{300}'..='\u{36f}' => {}
            '_' => word.push('_'),
            char if char.is_alphanumeric() => {
                if let Some(letters) = fold(char) {
                    letters.chars().for_each(|letter| word.push(letter));
                } else {
                    char.to_lowercase().for_each(|letter| word.push(letter));
                }
            }
            _ => word.end(&mut words),
        }
    }
    word.end(&mut words);
    words
}

#[derive(Default)]
struct Folded {
    text: String,
    length: usize,
}

impl Folded {
    fn push(&mut self, letter: char) {
        if self.length < LONGEST_WORD {
            self.text.push(letter);
            self.length += 1;
        }
    }

    /// French elides (`l'article`, `d'une`), English contracts (`where's`, `don't`): both halves are words of their own.
    fn apostrophe(&mut self, words: &mut Vec<Word>) {
        if let Some(verb) = self.text.strip_suffix('n').filter(|verb| CONTRACTED.contains(verb)) {
            let verb = verb.to_owned();
            words.push(word(&verb));
            self.clear();
            self.text.push_str("not");
            self.length = 3;
        } else {
            self.end(words);
        }
    }

    fn end(&mut self, words: &mut Vec<Word>) {
        match self.text.as_str() {
            "" => return,
            // The `t` of `don't`, whose `not` is pushed already.
            "nott" => words.push(word("not")),
            "cannot" => words.extend([word("can"), word("not")]),
            text => {
                let negated = text.strip_suffix("nt").filter(|verb| CONTRACTED.contains(verb));
                let asked = text.strip_suffix('s').filter(|word| ASKED.contains(word));
                match (negated, asked) {
                    (Some(verb), _) => words.extend([word(verb), word("not")]),
                    (_, Some(asked)) => words.extend([word(asked), word("s")]),
                    _ => words.push(word(text)),
                }
            }
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.text.clear();
        self.length = 0;
    }
}

/// English verbs that `n't` is stuck to, with or without its apostrophe.
const CONTRACTED: &[&str] =
    &["ca", "do", "does", "did", "is", "are", "was", "were", "have", "has", "had", "could", "would", "should", "wo"];

/// English words that `'s` is stuck to, when people leave out its apostrophe.
const ASKED: &[&str] = &["how", "that", "there", "what", "when", "where", "who"];

fn word(folded: &str) -> Word {
    let kind = if folded.bytes().any(|byte| byte.is_ascii_digit()) {
        Kind::Number
    } else if FUNCTION_WORDS.binary_search(&folded).is_ok() {
        Kind::Function
    } else {
        Kind::Content
    };
    let stem = match kind {
        Kind::Content => stem(folded),
        Kind::Function | Kind::Number => folded.to_owned(),
    };
    Word { stem, kind }
}

/// Letters of Latin scripts without their marks; `None` leaves the character to Unicode's lower case.
fn fold(char: char) -> Option<&'static str> {
    Some(match char {
        'à'..='å' | 'À'..='Å' | 'ā' | 'Ā' | 'ă' | 'Ă' | 'ą' | 'Ą' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' | 'ć' | 'Ć' | 'č' | 'Č' => "c",
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'Ē' | 'ę' | 'Ę' | 'ě' | 'Ě' => "e",
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' | 'Ī' | 'İ' | 'ı' => "i",
        'ł' | 'Ł' => "l",
        'ñ' | 'Ñ' | 'ń' | 'Ń' | 'ň' | 'Ň' => "n",
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' | 'ō' | 'Ō' | 'ő' | 'Ő' => "o",
        'œ' | 'Œ' => "oe",
        'ś' | 'Ś' | 'š' | 'Š' | 'ş' | 'Ş' => "s",
        'ß' | 'ẞ' => "ss",
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' | 'Ū' | 'ů' | 'Ů' | 'ű' | 'Ű' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ź' | 'Ź' | 'ż' | 'Ż' | 'ž' | 'Ž' => "z",
        _ => return None,
    })
}

/// Endings of inflection in the four languages, longest first. Cutting too much does less harm here than too little:
/// both sides of a comparison are cut alike.
const ENDINGS: &[&str] = &[
    "ations", "ation", "ungen", "ments", "ingly", "ities", "ment", "iert", "ions", "ends", "ung", "ing", "ies", "ion",
    "ity", "est", "ens", "ern", "ont", "ais", "ait", "ado", "ada", "ando", "ed", "es", "er", "en", "em", "ez", "et",
    "as", "os", "ar", "ir", "ly", "al", "st", "te", "ie", "e", "s", "n", "t", "a", "o", "y", "i",
];

/// Cuts the plural and up to two endings off, then what doubling left behind.
fn stem(word: &str) -> String {
    // German keyboards without umlauts write `ue` for `ü`, which is folded to `u`.
    let mut stem = if word.is_ascii() { word.replace("ue", "u").replace("oe", "o") } else { word.to_owned() };
    if stem.is_ascii() {
        if stem.len() > 4 && stem.ends_with('s') && !stem.ends_with("ss") {
            stem.pop();
        }
        for _ in 0..2 {
            let cut = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending).filter(|rest| rest.len() >= 4));
            let Some(length) = cut.map(str::len) else { break };
            stem.truncate(length);
        }
        let mut last = stem.bytes().rev();
        if let (Some(a), Some(b)) = (last.next(), last.next())
            && a == b
            && stem.len() > 4
        {
            stem.pop();
        }
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        words(text).into_iter().filter(|word| word.kind == Kind::Content).map(|word| word.stem).collect()
    }

    #[test]
    fn forms_of_a_word_meet() {
        for (one, other) in [
            ("cancelled", "cancel"),
            ("shipping", "shipped"),
            ("Rücksendungen", "ruecksendung"),
            ("Bestellung", "bestellen"),
            ("livraisons", "livraison"),
            ("u\u{308}berweisung", "Überweisung"),
            ("pedidos", "pedido"),
            ("deliveries", "delivered"),
        ] {
            assert_eq!(stems(one), stems(other), "{one} and {other}");
        }
        assert_ne!(stems("refund"), stems("return"));
    }

    #[test]
    fn negations_survive_however_they_are_written() {
        for text in ["I don't want it", "i dont want it", "I don’t want it", "I do not want it"] {
            assert_eq!(stems(text), ["not"], "{text}");
        }
        assert_eq!(stems("cannot, can't, wont, isn't"), ["not"; 4]);
        assert_eq!(stems("l'article n'est pas arrivé"), ["articl", "pas", "arriv"]);
    }

    #[test]
    fn function_words_are_found_by_binary_search() {
        assert!(FUNCTION_WORDS.is_sorted());
        assert!(words("where is it, bitte").iter().all(|word| word.kind == Kind::Function));
        assert!(words("#W1234567 [email_1] 42").iter().all(|word| word.kind == Kind::Number));
    }
}
