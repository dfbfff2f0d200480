//! Configurations made to break the reader: it says what is wrong, in bounded space, and never panics.

use std::fs;

use super::{configs, copy_of, load};

/// What is said about `text` as an `agent.toml`; small, whatever the text.
fn said_about(file: &str, text: &str) -> String {
    let folder = copy_of("base");
    fs::write(folder.path().join(file), text).unwrap();
    let said = load(folder.path()).unwrap_err().to_string();
    assert!(said.len() < 400_000, "{} bytes", said.len());
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "control characters reach the terminal");
    said
}

#[test]
fn toml_that_nests_repeats_or_overflows_is_refused() {
    let many = |text: &str, times: usize| text.repeat(times);
    let texts = [
        many("[", 200_000),
        format!("a = {}", many("[", 200_000)),
        format!("a = {}", many("{a=", 100_000)),
        format!("{}a = 1", many("a.", 200_000)),
        format!("[{}a]", many("a.", 200_000)),
        many("=\n", 50_000),
        many("a = 1\n", 50_000),
        many("\u{1}", 200_000),
        many("[[a]]\n", 100_000),
        "a = 1".repeat(50_000),
        format!("[agent]\nname = {}", many("9", 100_000)),
        "x = 0xffffffffffffffffffffffffffffffffffff\ny = 1e999999\nz = -nan\n".to_owned(),
        "\u{7f}\u{0}\u{1b}[2J = \"\u{1b}\"".to_owned(),
        format!("\"{}\" = 1", many("\\u001b]0;x\\u0007", 1_000)),
        (0..20_000).map(|n| format!("key{n} = {n}\n")).collect(),
        (0..20_000).map(|n| format!("[tools.t{n}]\n")).collect(),
    ];
    for text in texts {
        said_about("agents/helper/agent.toml", &text);
        said_about("mainstay.toml", &text);
        said_about("agents/helper/playbooks.toml", &text);
    }
}

#[test]
fn hostile_values_inside_good_toml_are_refused() {
    let agent = fs::read_to_string(configs().join("good/agents/returns/agent.toml")).unwrap();
    let settings = fs::read_to_string(configs().join("good/mainstay.toml")).unwrap();
    let in_agent = |from: &str, to: &str| {
        assert!(agent.contains(from), "{from}");
        let folder = copy_of("good");
        fs::write(folder.path().join("agents/returns/agent.toml"), agent.replace(from, to)).unwrap();
        fs::write(folder.path().join("mainstay.toml"), &settings).unwrap();
        load(folder.path()).unwrap_err().to_string()
    };
    let deep = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let condition = "'args.amount > 50'";
    for (source, expected) in [
        (deep("(", "true", ")", 2_000), "brackets more than 12 deep"),
        (deep("[1].all(x, ", "true", ")", 30), "brackets more than 12 deep"),
        ("1 + ".repeat(900) + "1 > 0", "more than 32 of"),
        ("true ? true : ".repeat(200) + "true", "more than 32 of"),
        ("1 == ".repeat(700) + "1", "compares too often in a row"),
        ("true && ".repeat(600) + "tru", "longer than 4096"),
        ("\u{1}".to_owned(), "not a CEL expression"),
    ] {
        let said = in_agent(condition, &format!("{source:?}").replace("\\u{1}", "\\u0001"));
        assert!(said.contains(expected), "{}", said.chars().take(500).collect::<String>());
    }
    // Deep in a way that costs nothing: it compiles, and the next problem is found.
    assert!(in_agent(condition, &format!("{:?}", deep("!", "args.x", "", 3_000))).contains("no field `x`"));
    let claims = "[\"refunded\", \"refund (was|has been) (issued|sent)\"]";
    for (pattern, expected) in [
        ("(a{1000}){1000}".to_owned(), "too large when compiled"),
        (deep("(", "a", ")", 400), "not a regular expression"),
        ("a".repeat(2_000), "longer than 1000 bytes"),
        ("(?-i)(?P<x>".to_owned(), "not a regular expression"),
    ] {
        let said = in_agent(claims, &format!("[{pattern:?}]"));
        assert!(said.contains(expected), "{said}");
    }
    let query = "select order_id from orders where status = :status";
    for query_text in [deep("(", "select 1", ")", 300), "select 1 + ".repeat(2_000), "x".repeat(20_000)] {
        assert!(in_agent(query, &query_text).contains("query"), "{}", query_text.len());
    }
    let body = "{ by = \"mainstay\" }";
    assert!(in_agent(body, &deep("{ a = ", "1", " }", 200)).contains("not TOML"));
}

#[test]
fn a_file_that_is_cut_anywhere_or_garbled_anywhere_is_still_described() {
    for file in ["mainstay.toml", "agents/returns/agent.toml", "agents/returns/playbooks.toml"] {
        let text = fs::read(configs().join("good").join(file)).unwrap();
        let folder = copy_of("good");
        let path = folder.path().join(file);
        for at in (0..text.len()).step_by(47) {
            fs::write(&path, &text[..at]).unwrap();
            let _: Result<_, _> = load(folder.path());
            let mut garbled = text.clone();
            garbled[at] = b"\"'[]{}=.#\n\\0"[at % 12];
            fs::write(&path, garbled).unwrap();
            if let Err(problems) = load(folder.path()) {
                assert!(!problems.is_empty());
                assert!(problems.to_string().starts_with(|c: char| c.is_ascii_lowercase()));
            }
        }
    }
}
