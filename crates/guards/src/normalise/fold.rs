//! Folding of single characters: invisible ones, compatibility forms, look-alikes, digits.

use unicode_normalization::char::{decompose_canonical, decompose_compatible, is_combining_mark};

/// True for bytes that stand for themselves, apart from case.
pub(super) const fn is_plain_ascii(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

/// Folds a character to what it reads like.
pub(super) fn reading(c: char, out: &mut dyn FnMut(char)) {
    if c.is_ascii() {
        if is_plain_ascii(c as u8) {
            out(c.to_ascii_lowercase());
        }
        return;
    }
    if is_invisible(c) {
        return;
    }
    if let Some(plain) = simple(c) {
        return plain.chars().for_each(out);
    }
    decompose_compatible(c, |part| {
        if is_combining_mark(part) || is_invisible(part) || part.is_control() {
            return;
        }
        match simple(part) {
            Some(plain) => plain.chars().for_each(&mut *out),
            None => part.to_lowercase().filter(|lower| !is_combining_mark(*lower)).for_each(&mut *out),
        }
    });
}

/// Keeps letters and case; folds compatibility forms, digits and dashes, and drops what cannot be seen.
pub(super) fn exact(c: char, out: &mut dyn FnMut(char)) {
    if c.is_ascii() {
        if is_plain_ascii(c as u8) {
            out(c);
        }
    } else if !is_invisible(c) {
        match digit(c) {
            Some(digit) => out(digit),
            None if is_composed(c) => out(c),
            None => decompose_compatible(c, |part| {
                if !is_invisible(part) {
                    out(part);
                }
            }),
        }
    }
}

/// True for letters such as `é`, whose parts are the same letter written otherwise and not another form of it.
fn is_composed(c: char) -> bool {
    let (mut canonical, mut compatible) = ((0_u32, 0_u64), (0_u32, 0_u64));
    let add = |(count, sum): &mut (u32, u64), part: char| {
        *count += 1;
        *sum = sum.wrapping_mul(0x11_0000).wrapping_add(u64::from(part as u32));
    };
    decompose_canonical(c, |part| add(&mut canonical, part));
    decompose_compatible(c, |part| add(&mut compatible, part));
    canonical == compatible
}

/// Characters that take no room or only steer layout; they split words for a machine but not for a reader.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The printable ASCII that a tag character hides.
pub(super) fn tag(c: char) -> Option<char> {
    matches!(c, '\u{e0020}'..='\u{e007e}').then(|| char::from_u32(c as u32 - 0xe0000)).flatten()
}

fn simple(c: char) -> Option<&'static str> {
    if let Some(digit) = digit(c) {
        let at = usize::try_from(digit as u32 - '0' as u32).unwrap_or(0);
        return "0123456789".get(at..=at);
    }
    if matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') {
        return Some("\n");
    }
    if c.is_whitespace() {
        return Some(" ");
    }
    if let Some(letter) = letter_in_box(c) {
        return Some(letter);
    }
    LOOK_ALIKES.binary_search_by_key(&c, |(from, _)| *from).ok().and_then(|at| LOOK_ALIKES.get(at)).map(|(_, to)| *to)
}

/// Letters in squares and circles that have no compatibility form, and flag letters.
fn letter_in_box(c: char) -> Option<&'static str> {
    let first = match c {
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        _ => return None,
    };
    let at = usize::try_from(c as u32 - first).ok()?;
    "abcdefghijklmnopqrstuvwxyz".get(at..=at)
}

/// The ASCII digit for a decimal digit of any script.
pub(super) fn digit(c: char) -> Option<char> {
    let code = c as u32;
    if (0x1d7ce..=0x1d7ff).contains(&code) {
        return char::from_digit((code - 0x1d7ce) % 10, 10);
    }
    let zero = DIGIT_ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    char::from_digit(code - DIGIT_ZEROS.get(zero)?, 10)
}

