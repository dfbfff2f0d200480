use mainstay_core::principal::Principal;
use proptest::prelude::*;

use super::*;

fn build(files: &[(&str, &str)]) -> Knowledge {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    Knowledge::build(files).unwrap()
}

/// Title, cited bytes and text of every passage of one file.
fn passages(path: &str, source: &str) -> Vec<(String, String, String)> {
    let knowledge = build(&[(path, source)]);
    let cited = |chunk: &Chunk| source[chunk.start..chunk.end].to_owned();
    knowledge.chunks.iter().map(|chunk| (chunk.title.clone(), cited(chunk), chunk.text.clone())).collect()
}

fn passage(title: &str, cited: &str, text: &str) -> (String, String, String) {
    (title.to_owned(), cited.to_owned(), text.to_owned())
}

const RETURNS: &str = "---\ntitle: Returns\nowner: \"team-returns@shop.example\"\nreview_by: 2027-03-01\n---\n\
# Returns\n\nYou may return most things within **30 days**.\nSee [shipping](shipping.md).\n\n\
## Electronics\n\nHeadphones &amp; speakers: 14 days.\n\n- Keep the `box`.\n- Keep the receipt.\n  1. Paper\n  2. Mail\n\n\
| Item | Days |\n| --- | --- |\n| Phone | 14 |\n| Cable | 30 |\n\n## Never taken back\n";

#[test]
fn markdown_is_cut_along_its_headings_and_cites_exact_bytes() {
    let found = passages("returns.md", RETURNS);
    let cited = "You may return most things within **30 days**.\nSee [shipping";
    assert_eq!(found[0].0, "Returns");
    assert!(found[0].1.starts_with(cited), "{}", found[0].1);
    assert_eq!(found[0].2, "You may return most things within 30 days. See shipping.");
    let (title, cited, text) = &found[1];
    assert_eq!(title, "Returns > Electronics");
    assert_eq!(
        text,
        "Headphones & speakers: 14 days.\n- Keep the box.\n- Keep the receipt.\n1. Paper\n2. Mail\nItem | Days\nPhone | 14\nCable | 30"
    );
    assert!(cited.starts_with("Headphones &amp;") && cited.ends_with("| Cable | 30"), "{cited}");
    assert_eq!(
        found[2],
        passage("Returns > Never taken back", "Never taken back", "Never taken back"),
        "a lone heading counts"
    );
    assert_eq!(found.len(), 3, "front matter is no content");
    let knowledge = build(&[("returns.md", RETURNS)]);
    let summary = knowledge.documents().next().unwrap();
    assert_eq!((summary.title, summary.owner), ("Returns", Some("team-returns@shop.example")));
    assert_eq!(summary.review_by, Some("2027-03-01"));
}

#[test]
fn html_keeps_the_text_and_drops_scripts_styles_and_comments() {
    let source = "<!doctype html><html><head><title>Shipping \n costs</title><style>p { color: red }</style></head><body>\
        <script>var secret = '<p>not content</p>';</script><!-- nor this -->\
        <h1>Shipping</h1><p>It costs <b>4.90&nbsp;&euro;</b>\n   to Germany.</p><div>Free over 50&nbsp;&euro;.</div>\
        <h2>Abroad</h2><ul><li>Austria: 9 days<li>France: <p>7 days</p></ul>\
        <table><tr><th>Zone<th>Price</tr><tr><td>EU</td><td>9.90</td></tr></table><p>Unclosed";
    let found = passages("shipping.html", source);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0].0, "Shipping costs > Shipping");
    assert_eq!(found[0].2, "It costs 4.90 € to Germany.\nFree over 50 €.");
    assert!(
        found[0].1.starts_with("It costs <b>4.90&nbsp;") && found[0].1.ends_with("Free over 50&nbsp;&euro;."),
        "{}",
        found[0].1
    );
    assert_eq!(found[1].2, "- Austria: 9 days\n- France:\n7 days\nZone | Price\nEU | 9.90\nUnclosed");
    assert!(found[1].1.starts_with("Austria") && found[1].1.ends_with("<p>Unclosed"), "{}", found[1].1);
}

