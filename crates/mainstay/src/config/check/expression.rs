//! Conditions compiled, with errors that point at the word in question.
//!
//! The compiler and the interpreter of CEL call themselves once per level of an expression, with large frames, and a stack
//! that overflows takes the whole process with it. So what is deep is refused here, and the rest is compiled with room.

use mainstay_core::expression::{Expression, ExpressionError};

use super::super::problem::{Finding, Kind, Log, clean, closest, listed};
use super::super::source::{Place, Written};
use super::place_of_word;

/// Deepest nesting of brackets, most operators that make an expression one level deeper each, and most signs of comparison
/// without a `&&`, `||` or comma between them.
const MAX_BRACKETS: usize = 12;
const MAX_OPERATORS: usize = 32;
const MAX_COMPARISONS: usize = 32;

/// Stack of the thread that compiles, in bytes.
const STACK: usize = 16 * 1024 * 1024;

/// Compiles a condition that may name `variables`.
pub(super) fn compile(written: &Written<String>, variables: &[&str], log: &Log) -> Option<Expression> {
    if let Err(fault) = is_shallow(&written.value) {
        let finding = Finding::at(&written.place, Kind::Expression, format!("the expression {fault}"));
        log.problem(finding.hint("say it with fewer brackets and operators, or as two rules"));
        return None;
    }
    let error = match compile_with_room(&written.value, variables) {
        Ok(expression) => return Some(expression),
        Err(error) => error,
    };
    let (place, hint) = match &error {
        ExpressionError::UnknownVariable(name) => {
            let hint = match closest(name, variables.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("this expression may name {}", listed(variables, "and")),
            };
            (place_of_word(&written.place, name), Some(hint))
        }
        ExpressionError::UnknownFunction(name) => (place_of_word(&written.place, name), None),
        ExpressionError::Syntax(said) => {
            syntax_error(written, said, log);
            return None;
        }
        _ => (written.place.clone(), None),
    };
    log.problem(Finding::at(&place, Kind::Expression, clean(&error.to_string(), 200)).maybe_hint(hint));
    None
}

/// What the compiler says is `ERROR: <input>:LINE:COLUMN: Syntax error: MESSAGE expecting … | SOURCE | CARET`.
fn syntax_error(written: &Written<String>, said: &str, log: &Log) {
    let said = said.trim_start_matches("ERROR: <input>:");
    let mut parts = said.splitn(3, ':');
    let (line, column) = (number(parts.next()), number(parts.next()));
    let message = match (line, column, parts.next()) {
        (Some(_), Some(_), Some(message)) => message,
        _ => said,
    };
    let message = message.split(" | ").next().unwrap_or_default();
    let message = message.split(" expecting ").next().unwrap_or_default().trim().trim_start_matches("Syntax error: ");
    let message = message.replace("mismatched input '<EOF>'", "it ends too soon");
    let place = match (line, column) {
        (Some(1), Some(column)) => place_of_column(written, column),
        _ => written.place.clone(),
    };
    let finding = Finding::at(&place, Kind::Expression, format!("not a CEL expression: {}", clean(&message, 160)));
    log.problem(finding.hint("expressions are CEL: `&&`, `||`, `!`, `==`, `in`, `has(…)`, text in quotes"));
}

fn number(text: Option<&str>) -> Option<usize> {
    text?.trim().parse().ok()
}

/// The character `column` (from 1) of a text that is written without escapes in one line; otherwise all of it.
fn place_of_column(written: &Written<String>, column: usize) -> Place {
    let place = &written.place;
    let raw = place.source.text().get(place.span.clone()).unwrap_or_default();
    let is_literal = raw.len() == written.value.len() + 2 && raw.contains(&written.value);
    let at = written.value.char_indices().map(|(at, _)| at).nth(column.saturating_sub(1));
    if !is_literal {
        return place.clone();
    }
    let start = place.span.start + 1 + at.unwrap_or(written.value.len());
    Place { source: place.source.clone(), span: start..start + 1 }
}

fn compile_with_room(source: &str, variables: &[&str]) -> Result<Expression, ExpressionError> {
    let failed = || ExpressionError::Failed("there is no room to compile it".to_owned());
    std::thread::scope(|scope| {
        let roomy = std::thread::Builder::new().stack_size(STACK);
        let compiling = roomy.spawn_scoped(scope, || Expression::compile(source, variables)).map_err(|_| failed())?;
        compiling.join().unwrap_or_else(|_| Err(failed()))
    })
}

/// Counts brackets and operators outside of quoted text. `&&` and `||` do not count: they are balanced into a tree.
fn is_shallow(source: &str) -> Result<(), String> {
    let (mut depth, mut operators, mut comparisons) = (0_usize, 0_usize, 0_usize);
    let mut quote: Option<char> = None;
    let mut is_escaped = false;
    for character in source.chars() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if character == '\\' => is_escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None => match character {
                '"' | '\'' => quote = Some(character),
                '(' | '[' | '{' => {
                    depth += 1;
                    operators += usize::from(character == '[');
                }
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '+' | '-' | '*' | '/' | '%' | '?' => operators += 1,
                '=' | '<' | '>' => comparisons += 1,
                '&' | '|' | ',' => comparisons = 0,
                _ => {}
            },
        }
        if depth > MAX_BRACKETS {
            return Err(format!("has brackets more than {MAX_BRACKETS} deep"));
        }
        if comparisons > MAX_COMPARISONS {
            return Err("compares too often in a row".to_owned());
        }
        if operators > MAX_OPERATORS {
            return Err(format!("has more than {MAX_OPERATORS} of `+ - * / % ? [`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_overflow_the_stack_is_refused_and_what_people_write_is_not() {
        for source in [
            "order != null && (order.status in [\"open\", \"late\"] || (has(args.x) && args.x * 2 > 3))".to_owned(),
            "args.x == 1 && ".repeat(200) + "true",
            format!("x == \"{}\"", "(".repeat(500)),
            format!("x == '\\'{}'", "(".repeat(500)),
        ] {
            assert_eq!(is_shallow(&source), Ok(()), "{source}");
        }
        for source in [
            "(".repeat(13),
            "[".repeat(40),
            "1+".repeat(33),
            "x ? 1 : ".repeat(33),
            "x[0]".repeat(33),
            "1==".repeat(17),
        ] {
            assert!(is_shallow(&source).is_err(), "{source}");
        }
    }
}
