//! What the shop sells: families of articles, each in several makes and colours.

/// A family of articles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// The shelf that it stands on.
    pub(crate) category: &'static str,
    /// What it is called.
    pub(crate) noun: &'static str,
    pub(crate) makes: &'static [&'static str],
    pub(crate) colours: &'static [&'static str],
    pub(crate) sizes: &'static str,
    /// Cheapest and dearest, in whole euros; prices end in .90 or .50 or are even.
    pub(crate) price: (i64, i64),
    /// True where an opened article cannot be sold again.
    pub(crate) hygiene: bool,
}

const CLOTHES: &str = "XS, S, M, L, XL, XXL";
const ONE: &str = "one size";

/// Everything on the shelves.
pub(crate) const FAMILIES: &[Family] = &[
    family(
        "jackets",
        "rain jacket",
        &["Kestrel", "Skerry", "Fell"],
        &["moss", "slate", "rust", "navy"],
        CLOTHES,
        (89, 229),
    ),
    family("jackets", "down vest", &["Eider", "Tarn"], &["sand", "black", "moss"], CLOTHES, (69, 139)),
    family("jackets", "fleece jacket", &["Bracken", "Corrie"], &["oat", "navy", "rust"], CLOTHES, (49, 109)),
    family(
        "shirts",
        "linen shirt",
        &["Saltmarsh", "Cove", "Dune"],
        &["white", "sky", "sand", "sage"],
        CLOTHES,
        (35, 79),
    ),
    family("shirts", "merino T-shirt", &["Lamb", "Drover"], &["black", "white", "moss", "plum"], CLOTHES, (29, 59)),
    family("shirts", "flannel shirt", &["Bothy", "Croft"], &["red check", "green check", "grey"], CLOTHES, (39, 75)),
    family(
        "trousers",
        "walking trousers",
        &["Drystone", "Ridge", "Stile"],
        &["khaki", "slate", "black"],
        CLOTHES,
        (59, 129),
    ),
    family("trousers", "cord trousers", &["Barn", "Hollow"], &["rust", "olive", "navy"], CLOTHES, (49, 99)),
    family(
        "knitwear",
        "wool jumper",
        &["Fisher", "Gansey", "Hebrides"],
        &["navy", "oat", "charcoal", "moss"],
        CLOTHES,
        (59, 149),
    ),
    family("knitwear", "cardigan", &["Inglenook", "Rowan"], &["plum", "oat", "grey"], CLOTHES, (65, 119)),
    family("shoes", "walking boots", &["Cairn", "Scree", "Tor"], &["brown", "black", "grey"], "36-47", (99, 219)),
    family("shoes", "trail shoes", &["Burn", "Gully"], &["blue", "lime", "black"], "36-47", (79, 149)),
    family("shoes", "felt slippers", &["Hearth", "Ember"], &["grey", "rust", "moss"], "36-47", (29, 49)),
    family("accessories", "wool scarf", &["Lochan", "Heather"], &["plum", "grey", "rust", "navy"], ONE, (19, 59)),
    family("accessories", "beanie", &["Gull", "Puffin"], &["navy", "oat", "red", "moss"], ONE, (15, 29)),
    family("accessories", "leather belt", &["Saddler"], &["brown", "black"], "S, M, L", (29, 55)),
    family(
        "accessories",
        "wool socks",
        &["Shepherd", "Drover"],
        &["grey", "navy", "oat"],
        "36-38, 39-42, 43-46",
        (9, 19),
    ),
    family("bags", "backpack", &["Pedlar", "Courier", "Summit"], &["moss", "black", "rust", "slate"], ONE, (49, 169)),
    family("bags", "canvas tote", &["Market"], &["natural", "navy", "rust"], ONE, (15, 29)),
    family("bags", "wash bag", &["Voyager"], &["brown", "navy", "moss"], ONE, (19, 39)),
    family("outdoor", "tent", &["Shieling", "Bivvy"], &["green", "orange"], ONE, (149, 429)),
    family("outdoor", "sleeping bag", &["Dormouse", "Marmot Bay"], &["blue", "green"], "regular, long", (79, 249)),
    family("outdoor", "camping stove", &["Kindle"], &["steel"], ONE, (39, 89)),
    family("outdoor", "water bottle", &["Spring", "Rill"], &["steel", "moss", "white", "navy"], ONE, (15, 35)),
    family("outdoor", "head torch", &["Lantern", "Glow-worm"], &["black", "orange"], ONE, (19, 59)),
    family("home", "wool blanket", &["Homestead", "Moor"], &["oat", "grey", "rust", "moss"], ONE, (59, 139)),
    family("home", "stoneware mug", &["Kiln", "Quarry"], &["white", "blue", "sand", "moss"], ONE, (9, 19)),
    family("home", "enamel pot", &["Range"], &["white", "blue", "green"], ONE, (29, 69)),
    family(
        "home",
        "linen bedding",
        &["Meadow", "Larksong"],
        &["white", "sage", "sky", "sand"],
        "135x200, 155x220, 200x200",
        (79, 199),
    ),
    family("home", "beeswax candle", &["Skep"], &["natural", "amber"], ONE, (7, 19)),
    hygiene("underwear", "merino briefs", &["Underlayer"], &["black", "grey", "navy"], CLOTHES, (19, 35)),
    hygiene("underwear", "long johns", &["Underlayer", "Thermal"], &["black", "oat", "navy"], CLOTHES, (29, 59)),
    hygiene("swimwear", "swimsuit", &["Tide", "Lido"], &["navy", "plum", "black"], CLOTHES, (35, 69)),
    hygiene("swimwear", "swim shorts", &["Tide"], &["navy", "rust", "moss"], CLOTHES, (29, 49)),
    hygiene("care", "lip balm", &["Skep"], &["natural", "mint"], ONE, (3, 7)),
    hygiene("care", "hand cream", &["Skep", "Meadow"], &["natural", "lavender"], ONE, (7, 15)),
    hygiene("care", "earplugs", &["Hush"], &["grey", "blue"], ONE, (5, 15)),
];

const fn family(
    category: &'static str,
    noun: &'static str,
    makes: &'static [&'static str],
    colours: &'static [&'static str],
    sizes: &'static str,
    price: (i64, i64),
) -> Family {
    Family { category, noun, makes, colours, sizes, price, hygiene: false }
}

const fn hygiene(
    category: &'static str,
    noun: &'static str,
    makes: &'static [&'static str],
    colours: &'static [&'static str],
    sizes: &'static str,
    price: (i64, i64),
) -> Family {
    Family { category, noun, makes, colours, sizes, price, hygiene: true }
}