#[test]
fn a_page_with_windows_line_ends_and_many_entities_still_cites_exact_bytes() {
    let sentence = "Caf&eacute; &amp; bar: the price of the cup is &lt; 3&euro; &copy the shop.\r\n";
    let source = format!("<p>{}</p>", sentence.repeat(40));
    let found = passages("cafe.html", &source);
    assert!(found.len() > 2);
    for (_, cited, text) in &found {
        assert!(text.starts_with("Café & bar: the price of the cup is < 3€ © the shop."), "{text}");
        assert!(cited.starts_with("Caf&eacute; &amp; bar") && cited.ends_with("the shop."), "{cited}");
        assert_eq!(cited.matches("&copy").count(), text.matches('©').count());
    }
}

#[test]
fn a_csv_row_is_a_passage_with_the_names_of_its_columns() {
    let source = "\u{feff}sku,name,notes\r\nA1,\"Lamp, small\",\r\n\r\nA2,Lamp,\"says \"\"hi\"\"\nand more\",extra\n";
    let found = passages("products.csv", source);
    assert_eq!(found[0], passage("products", "A1,\"Lamp, small", "sku: A1\nname: Lamp, small"));
    assert_eq!(found[1].2, "sku: A2\nname: Lamp\nnotes: says \"hi\"\nand more\ncolumn 4: extra");
    assert_eq!(found[1].1, "A2,Lamp,\"says \"\"hi\"\"\nand more\",extra");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_text_file_is_its_paragraphs() {
    let found = passages("notes/house-rules.txt", "First line\n  second line\r\n\r\n\r\nAnother\n");
    assert_eq!(
        found,
        [passage("house rules", "First line\n  second line\r\n\r\n\r\nAnother", "First line\nsecond line\nAnother")]
    );
}

#[test]
fn a_long_list_is_torn_between_items_and_a_long_table_keeps_its_head() {
    let items: String = (0..60).map(|n| format!("- item number {n} of the list that goes on\n")).collect();
    let rows: String = (0..60).map(|n| format!("| thing {n} | {n}.90 EUR and some words |\n")).collect();
    let found =
        passages("long.md", &format!("# Long\n\n{items}\n## Table\n\n| Thing | Price |\n| --- | --- |\n{rows}"));
    for (title, cited, text) in &found {
        assert!(text.len() <= 950, "{} bytes", text.len());
        if title == "Long" {
            assert!(text.starts_with("- item number ") && text.ends_with("goes on"), "{text}");
            assert!(cited.starts_with("item number") && cited.ends_with("goes on"), "{cited}");
        } else {
            assert!(text.starts_with("Thing | Price\n") && text.ends_with("some words"), "{text}");
        }
    }
    assert!(found.len() >= 5, "{}", found.len());
    let short = "- item a\n- item b\n".repeat(20);
    let filler = "Some words of a paragraph. ".repeat(25);
    let found = passages("fits.md", &format!("{filler}\n\n{short}"));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].2.matches("- item a").count(), 20, "a list that fits is not torn");
}

