//! Just enough Rust to ask simple questions of a source file: code without comments and literals, code without its
//! tests, and the paths that it names. No parser: rustc has already read the file, so it is well-formed.

/// The source with comments and literals blanked out; lines and columns stay where they were.
pub(crate) fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let blank = blank_prefix(rest, previous);
        if blank == 0 {
            code.push(first);
            previous = first;
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (skipped, after) = rest.split_at_checked(blank).unwrap_or((rest, ""));
            code.extend(skipped.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            previous = ' ';
            rest = after;
        }
    }
    code
}

/// How many bytes of comment or literal `rest` begins with.
fn blank_prefix(rest: &str, previous: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        let mut characters = rest.chars().skip(1);
        let escaped = characters.next() == Some('\\');
        // `'a'` is a literal and `'a` a lifetime.
        return if escaped || characters.next() == Some('\'') { quoted(rest, '\'') } else { 0 };
    }
    if is_word(previous) { 0 } else { raw_string(rest) }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == end => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let Some(body) = body.strip_prefix('r') else { return 0 };
    let hashes = body.len() - body.trim_start_matches('#').len();
    let Some(text) = body.trim_start_matches('#').strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    text.find(&end).map_or(rest.len(), |at| rest.len() - text.len() + at + end.len())
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What is left of code (see [`code`]) without its tests.
pub(crate) struct Shipped {
    /// The code with every `#[cfg(test)]` module and `impl` blanked out; lines stay where they were.
    pub(crate) code: String,
    /// How many lines it has without those.
    pub(crate) lines: usize,
}

/// Takes the tests out of code (see [`code`]).
pub(crate) fn shipped(code: &str) -> Shipped {
    let mut shipped = Shipped { code: String::with_capacity(code.len()), lines: code.lines().count() };
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("#[cfg(test)]") {
        let (tests, next) = after.split_at_checked(test_item(after)).unwrap_or((after, ""));
        let tested = tests.matches('\n').count();
        shipped.code.push_str(before);
        shipped.code.push_str(&"\n".repeat(tested));
        shipped.lines = shipped.lines.saturating_sub(tested);
        rest = next;
    }
    shipped.code.push_str(rest);
    shipped
}

/// How many bytes the test module or `impl` is long that follows a `#[cfg(test)]`; 0 for any other item.
fn test_item(after: &str) -> usize {
    let mut item = after.trim_start();
    while let Some((_, next)) = item.strip_prefix("#[").and_then(|attribute| attribute.split_once("]\n")) {
        item = next.trim_start();
    }
    let open = item.find(['{', ';']).filter(|open| item.get(*open..).is_some_and(|body| body.starts_with('{')));
    match open {
        Some(open) if item.starts_with("mod ") || item.starts_with("impl ") => {
            let body = item.get(open..).unwrap_or_default();
            after.len() - body.len() + matching_brace(body)
        }
        _ => 0,
    }
}

fn matching_brace(body: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    body.len()
}

/// Every path of at least two parts that the code (see [`code`]) names, with its line; groups are unfolded, so
/// `use std::{env, net::TcpStream};` names `std::env` and `std::net::TcpStream`.
pub(crate) fn paths(code: &str) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at = match token.kind {
            Kind::Word => path(&tokens, at, "", &mut found),
            _ => at + 1,
        };
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Colons,
    Open,
    Close,
    Comma,
    Star,
    Other,
}

struct Token<'c> {
    kind: Kind,
    text: &'c str,
    line: usize,
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                _ if is_word(first) => rest.find(|character| !is_word(character)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let kind = match first {
                _ if is_word(first) => Kind::Word,
                ':' if length == 2 => Kind::Colons,
                '{' => Kind::Open,
                '}' => Kind::Close,
                ',' => Kind::Comma,
                '*' => Kind::Star,
                _ => Kind::Other,
            };
            let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            tokens.push(Token { kind, text, line });
            rest = after.trim_start();
        }
    }
    tokens
}

/// Reads the path that begins at `at` after `prefix`, and says where to go on.
fn path(tokens: &[Token<'_>], mut at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let Some(first) = tokens.get(at) else { return at + 1 };
    let mut name = format!("{prefix}{}", first.text);
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    while kind(at + 1) == Some(Kind::Colons) {
        match kind(at + 2) {
            Some(Kind::Word | Kind::Star) => {
                name.push_str("::");
                name.push_str(tokens.get(at + 2).map_or("", |token| token.text));
                at += 2;
            }
            Some(Kind::Open) => return group(tokens, at + 3, &format!("{name}::"), found),
            _ => break,
        }
    }
    if name.contains("::") {
        found.push((first.line, name));
    }
    at + 1
}

/// Reads the members of a group up to its closing brace.
fn group(tokens: &[Token<'_>], mut at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let mut expected = true;
    while let Some(token) = tokens.get(at) {
        at = match token.kind {
            Kind::Close => return at + 1,
            Kind::Word | Kind::Star if expected => {
                expected = false;
                path(tokens, at, prefix, found)
            }
            Kind::Comma => {
                expected = true;
                at + 1
            }
            _ => at + 1, // `as name`
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let source = "a /* b /* c */ d */ e // f\n\"g \\\" h\" r#\"i \" j\"# 'k' '\\'' &'l m br\"n\" o\n/// p\nq";
        let code = code(source);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "&'l", "m", "o", "q"]);
        assert_eq!(code.lines().count(), 4);
    }

    #[test]
    fn only_test_modules_are_taken_out_and_the_lines_after_them_keep_their_numbers() {
        let source =
            "one\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n fn x() { }\n}\n#[cfg(test)]\nmod other;\ntwo { }\n";
        let shipped = shipped(source);
        assert_eq!(shipped.code.split_whitespace().collect::<Vec<_>>(), ["one", "mod", "other;", "two", "{", "}"]);
        assert_eq!(shipped.code.lines().position(|line| line.starts_with("two")), Some(8));
        assert_eq!(shipped.lines, 5);
    }

    #[test]
    fn grouped_and_nested_imports_are_unfolded() {
        let code =
            "use std::{env, net::{TcpStream, self as n}};\nfn f() { crate::screen::x(); a::<B>(); y::*; }\nplain";
        assert_eq!(
            paths(code),
            [
                (1, "std::env".to_owned()),
                (1, "std::net::TcpStream".to_owned()),
                (1, "std::net::self".to_owned()),
                (2, "crate::screen::x".to_owned()),
                (2, "y::*".to_owned()),
            ]
        );
    }
}
