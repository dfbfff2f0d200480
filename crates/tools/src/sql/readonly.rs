//! The first of the four means that keep a SQL tool read-only: the query is parsed, and every node of its tree must be
//! on an allow-list. What is not known to be harmless is refused, whatever it is.
//!
//! What the database runs afterwards is *not* the text as written: it is the checked tree written out again, with
//! numbered placeholders in place of the named parameters. So comments, odd white space and everything else that the
//! parser skips never reaches the database, and the text is only accepted when parsing it again gives the same tree.
//!
//! Pure: no connection is needed, and the same query always gives the same answer.

use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect as Grammar, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};

use super::walk::{Walk, kind};

/// Longest accepted query, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most words and signs in a query.
const MAX_TOKENS: usize = 1_500;
/// Deepest nesting of brackets. The parser tries some of them twice, so its time doubles with each.
const MAX_BRACKETS: usize = 16;
/// Stack of the thread that checks, in bytes.
const STACK: usize = 16 * 1024 * 1024;

/// Checks that `query` can only read, finds its named parameters and rewrites them to numbered ones.
///
/// # Errors
/// The first thing that is not on the allow-list.
pub fn check(query: &str, dialect: Dialect) -> Result<Checked, SqlProblem> {
    // The parser takes tens of kilobytes of stack per level in a debug build; ours holds what it accepts at most.
    std::thread::scope(|scope| {
        let roomy = std::thread::Builder::new().stack_size(STACK);
        let checking = roomy.spawn_scoped(scope, || check_here(query, dialect)).map_err(|_| SqlProblem::NotChecked)?;
        checking.join().unwrap_or(Err(SqlProblem::NotChecked))
    })
}

fn check_here(query: &str, dialect: Dialect) -> Result<Checked, SqlProblem> {
    let mut statements = parse(query, dialect)?;
    if statements.len() > 1 {
        return Err(SqlProblem::ManyStatements(statements.len()));
    }
    let Some(statement) = statements.first_mut() else { return Err(SqlProblem::Empty) };
    let Statement::Query(tree) = statement else { return Err(SqlProblem::NotAQuery(kind(statement))) };

    let mut walk = Walk::new(dialect);
    walk.top(tree)?;
    let sql = tree.to_string();
    let again = parse(&sql, dialect).map_err(|_| SqlProblem::Unfaithful)?;
    if again != statements {
        return Err(SqlProblem::Unfaithful);
    }
    Ok(Checked { sql, parameters: walk.parameters })
}

/// A query that can only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    sql: String,
    parameters: Vec<String>,
}

impl Checked {
    /// What the database runs: the query with `?1` (SQLite) or `$1` (PostgreSQL) for its first parameter.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The names of the parameters; the first is number 1. Each name occurs once.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }
}

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The numbered placeholder of a parameter, counted from 1.
    pub(super) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
        }
    }

    fn grammar(self) -> &'static dyn Grammar {
        match self {
            Self::Sqlite => &SQLiteDialect {},
            Self::Postgres => &PostgreSqlDialect {},
        }
    }
}

/// Why a query is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlProblem {
    /// There is no statement.
    #[error("there is no query")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("the query is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Too many words or too deeply nested.
    #[error("the query is too large: {0}")]
    TooComplex(&'static str),
    /// The text holds a character that no query needs.
    #[error("the query holds a control character")]
    ControlCharacter,
    /// Not SQL of this engine.
    #[error("the query cannot be parsed: {0}")]
    Parse(String),
    /// More than one statement.
    #[error("the query is {0} statements; a tool runs exactly one")]
    ManyStatements(usize),
    /// A statement that is no query.
    #[error("a `{0}` statement is no query; a tool only reads")]
    NotAQuery(String),
    /// A statement that changes data stands inside the query.
    #[error("`{0}` inside the query changes data; a tool only reads")]
    Write(String),
    /// `SELECT … INTO`.
    #[error("`SELECT … INTO` writes a table; a tool only reads")]
    Into,
    /// `FOR UPDATE` and the like.
    #[error("`FOR {0}` locks rows; a tool only reads")]
    Lock(String),
    /// A common table expression that reads from itself.
    #[error("the common table expression `{0}` is recursive, and recursion has no bound")]
    Recursive(String),
    /// A function that is not on the list.
    #[error("the function `{0}` is not on the list of harmless ones")]
    Function(String),
    /// A table function, or a virtual table that acts as one.
    #[error("the table function `{0}` is not allowed")]
    TableFunction(String),
    /// A table of the database itself.
    #[error("`{0}` belongs to the database's own catalog")]
    SystemTable(String),
    /// A type that is not on the list.
    #[error("a cast to `{0}` is not allowed")]
    Type(String),
    /// An operator that is not on the list.
    #[error("the operator `{0}` is not allowed")]
    Operator(String),
    /// A way to write a value that is not on the list.
    #[error("a literal of the kind `{0}` is not allowed; write plain strings and numbers")]
    Literal(String),
    /// A placeholder that is not `:name`.
    #[error("the placeholder `{0}` has no usable name; write `:name`")]
    Placeholder(String),
    /// Two result columns of one name: one would hide the other.
    #[error("two result columns are called `{0}`; give one another name with `AS`")]
    DuplicateColumn(String),
    /// Any other part of SQL that is not on the list.
    #[error("`{0}` is not part of the SQL that a tool may use")]
    Node(String),
    /// The parser does not read back what it wrote.
    #[error("the query cannot be written out unchanged; put it more simply")]
    Unfaithful,
    /// The check itself could not be done.
    #[error("the query could not be checked")]
    NotChecked,
    /// A parameter that is no argument of the tool.
    #[error("the parameter `:{0}` is no argument of the tool")]
    UnknownParameter(String),
}

fn parse(query: &str, dialect: Dialect) -> Result<Vec<Statement>, SqlProblem> {
    if query.len() > MAX_BYTES {
        return Err(SqlProblem::TooLong);
    }
    if query.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(SqlProblem::ControlCharacter);
    }
    let tokens = Tokenizer::new(dialect.grammar(), query)
        .tokenize_with_location()
        .map_err(|error| SqlProblem::Parse(error.to_string()))?;
    let (mut count, mut open, mut deepest) = (0_usize, 0_usize, 0_usize);
    for token in &tokens {
        match token.token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket => open += 1,
            Token::RParen | Token::RBracket => open = open.saturating_sub(1),
            _ => {}
        }
        count += 1;
        deepest = deepest.max(open);
    }
    if count > MAX_TOKENS {
        return Err(SqlProblem::TooComplex("too many words"));
    }
    if deepest > MAX_BRACKETS {
        return Err(SqlProblem::TooComplex("brackets are nested too deeply"));
    }
    Parser::new(dialect.grammar()).with_tokens_with_locations(tokens).parse_statements().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => SqlProblem::TooComplex("expressions are nested too deeply"),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => SqlProblem::Parse(message),
    })
}

#[cfg(test)]
mod tests;
