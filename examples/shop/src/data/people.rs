//! Who the customers are: names, streets and towns of nine countries. Every combination is made up.

/// What a country's customers are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Country {
    /// How the shop spells it.
    pub(crate) name: &'static str,
    /// Language of most requests from there.
    pub(crate) language: &'static str,
    /// Telephone prefix.
    pub(crate) dial: &'static str,
    pub(crate) first_names: &'static [&'static str],
    pub(crate) last_names: &'static [&'static str],
    pub(crate) streets: &'static [&'static str],
    /// True where the number stands before the street's name.
    pub(crate) number_first: bool,
    /// Postcode and town.
    pub(crate) towns: &'static [(&'static str, &'static str)],
    /// Standard delivery in cents, and the order value from which it is free.
    pub(crate) shipping: (i64, i64),
}

/// The countries that the shop delivers to, the home market first.
pub(crate) static COUNTRIES: [Country; 9] = [
    Country {
        name: "Germany",
        language: "de",
        dial: "+49",
        first_names: &[
            "Anja", "Bernd", "Clara", "Dieter", "Elif", "Florian", "Greta", "Hannes", "Ines", "Jörg", "Katrin",
            "Lukas", "Mareike", "Nils", "Ömer", "Petra",
        ],
        last_names: &[
            "Albrecht", "Brandt", "Çelik", "Dörfler", "Engel", "Fuchs", "Günther", "Hahn", "Jansen", "Köhler",
            "Lorenz", "Möller", "Neumann", "Paulsen", "Reuter", "Schäfer",
        ],
        streets: &["Lindenweg", "Am Mühlbach", "Hafenstraße", "Kastanienallee", "Gartenstraße", "Birkenring"],
        number_first: false,
        towns: &[
            ("10999", "Berlin"),
            ("20359", "Hamburg"),
            ("50667", "Köln"),
            ("80331", "München"),
            ("04109", "Leipzig"),
            ("79098", "Freiburg"),
        ],
        shipping: (490, 6000),
    },
    Country {
        name: "Austria",
        language: "de",
        dial: "+43",
        first_names: &["Alois", "Barbara", "Christoph", "Doris", "Emil", "Franziska", "Gregor", "Heidi"],
        last_names: &["Auer", "Berger", "Eder", "Gruber", "Huber", "Lechner", "Pichler", "Wallner"],
        streets: &["Burggasse", "Feldweg", "Marktplatz", "Schillerstraße"],
        number_first: false,
        towns: &[("1070", "Wien"), ("5020", "Salzburg"), ("6020", "Innsbruck"), ("8010", "Graz")],
        shipping: (990, 12000),
    },
    Country {
        name: "France",
        language: "fr",
        dial: "+33",
        first_names: &[
            "Agnès",
            "Baptiste",
            "Camille",
            "Denis",
            "Élodie",
            "François",
            "Gaëlle",
            "Hugo",
            "Inès",
            "Jules",
        ],
        last_names: &[
            "Arnaud", "Blanchet", "Colin", "Delmas", "Faure", "Girard", "Lefèvre", "Marchand", "Noël", "Perrot",
        ],
        streets: &["rue des Lilas", "avenue du Port", "rue de la Fontaine", "quai des Tanneurs"],
        number_first: true,
        towns: &[("69002", "Lyon"), ("44000", "Nantes"), ("31000", "Toulouse"), ("67000", "Strasbourg")],
        shipping: (990, 12000),
    },
    Country {
        name: "Spain",
        language: "es",
        dial: "+34",
        first_names: &["Alba", "Bruno", "Carmen", "Diego", "Elena", "Íñigo", "Lucía", "Martín", "Núria", "Óscar"],
        last_names: &[
            "Aguilar",
            "Benítez",
            "Castaño",
            "Domínguez",
            "Ibáñez",
            "Marín",
            "Núñez",
            "Peña",
            "Soler",
            "Vidal",
        ],
        streets: &["calle del Olmo", "avenida del Mar", "calle Nueva", "paseo de la Ribera"],
        number_first: false,
        towns: &[("28012", "Madrid"), ("08003", "Barcelona"), ("41004", "Sevilla"), ("46001", "Valencia")],
        shipping: (990, 12000),
    },
    Country {
        name: "Italy",
        language: "en",
        dial: "+39",
        first_names: &["Alessia", "Bruna", "Corrado", "Davide", "Elisa", "Fabio", "Giada", "Nicolò"],
        last_names: &["Amato", "Bassi", "Conti", "De Luca", "Ferri", "Gallo", "Moretti", "Serra"],
        streets: &["via dei Tigli", "via Verdi", "corso Italia", "viale delle Rose"],
        number_first: false,
        towns: &[("20121", "Milano"), ("40121", "Bologna"), ("50122", "Firenze"), ("10121", "Torino")],
        shipping: (990, 12000),
    },
    Country {
        name: "Netherlands",
        language: "en",
        dial: "+31",
        first_names: &["Anouk", "Bram", "Carlijn", "Daan", "Eva", "Femke", "Joris", "Lotte"],
        last_names: &["de Boer", "van Dijk", "Hendriks", "Jacobs", "Kuiper", "Mulder", "Smit", "de Wit"],
        streets: &["Kerkstraat", "Molenweg", "Dorpsplein", "Havenkade"],
        number_first: false,
        towns: &[("1017 AB", "Amsterdam"), ("3511 CD", "Utrecht"), ("9711 EF", "Groningen")],
        shipping: (990, 12000),
    },
    Country {
        name: "United Kingdom",
        language: "en",
        dial: "+44",
        first_names: &["Aisha", "Benedict", "Callum", "Dorothy", "Ewan", "Fiona", "Harriet", "Imran", "Josie", "Owen"],
        last_names: &[
            "Atkins", "Barlow", "Chaudhry", "Davies", "Fletcher", "Hughes", "Kerr", "O'Neill", "Patel", "Wood",
        ],
        streets: &["Orchard Lane", "Mill Road", "Station Street", "Harbour View", "Church Close"],
        number_first: true,
        towns: &[("M1 4AB", "Manchester"), ("EH1 2CD", "Edinburgh"), ("BS1 5EF", "Bristol"), ("LS2 7GH", "Leeds")],
        shipping: (1490, 18000),
    },
    Country {
        name: "Poland",
        language: "en",
        dial: "+48",
        first_names: &["Agnieszka", "Bartosz", "Celina", "Dawid", "Ewa", "Łukasz", "Małgorzata", "Paweł"],
        last_names: &["Bąk", "Dudek", "Jaworska", "Król", "Lis", "Mazur", "Wójcik", "Zając"],
        streets: &["ulica Lipowa", "ulica Ogrodowa", "ulica Szkolna"],
        number_first: false,
        towns: &[("00-001", "Warszawa"), ("30-001", "Kraków"), ("80-001", "Gdańsk")],
        shipping: (990, 12000),
    },
    Country {
        name: "Sweden",
        language: "en",
        dial: "+46",
        first_names: &["Astrid", "Björn", "Ebba", "Filip", "Gösta", "Linnéa", "Måns", "Saga"],
        last_names: &["Åberg", "Bergström", "Dahl", "Ek", "Holm", "Lindqvist", "Nyström", "Sjöberg"],
        streets: &["Björkvägen", "Storgatan", "Skolgatan", "Sjövägen"],
        number_first: false,
        towns: &[("111 20", "Stockholm"), ("411 03", "Göteborg"), ("211 34", "Malmö")],
        shipping: (990, 12000),
    },
];

/// Lower-case ASCII letters of a name, as they stand in an e-mail address.
pub(crate) fn ascii(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' => plain.push(letter),
            'ä' | 'å' | 'á' | 'à' | 'ą' => plain.push('a'),
            'ç' => plain.push('c'),
            'è' | 'é' | 'ë' | 'ę' => plain.push('e'),
            'í' | 'ï' => plain.push('i'),
            'ł' => plain.push('l'),
            'ñ' => plain.push('n'),
            'ö' | 'ó' | 'ò' => plain.push('o'),
            'ü' | 'ú' => plain.push('u'),
            _ => {}
        }
    }
    plain
}
