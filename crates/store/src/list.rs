//! The statements of a list that can be narrowed down: one for each combination of its conditions, written out when the
//! list is first asked for.
//!
//! A single statement with `$1 is null or column = $1` for every condition would be shorter, and no engine would find the
//! index for it. What goes into a statement is ours; what callers name are only ever its arguments.

use crate::value::{Sql, Value};

/// A list and its conditions. See [`List::narrowed`].
pub(crate) struct List {
    statements: Vec<(String, String)>,
}

/// Where the conditions go in a frame that has none of its own.
const WHERE: &str = "{where}";
/// Where they go in one that has.
const AND: &str = "{and}";

impl List {
    /// `frame` is a statement with `{where}` or `{and}` in it whose arguments `$1` to `$fixed` are there in any case; each of
    /// `conditions` has a `?` for its one argument.
    pub(crate) fn new(frame: impl Into<Sql>, fixed: usize, conditions: &[&str]) -> Self {
        let frame = frame.into();
        let statement = |combination: usize| {
            let chosen = conditions.iter().enumerate().filter(|(bit, _)| combination & (1 << bit) != 0);
            let numbered = chosen.zip(fixed + 1..).map(|((_, condition), n)| condition.replace('?', &format!("${n}")));
            let conditions = numbered.collect::<Vec<String>>().join(" and ");
            let clause = |word| if conditions.is_empty() { String::new() } else { format!(" {word} {conditions}") };
            let fill = |frame: &str| frame.replace(WHERE, &clause("where")).replace(AND, &clause("and"));
            (fill(frame.sqlite), fill(frame.postgres))
        };
        Self { statements: (0..1 << conditions.len()).map(statement).collect() }
    }

    /// The statement for the conditions that have an argument, with all arguments: those that are `fixed` and those that
    /// were given, one place per condition.
    pub(crate) fn narrowed(
        &'static self,
        fixed: Vec<Value>,
        given: impl IntoIterator<Item = Option<Value>>,
    ) -> (Sql, Vec<Value>) {
        let (mut values, mut combination) = (fixed, 0);
        for (bit, value) in given.into_iter().enumerate() {
            if let Some(value) = value {
                combination |= 1_usize << bit;
                values.push(value);
            }
        }
        // There is one for every combination.
        let (sqlite, postgres) = self
            .statements
            .get(combination)
            .map_or(("", ""), |(sqlite, postgres)| (sqlite.as_str(), postgres.as_str()));
        (Sql { sqlite, postgres }, values)
    }
}

/// A condition's argument, where a filter names it.
pub(crate) fn given<T>(filter: Option<T>) -> Option<Value>
where
    Value: From<T>,
{
    filter.map(Value::from)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::value::values;

    #[test]
    fn only_what_is_asked_for_is_in_the_statement_and_its_arguments_are_in_their_places() {
        static THINGS: LazyLock<List> = LazyLock::new(|| {
            List::new("select x from things{where} limit $1", 1, &["a = ? and a <> ''", "b = ?", "id < ?"])
        });
        let text = |text: &str| Some(Value::from(text));
        let (sql, arguments) = THINGS.narrowed(values![9_u32], [None, None, None]);
        assert_eq!((sql.sqlite, arguments), ("select x from things limit $1", values![9_u32]));
        let (sql, arguments) = THINGS.narrowed(values![9_u32], [text("'; --"), None, text("i")]);
        assert_eq!(sql.postgres, "select x from things where a = $2 and a <> '' and id < $3 limit $1");
        assert_eq!(arguments, values![9_u32, "'; --", "i"]);
        let (sql, _) = THINGS.narrowed(values![9_u32], [None, text("b"), None]);
        assert_eq!(sql.sqlite, "select x from things where b = $2 limit $1");

        static OPEN: LazyLock<List> =
            LazyLock::new(|| List::new("select x from things where y is null{and}", 0, &["b = ?"]));
        assert_eq!(OPEN.narrowed(values![], [None]).0.sqlite, "select x from things where y is null");
        assert_eq!(OPEN.narrowed(values![], [text("b")]).0.sqlite, "select x from things where y is null and b = $1");
    }
}
