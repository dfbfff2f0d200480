//! What a question asks for, and whether a text holds something of that kind: `how long` wants a duration.

/// The kind of thing that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A number with a unit of time.
    Duration,
    /// An amount of money.
    Money,
    /// Any number.
    Number,
    /// A date, a year, a weekday or a span of time.
    Time,
    /// When a place is open: a time of the day or a weekday.
    Hours,
    /// Something with a name.
    Name,
    /// Nothing that can be told from the words.
    Anything,
}

impl Asked {
    /// Reads the question words, in English, German, French and Spanish.
    pub(super) fn read(question: &str) -> Self {
        let padded = padded(question);
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| padded.contains(phrase));
        if has(&[
            " how long ",
            " how fast ",
            " how quickly ",
            " how soon ",
            " how many days ",
            " how many weeks ",
            " how many hours ",
            " how many years ",
            " wie lange ",
            " wie schnell ",
            " wie viele tage ",
            " combien de temps ",
            " combien de jours ",
            " cuanto tiempo ",
            " cuánto tiempo ",
            " cuántos días ",
            " cuantos dias ",
        ]) {
            Self::Duration
        } else if has(&[
            " how much does ",
            " how much do ",
            " how much is ",
            " how much are ",
            " how much money ",
            " what does it cost ",
            " wie teuer ",
            " wieviel kostet ",
            " wie viel kostet ",
            " kostet ",
            " kosten ",
            " preis ",
            " combien coûte ",
            " combien coute ",
            " prix ",
            " cuánto cuesta ",
            " cuanto cuesta ",
            " precio ",
        ]) || (has(&[" cost ", " costs ", " price ", " fee "]) && !has(&[" if "]) && !is_yes_or_no(question))
        {
            Self::Money
        } else if has(&[
            " how many ",
            " how much ",
            " what percentage ",
            " what number ",
            " how old ",
            " how tall ",
            " how far ",
            " how large ",
            " how big ",
            " wie viele ",
            " wie viel ",
            " wieviel ",
            " wieviele ",
            " combien ",
            " cuántos ",
            " cuántas ",
            " cuantos ",
            " cuantas ",
            " cuánto ",
        ]) {
            Self::Number
        } else if has(&[
            " opening hours ",
            " opening times ",
            " business hours ",
            " hours are you ",
            " are you open ",
            " do you open ",
            " do you close ",
            " öffnungszeiten ",
            " geöffnet ",
            " heures d ouverture ",
            " horaires ",
            " horario ",
        ]) {
            Self::Hours
        } else if has(&[
            " when ",
            " what year ",
            " what date ",
            " which year ",
            " what day ",
            " wann ",
            " bis wann ",
            " quand ",
            " cuándo ",
            " cuando ",
        ]) {
            Self::Time
        } else if has(&[" who ", " whom ", " whose ", " where ", " wer ", " qui ", " quién "]) {
            Self::Name
        } else {
            Self::Anything
        }
    }

    /// Whether only a number can answer it.
    pub(super) const fn is_measure(self) -> bool {
        matches!(self, Self::Duration | Self::Money | Self::Number)
    }

    /// Whether it asks for a number or a time.
    pub(super) const fn has_measure(self) -> bool {
        self.is_measure() || matches!(self, Self::Time | Self::Hours)
    }

    /// Whether `text` holds something of the kind; `None` where the kind does not tell.
    pub(super) fn is_in(self, text: &str) -> Option<bool> {
        let padded = padded(text);
        let has = |words: &[&str]| words.iter().any(|word| padded.contains(&format!(" {word}")));
        let has_digit = text.chars().any(char::is_numeric);
        let has_number = has_digit || has(NUMBERS);
        Some(match self {
            Self::Duration => {
                has_number && has(TIME_UNITS)
                    || has(&[
                        "immediately ",
                        "sofort ",
                        "overnight ",
                        "as long as ",
                        "while it is ",
                        "while they are ",
                        "solange ",
                    ])
            }
            Self::Money => {
                has_number || text.contains(['€', '$', '£']) || has(&["free ", "kostenlos", "gratuit", "gratis"])
            }
            Self::Number => has_number,
            Self::Time => has_digit || has(TIME_UNITS) || has(MONTHS) || has(WEEKDAYS),
            Self::Hours => has(WEEKDAYS) || has_clock_time(text),
            Self::Name => text.split_whitespace().skip(1).any(|word| word.starts_with(char::is_uppercase)),
            Self::Anything => return None,
        })
    }
}

