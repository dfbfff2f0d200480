//! Every error code that a person can meet has a page that says what to do, and every page a code.

use std::collections::BTreeMap;

use crate::tidy::tree::Tree;
use crate::tidy::violation::Violation;

const SOURCE: &str = "crates/core/src/code.rs";
const PAGES: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";
const SECTIONS: &[&str] = &["## What happened", "## Why", "## What to do"];

/// Finds codes without a page, pages without a code, and pages that do not answer the three questions.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let Some(source) = tree.text(SOURCE) else {
        return vec![Violation::new(SOURCE, 1, "there is no such file", "it holds one constant for each error code")];
    };
    let codes = codes(source);
    let index = tree.text(INDEX).unwrap_or_default();
    let mut found = Vec::new();
    for (code, line) in &codes {
        let page = format!("{PAGES}{code}.md");
        match tree.text(&page) {
            None => {
                let hint = format!("write {page}: what happened, why, what to do");
                found.push(Violation::new(SOURCE, *line, format!("code `{code}` has no page"), hint));
            }
            Some(text) => found.extend(check_page(&page, code, text)),
        }
        if !index.contains(&format!("({code}.md)")) {
            let what = format!("code `{code}` is not in the list");
            found.push(Violation::new(INDEX, 1, what, format!("add a line that links to {code}.md")));
        }
    }
    for file in tree.files() {
        let page = file.path.strip_prefix(PAGES).and_then(|name| name.strip_suffix(".md"));
        let Some(code) = page.filter(|name| *name != "README") else { continue };
        if !codes.contains_key(code) {
            let hint = format!("add the constant to {SOURCE}, or remove the page");
            found.push(Violation::new(&file.path, 1, format!("there is no code `{code}`"), hint));
        }
    }
    found
}

/// The codes in `pub const NAME: &str = "code";` lines, with their lines.
fn codes(source: &str) -> BTreeMap<String, usize> {
    let code = |line: &str| {
        let (declared, value) = line.trim().strip_prefix("pub const ")?.split_once('=')?;
        declared.contains("&str").then(|| value.trim().trim_end_matches(';').trim_matches('"').to_owned())
    };
    (1..).zip(source.lines()).filter_map(|(number, line)| Some((code(line)?, number))).collect()
}

fn check_page(page: &str, code: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if text.lines().next() != Some(&format!("# `{code}`")) {
        found.push(Violation::new(page, 1, "the page does not name its code", format!("begin with # `{code}`")));
    }
    for section in SECTIONS {
        if !text.lines().any(|line| line == *section) {
            let hint = format!("add a section `{section}`");
            found.push(Violation::new(page, 1, "the page does not answer all three questions", hint));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    const CODES: &str =
        "/// Too long.\npub const INPUT_TOO_LONG: &str = \"input_too_long\";\npub const OTHER: &str =\"other\";\n";
    const PAGE: &str = "# `input_too_long`\n\n## What happened\nx\n## Why\ny\n## What to do\nz\n";

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
        let tree = Tree::of(&[
            (SOURCE, CODES),
            (INDEX, "[a](input_too_long.md) [b](other.md)"),
            ("docs/errors/input_too_long.md", PAGE),
            ("docs/errors/stale.md", PAGE),
        ]);
        assert_eq!(
            places(&check(&tree)),
            ["crates/core/src/code.rs:3: code `other` has no page", "docs/errors/stale.md:1: there is no code `stale`"]
        );
    }

    #[test]
    fn a_page_that_leaves_a_question_open_is_found() {
        let page = PAGE.replace("## What to do", "## Advice").replace("`input_too_long`", "Too long");
        assert_eq!(check_page("p.md", "input_too_long", PAGE), []);
        assert_eq!(check_page("p.md", "input_too_long", &page).len(), 2);
    }

    #[test]
    fn a_tree_without_codes_is_not_tidy() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