#[test]
fn a_paragraph_without_any_boundary_is_still_cut_on_characters() {
    let found = passages("wall.txt", &"ä".repeat(5_000));
    assert!(found.len() > 5 && found.iter().all(|(_, cited, text)| cited == text && text.len() <= 900));
    let sentences = "This sentence is about forty bytes long. ".repeat(60);
    for (_, cited, text) in passages("sentences.txt", &sentences) {
        assert!(text.ends_with('.') && text == cited, "{text}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let error = |files: Vec<(&str, Vec<u8>)>| {
        let files = files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
        Knowledge::build(files).unwrap_err().to_string()
    };
    assert_eq!(
        error(vec![("a.md", b"ok".to_vec()), ("b.md", b"bad \xff".to_vec())]),
        "`b.md` is not UTF-8 (first bad byte at 4)"
    );
    assert_eq!(error(vec![("a.pdf", vec![])]), "`a.pdf` is no Markdown, HTML, text or CSV file");
    assert_eq!(error(vec![("README", vec![])]), "`README` is no Markdown, HTML, text or CSV file");
    assert_eq!(error(vec![("a.md", vec![1]), ("b.md", vec![]), ("a.md", vec![2])]), "`a.md` occurs twice");
    assert_eq!(error(vec![("a.txt", vec![b'x'; MAX_DOCUMENT_BYTES + 1])]), "`a.txt` is larger than 8388608 bytes");
}

#[test]
fn the_snapshot_is_of_the_content_and_not_of_the_order() {
    let one = build(&[("a.md", "x"), ("b.md", "y")]);
    let other_order = build(&[("b.md", "y"), ("a.md", "x")]);
    assert_eq!(one.snapshot(), other_order.snapshot());
    assert_eq!(one.snapshot().len(), 64);
    for different in [
        build(&[("a.md", "x"), ("b.md", "z")]),
        build(&[("a.md", "x"), ("c.md", "y")]),
        build(&[("a.md", "xb.mdy")]),
        build(&[]),
    ] {
        assert_ne!(one.snapshot(), different.snapshot());
    }
}

fn shop() -> Knowledge {
    build(&[
        ("returns.md", RETURNS),
        (
            "shipping.md",
            "# Shipping\n\nParcels to Germany take two days. We ship with DHL.\n\n## Abroad\n\nParcels abroad take nine days.",
        ),
        ("versand.md", "# Versand\n\nDie Lieferzeit nach Österreich beträgt vier Werktage."),
        ("warranty.md", "# Warranty\n\nThe warranty on appliances lasts two years. Repairs are free of charge."),
    ])
}

#[test]
fn the_right_passage_comes_first_whatever_form_the_words_have() {
    let knowledge = shop();
    for (query, document) in [
        ("how long does shipping abroad take?", "shipping.md"),
        ("RETURNING headphones", "returns.md"),
        ("repair under warranties", "warranty.md"),
        ("Lieferzeit Österreich", "versand.md"),
        ("DHL", "shipping.md"),
    ] {
        let found = knowledge.search(query, 3).unwrap();
        assert_eq!(found[0].document, document, "{query}");
        let best = &found[0];
        assert_eq!(best.id, format!("{}#{}-{}", best.document, best.start, best.end));
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        assert_eq!(found, knowledge.search(query, 3).unwrap(), "the same again");
    }
    assert_eq!(knowledge.search("parcels", 1).unwrap().len(), 1);
}

#[test]
fn equal_passages_keep_the_order_of_their_documents() {
    let knowledge = build(&[("c.txt", "lamp"), ("a.txt", "lamp"), ("b.txt", "lamp")]);
    let found: Vec<String> = knowledge.search("lamp", 2).unwrap().into_iter().map(|passage| passage.document).collect();
    assert_eq!(found, ["a.txt", "b.txt"]);
}

#[test]
fn a_query_is_only_words_however_it_is_written() {
    let knowledge = shop();
    let plain = knowledge.search("warranty repairs", 3).unwrap();
    assert_eq!(knowledge.search("+(warranty AND repairs) OR -text:\"~^*[", 3).unwrap()[0].id, plain[0].id);
    let long = "warranty repairs ".repeat(100_000);
    assert_eq!(knowledge.search(&long, 3).unwrap()[0].id, plain[0].id);
    for nothing in ["", "   ", "the of and", "zzzz", "\0", "((((((", "\u{202e}", "*:*", "what is it?"] {
        assert_eq!(knowledge.search(nothing, 3).unwrap(), [], "{nothing}");
    }
    let many: String = (0..50_000).map(|n| format!("w{n} ")).collect();
    assert_eq!(knowledge.search(&many, 3).unwrap(), []);
    assert_eq!(build(&[]).search("warranty", 3).unwrap(), []);
}

#[test]
fn a_citation_must_point_at_text_of_the_snapshot() {
    let knowledge = shop();
    let best = knowledge.search("warranty", 1).unwrap().remove(0);
    let whole = knowledge.citation(&best.id).unwrap();
    assert_eq!((whole.text.as_str(), whole.start, whole.end), (best.text.as_str(), best.start, best.end));
    let at = RETURNS.find("**30 days**").unwrap();
    let part = knowledge.citation(&format!("returns.md#{at}-{}", at + 11)).unwrap();
    assert_eq!((part.document.as_str(), part.text.as_str()), ("returns.md", "30 days"));

    let german = "# Versand\n\nDie Lieferzeit nach Ö".len();
    let past = RETURNS.len() + 1;
    for wrong in [
        "returns.md".to_owned(),
        "returns.md#".to_owned(),
        "returns.md#1".to_owned(),
        "returns.md#9-9".to_owned(),
        "returns.md#9-3".to_owned(),
        "returns.md#+1-9".to_owned(),
        "returns.md#01-9".to_owned(),
        "returns.md#-1-9".to_owned(),
        "other.md#0-9".to_owned(),
        "#0-9".to_owned(),
        "returns.md#0-99999999999999999999999".to_owned(),
        format!("returns.md#100-{past}"),
        format!("versand.md#0-{}", german - 1),
        // Front matter, and nothing but a blank line.
        "returns.md#4-10".to_owned(),
        format!("returns.md#{}-{}", RETURNS.find("# Returns").unwrap() + 9, RETURNS.find("# Returns").unwrap() + 11),
    ] {
        assert_eq!(knowledge.citation(&wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn the_tool_returns_passages_and_the_same_citations() {
    let tool = KnowledgeTool::new(Arc::new(shop()), 2);
    let principal = Principal::new("c-1");
    let ask = |query: Value| {
        let (tool, principal) = (&tool, &principal);
        async move {
            let arguments = [("query".to_owned(), query)].into_iter().collect();
            let call = Invocation { arguments: &arguments, principal, idempotency_key: "run/1", trace_parent: "" };
            tool.call(&call, Instant::now()).await
        }
    };
    let ToolOutcome::Done { content, citations } = ask(json!("warranty")).await else { panic!("not done") };
    assert_eq!(content["passages"][0]["title"], "Warranty");
    assert_eq!(content["passages"][0]["id"], citations[0].id.as_str());
    assert_eq!(content["passages"][0]["text"], citations[0].text.as_str());
    assert_eq!(ask(json!("zzzz")).await, ToolOutcome::Done { content: json!({"passages": []}), citations: vec![] });
    assert_eq!(ask(json!(7)).await, ToolOutcome::Failed("the argument `query` is missing".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn any_text_in_any_format_gives_passages_that_can_be_cited(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60),
        noise in ".{0,40}",
        kind in prop::sample::select(vec!["md", "html", "csv", "txt"]),
    ) {
        let source = pieces.concat() + &noise + &pieces.concat();
        let path = format!("x.{kind}");
        let knowledge = build(&[(&path, &source)]);
        for chunk in &knowledge.chunks {
            prop_assert!(source.get(chunk.start..chunk.end).is_some_and(|cited| !cited.trim().is_empty()));
            prop_assert!(!chunk.text.trim().is_empty() && chunk.text.len() <= 1_900);
            let citation = knowledge.citation(&passage::id(&path, chunk.start, chunk.end));
            prop_assert!(citation.is_some());
        }
    }
}

const PIECES: &[&str] = &[
    "# ",
    "## ",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "  ",
    "| a | b |\n| --- | --- |\n| c | d |\n",
    "`code`",
    "```\nfence\n```\n",
    "> quote\n",
    "*emphasis*",
    "[link](x)",
    "&amp;",
    "&#x1F600;",
    "\\*",
    "<p>",
    "</p>",
    "<ul><li>",
    "</ul>",
    "<table><tr><td>",
    "</table>",
    "<script>",
    "</script>",
    "<title>",
    "<!--",
    "-->",
    "<h1>",
    "</h1>",
    "<pre>",
    "<br>",
    "ä",
    "日本語。",
    "word ",
    "word, ",
    "\"",
    "\"\"",
    ",",
    ";",
    "\r\n",
    "\u{feff}",
    "\0",
    "---\n",
    "title: x\n",
    "[^1]",
    "[^1]: note\n",
    "- [x] done\n",
    "sentence. ",
    "<",
    "&",
    "😀",
    "a very long piece of text that goes on and on and on so that passages are filled up quickly and need to be cut. ",
];

mod measured;