/// The zero of each block of ten decimal digits (general category Nd), sorted; mathematical digits are apart.
const DIGIT_ZEROS: &[u32] = &[
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50,
    0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950,
    0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0,
    0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// Characters that look like ASCII, and letters that have no decomposition. Sorted by code point.
const LOOK_ALIKES: &[(char, &str)] = &[
    ('\u{ab}', "\""),
    ('\u{bb}', "\""),
    ('Æ', "ae"),
    ('Ð', "d"),
    ('Ø', "o"),
    ('ß', "ss"),
    ('æ', "ae"),
    ('ð', "d"),
    ('ø', "o"),
    ('Đ', "d"),
    ('đ', "d"),
    ('ħ', "h"),
    ('ı', "i"),
    ('Ł', "l"),
    ('ł', "l"),
    ('Œ', "oe"),
    ('œ', "oe"),
    ('ŧ', "t"),
    ('ƒ', "f"),
    ('ɑ', "a"),
    ('ɡ', "g"),
    ('ɢ', "g"),
    ('ɩ', "i"),
    ('ɪ', "i"),
    ('ɴ', "n"),
    ('ʀ', "r"),
    ('ʏ', "y"),
    ('ʙ', "b"),
    ('ʜ', "h"),
    ('ʟ', "l"),
    ('Α', "a"),
    ('Β', "b"),
    ('Ε', "e"),
    ('Ζ', "z"),
    ('Η', "h"),
    ('Ι', "i"),
    ('Κ', "k"),
    ('Μ', "m"),
    ('Ν', "n"),
    ('Ο', "o"),
    ('Ρ', "p"),
    ('Τ', "t"),
    ('Υ', "y"),
    ('Χ', "x"),
    ('α', "a"),
    ('β', "b"),
    ('γ', "y"),
    ('ε', "e"),
    ('η', "n"),
    ('ι', "i"),
    ('κ', "k"),
    ('ν', "v"),
    ('ο', "o"),
    ('ρ', "p"),
    ('ς', "σ"),
    ('τ', "t"),
    ('υ', "u"),
    ('χ', "x"),
    ('ω', "w"),
    ('ϲ', "c"),
    ('ϳ', "j"),
    ('Ѕ', "s"),
    ('І', "i"),
    ('Ј', "j"),
    ('А', "a"),
    ('В', "b"),
    ('Е', "e"),
    ('К', "k"),
    ('М', "m"),
    ('Н', "h"),
    ('О', "o"),
    ('Р', "p"),
    ('С', "c"),
    ('Т', "t"),
    ('У', "y"),
    ('Х', "x"),
    ('Ь', "b"),
    ('а', "a"),
    ('г', "r"),
    ('е', "e"),
    ('к', "k"),
    ('м', "m"),
    ('о', "o"),
    ('п', "n"),
    ('р', "p"),
    ('с', "c"),
    ('т', "t"),
    ('у', "y"),
    ('х', "x"),
    ('ѕ', "s"),
    ('і', "i"),
    ('ј', "j"),
    ('ѵ', "v"),
    ('ү', "y"),
    ('һ', "h"),
    ('ӏ', "l"),
    ('ԁ', "d"),
    ('ԛ', "q"),
    ('ԝ', "w"),
    ('հ', "h"),
    ('ո', "n"),
    ('ս', "u"),
    ('օ', "o"),
    ('ᴀ', "a"),
    ('ᴄ', "c"),
    ('ᴅ', "d"),
    ('ᴇ', "e"),
    ('ᴊ', "j"),
    ('ᴋ', "k"),
    ('ᴍ', "m"),
    ('ᴏ', "o"),
    ('ᴘ', "p"),
    ('ᴛ', "t"),
    ('ᴜ', "u"),
    ('ᴠ', "v"),
    ('ᴡ', "w"),
    ('ᴢ', "z"),
    ('‐', "-"),
    ('‑', "-"),
    ('‒', "-"),
    ('–', "-"),
    ('—', "-"),
    ('―', "-"),
    ('‘', "'"),
    ('’', "'"),
    ('‚', "'"),
    ('‛', "'"),
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('‟', "\""),
    ('′', "'"),
    ('″', "\""),
    ('‹', "'"),
    ('›', "'"),
    ('⁄', "/"),
    ('−', "-"),
    ('∕', "/"),
    ('∣', "|"),
    ('∶', ":"),
    ('ⲟ', "o"),
    ('。', "."),
    ('ꓲ', "i"),
    ('ꜰ', "f"),
    ('ꜱ', "s"),
];

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_row() {
        assert!(DIGIT_ZEROS.windows(2).all(|pair| pair[0] + 9 < pair[1]));
        let unsorted: Vec<_> = LOOK_ALIKES.windows(2).filter(|pair| pair[0].0 >= pair[1].0).collect();
        assert_eq!(unsorted, Vec::<&[(char, &str)]>::new());
    }

    #[test]
    fn every_decimal_digit_that_unicode_knows_reads_as_ascii() {
        let decimal = Regex::new(r"^\p{Nd}$").unwrap();
        let mut missed = Vec::new();
        for c in (0x80..=0x10_ffff).filter_map(char::from_u32) {
            let mut read = String::new();
            reading(c, &mut |folded| read.push(folded));
            let is_decimal = decimal.is_match(c.encode_utf8(&mut [0; 4]));
            if is_decimal && !(read.len() == 1 && read.as_bytes()[0].is_ascii_digit()) {
                missed.push(c as u32);
            }
        }
        assert!(missed.is_empty(), "{missed:x?}");
    }
}