/// Whether there is something like `9:00` in it.
fn has_clock_time(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|three| matches!(three, [hour, b':', minute] if hour.is_ascii_digit() && minute.is_ascii_digit()))
}

/// Beginnings of words.
const TIME_UNITS: &[&str] = &[
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "business day",
    "sekunde",
    "stunde",
    "tag",
    "tage",
    "woche",
    "monat",
    "jahr",
    "werktag",
    "seconde",
    "heure",
    "jour",
    "semaine",
    "mois",
    "an ",
    "ans ",
    "année",
    "segundo",
    "hora",
    "día",
    "dia",
    "semana",
    "mes ",
    "meses",
    "año",
    "decade",
    "centur",
];

const NUMBERS: &[&str] = &[
    "one ",
    "two ",
    "three ",
    "four ",
    "five ",
    "six ",
    "seven ",
    "eight ",
    "nine ",
    "ten ",
    "eleven ",
    "twelve ",
    "twenty ",
    "thirty ",
    "sixty ",
    "ninety ",
    "hundred ",
    "thousand",
    "million",
    "half ",
    "no ",
    "none ",
    "unlimited ",
    "ein ",
    "eine ",
    "einen ",
    "zwei ",
    "drei ",
    "vier ",
    "fünf ",
    "sechs ",
    "sieben ",
    "acht ",
    "neun ",
    "zehn ",
    "zwölf ",
    "deux ",
    "trois ",
    "quatre ",
    "cinq ",
    "sept ",
    "huit ",
    "neuf ",
    "dix ",
    "dos ",
    "tres ",
    "cuatro ",
    "cinco ",
    "siete ",
    "ocho ",
    "nueve ",
    "diez ",
];

const WEEKDAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonntag",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "dimanche",
    "lunes",
    "martes",
    "miércoles",
    "jueves",
    "viernes",
    "sábado",
    "domingo",
];

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march ",
    "april ",
    "june ",
    "july ",
    "august ",
    "september",
    "october",
    "november",
    "december",
    "januar",
    "februar",
    "märz",
    "juni ",
    "juli ",
    "oktober",
    "dezember",
    "janvier",
    "février",
    "mars ",
    "avril",
    "juin ",
    "juillet",
    "août",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo ",
    "junio",
    "julio",
    "agosto",
    "before ",
    "after ",
    "until ",
    "once ",
    "always ",
    "daily",
];

/// Words that begin a question for yes or no.
const YES_OR_NO: &[&str] = &[
    "am", "are", "can", "could", "did", "do", "does", "has", "have", "is", "may", "must", "should", "was", "were",
    "will", "darf", "gibt", "habt", "hat", "ist", "kann", "können", "muss", "sind", "puedo", "puede", "puis", "peut",
];

/// Whether `question` begins as those do that ask for yes or no.
pub(super) fn is_yes_or_no(question: &str) -> bool {
    let first = question.split(|char: char| !char.is_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|first| YES_OR_NO.contains(&first.to_lowercase().as_str()))
}

/// Lower case, one space between words and around them, no punctuation.
fn padded(text: &str) -> String {
    let mut padded = String::with_capacity(text.len() + 2);
    padded.push(' ');
    for word in text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()) {
        padded.extend(word.chars().flat_map(char::to_lowercase));
        padded.push(' ');
    }
    padded
}
