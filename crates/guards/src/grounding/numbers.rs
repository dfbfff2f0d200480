//! Numbers as people write them: thousands, decimals, units, currencies, words.

/// Every value that a written number may have, in plain decimals: `1.234` is 1.234 or 1234, depending on who wrote it.
///
/// `None` when the token is no number.
pub(super) fn values(token: &str) -> Option<Vec<String>> {
    let token = token.replace('\'', ",");
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let groups: Vec<&str> = token.split(['.', ',']).collect();
    if !groups.iter().all(|group| digits(group)) {
        return None;
    }
    let (first, last) = (groups.first()?, groups.last()?);
    let plain = |whole: &str, fraction: &str| canonical(whole, fraction);
    let thousands = |groups: &[&str]| groups.iter().skip(1).all(|group| group.len() == 3) && first.len() <= 3;
    let marks: Vec<char> = token.chars().filter(|c| !c.is_ascii_digit()).collect();
    let same_mark = marks.windows(2).all(|pair| pair.first() == pair.last());
    Some(match groups.as_slice() {
        [whole] => vec![plain(whole, "")],
        [whole, fraction] if fraction.len() == 3 && whole.len() <= 3 => {
            vec![plain(&format!("{whole}{fraction}"), ""), plain(whole, fraction)]
        }
        [whole, fraction] => vec![plain(whole, fraction)],
        many if same_mark && thousands(many) => vec![plain(&many.concat(), "")],
        [whole @ .., fraction]
            if marks.iter().rev().skip(1).all(|mark| Some(mark) != marks.last()) && thousands(whole) =>
        {
            vec![plain(&whole.concat(), fraction)]
        }
        // Versions, section numbers and addresses: each part must be known as a whole.
        _ => vec![format!("{first}…{last}"), token.clone()],
    })
}

/// A JSON number in the same form.
pub(super) fn json_value(number: &str) -> String {
    let number = number.trim_start_matches('-');
    let plain = match number.parse::<f64>() {
        Ok(value) if number.contains(['e', 'E']) => value.to_string(),
        _ => number.to_owned(),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    canonical(whole, fraction)
}

/// A hundredth of a value: `15 %` is also written as 0.15.
pub(super) fn hundredth(value: &str) -> String {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let padded = format!("{whole:0>3}");
    let (whole, cents) = padded.split_at(padded.len() - 2);
    canonical(whole, &format!("{cents}{fraction}"))
}

fn canonical(whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// The number that a word names, from zero to twelve.
pub(super) fn word(word: &str) -> Option<&'static str> {
    NUMBERS.iter().position(|names| names.split(' ').any(|name| name == word)).and_then(|at| DIGITS.get(at).copied())
}

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];

/// EN, DE, FR, ES, IT, folded. Articles ("one", "ein", "un") are left out: they count nothing.
const NUMBERS: &[&str] = &[
    "zero null cero",
    "eins",
    "two zwei deux dos due",
    "three drei trois tres tre",
    "four vier quatre cuatro quattro",
    "five funf cinq cinco cinque",
    "six sechs seis sei",
    "seven sieben sept siete sette",
    "eight acht huit ocho otto",
    "nine neun neuf nueve nove",
    "ten zehn dix diez dieci",
    "eleven elf onze once undici",
    "twelve zwolf douze doce dodici",
];

/// The unit or currency that a word or sign names, in one spelling each.
pub(super) fn unit(word: &str) -> Option<&'static str> {
    UNITS.iter().find(|(_, names)| names.split(' ').any(|name| name == word)).map(|(unit, _)| *unit)
}

/// True for units that are currencies.
pub(super) fn is_currency(unit: &str) -> bool {
    unit.len() == 3 && unit.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Words between a number and its unit.
pub(super) fn is_between(word: &str) -> bool {
    ["business", "working", "calendar", "full", "consecutive", "more", "werktage", "us"].contains(&word)
}

const UNITS: &[(&str, &str)] = &[
    ("USD", "$ usd dollar dollars us$"),
    ("EUR", "€ eur euro euros"),
    ("GBP", "£ gbp pound pounds pfund"),
    ("JPY", "¥ jpy yen"),
    ("CHF", "chf franken francs"),
    ("PLN", "pln zl zloty zlotys"),
    ("%", "% percent percentage prozent pourcent procent percento"),
    ("second", "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos"),
    ("minute", "min mins minute minutes minuten minuto minutos minuti"),
    ("hour", "h hr hrs hour hours stunde stunden heure heures hora horas ora ore uur"),
    (
        "day",
        "d day days tag tage tagen tages werktag werktage werktagen jour jours dia dias giorno giorni dag dagen dni",
    ),
    ("week", "week weeks woche wochen semaine semaines semana semanas settimana settimane weken"),
    ("month", "month months monat monate monaten mois mes meses mese mesi maand maanden"),
    ("year", "y yr yrs year years jahr jahre jahren an ans annee annees ano anos anno anni jaar"),
    ("mg", "mg milligram milligrams milligramm"),
    ("foot", "ft foot feet"),
    ("mile", "mi mile miles"),
    ("kg", "kg kilo kilos kilogram kilograms kilogramm kilogramme"),
    ("g", "g gram grams gramm gramme grammes"),
    ("lb", "lb lbs"),
    ("km", "km kilometre kilometres kilometer kilometers"),
    ("m", "m metre metres meter meters"),
    ("cm", "cm centimetre centimetres centimeter centimeters zentimeter"),
    ("mm", "mm"),
    ("inch", "inch inches zoll"),
    ("l", "l litre litres liter liters"),
    ("ml", "ml"),
    ("w", "w watt watts"),
    ("v", "v volt volts"),
    ("gb", "gb"),
    ("mb", "mb"),
    ("tb", "tb"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_value_however_it_is_written() {
        for (token, value) in [
            ("1,234.50", "1234.5"),
            ("1.234,50", "1234.5"),
            ("1234.5", "1234.5"),
            ("1'234'567", "1234567"),
            ("1,234,567", "1234567"),
            ("007", "7"),
            ("0.50", "0.5"),
            ("49,99", "49.99"),
        ] {
            assert_eq!(values(token), Some(vec![value.to_owned()]), "{token}");
        }
        assert_eq!(values("1.234"), Some(vec!["1234".to_owned(), "1.234".to_owned()]));
        assert_eq!(values("w12"), None);
    }

    #[test]
    fn json_numbers_and_percentages_meet_written_ones() {
        assert_eq!(json_value("50.0"), "50");
        assert_eq!(json_value("-1e3"), "1000");
        assert_eq!(hundredth("15"), "0.15");
        assert_eq!(hundredth("2.5"), "0.025");
        assert_eq!(hundredth("100"), "1");
    }
}
