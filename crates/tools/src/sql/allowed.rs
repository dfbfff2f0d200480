//! What a query may name: functions, types and tables. Everything that is absent here is refused, so a function belongs
//! on a list only when it reads nothing but its arguments, changes nothing, and cannot be made to fill the memory or to
//! wait. That is why `repeat`, `lpad`, `printf`, `zeroblob`, `random` and every `pg_…` function are absent.

use sqlparser::ast::{BinaryOperator, DataType, UnaryOperator};

use super::readonly::Dialect;

/// True for functions (lower case) that only compute.
pub(super) fn function(name: &str, dialect: Dialect) -> bool {
    let own = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    BOTH.contains(&name) || own.contains(&name)
}

const BOTH: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "lag",
    "last_value",
    "lead",
    "length",
    "ln",
    "log",
    "log10",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "power",
    "radians",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "trim",
    "trunc",
    "upper",
];

const SQLITE: &[&str] = &[
    "datetime",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_type",
    "json_valid",
    "julianday",
    "pow",
    "strftime",
    "time",
    "timediff",
    "total",
    "typeof",
    "unicode",
    "unixepoch",
];

const POSTGRES: &[&str] = &[
    "age",
    "array_agg",
    "array_length",
    "array_position",
    "array_to_string",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "char_length",
    "character_length",
    "clock_timestamp",
    "date_part",
    "date_trunc",
    "every",
    "extract",
    "greatest",
    "initcap",
    "json_agg",
    "json_array_length",
    "json_build_array",
    "json_build_object",
    "json_extract_path_text",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_object_agg",
    "jsonb_typeof",
    "json_typeof",
    "least",
    "left",
    "localtime",
    "localtimestamp",
    "make_date",
    "make_interval",
    "mode",
    "now",
    "percentile_cont",
    "percentile_disc",
    "phraseto_tsquery",
    "plainto_tsquery",
    "position",
    "regexp_replace",
    "reverse",
    "right",
    "row",
    "split_part",
    "starts_with",
    "statement_timestamp",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "strpos",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsvector",
    "transaction_timestamp",
    "translate",
    "ts_rank",
    "ts_rank_cd",
    "var_pop",
    "var_samp",
    "variance",
    "websearch_to_tsquery",
];

/// Words that PostgreSQL reads as functions without brackets and that tell about the server.
pub(super) fn keyword_function(name: &str, dialect: Dialect) -> bool {
    const WORDS: &[&str] = &[
        "user",
        "session_user",
        "current_user",
        "system_user",
        "current_role",
        "current_catalog",
        "current_schema",
        "current_database",
    ];
    dialect == Dialect::Postgres && WORDS.contains(&name)
}

/// True for the names (lower case) of tables that belong to the database itself.
pub(super) fn system_table(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sqlite => name.starts_with("sqlite_"),
        Dialect::Postgres => name.starts_with("pg_") || name == "information_schema",
    }
}

/// True for SQLite's virtual tables that work without being declared, as `select * from pragma_table_list` does.
pub(super) fn table_function(name: &str, dialect: Dialect) -> bool {
    const NAMES: &[&str] = &[
        "dbstat",
        "json_each",
        "json_tree",
        "jsonb_each",
        "jsonb_tree",
        "bytecode",
        "tables_used",
        "completion",
        "fsdir",
        "generate_series",
        "carray",
        "zipfile",
        "csv",
        "stmt",
        "fts3tokenize",
        "fts5vocab",
        "rtree",
    ];
    dialect == Dialect::Sqlite && (name.starts_with("pragma_") || NAMES.contains(&name))
}

/// True for schemas (lower case) whose tables may be named.
pub(super) fn schema(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sqlite => name == "main",
        Dialect::Postgres => !system_table(name, dialect),
    }
}

/// True for types that a value may be cast to.
pub(super) fn data_type(of: &DataType) -> bool {
    use sqlparser::ast::ArrayElemTypeDef;
    match of {
        DataType::Character(_)
        | DataType::Char(_)
        | DataType::CharacterVarying(_)
        | DataType::CharVarying(_)
        | DataType::Varchar(_)
        | DataType::Text
        | DataType::Uuid
        | DataType::Numeric(_)
        | DataType::Decimal(_)
        | DataType::Dec(_)
        | DataType::Float(_)
        | DataType::TinyInt(_)
        | DataType::SmallInt(_)
        | DataType::MediumInt(_)
        | DataType::Int(_)
        | DataType::Int2(_)
        | DataType::Int4(_)
        | DataType::Int8(_)
        | DataType::Integer(_)
        | DataType::BigInt(_)
        | DataType::Float4
        | DataType::Float8
        | DataType::Real
        | DataType::Double(_)
        | DataType::DoublePrecision
        | DataType::Bool
        | DataType::Boolean
        | DataType::Date
        | DataType::Datetime(_)
        | DataType::Time(..)
        | DataType::Timestamp(..)
        | DataType::Interval { .. }
        | DataType::JSON
        | DataType::JSONB
        | DataType::TsVector
        | DataType::TsQuery => true,
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => data_type(element),
        _ => false,
    }
}

/// True for operators between two values.
pub(super) fn binary(operator: &BinaryOperator) -> bool {
    use BinaryOperator as Op;
    matches!(
        operator,
        Op::Plus
            | Op::Minus
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::StringConcat
            | Op::Gt
            | Op::Lt
            | Op::GtEq
            | Op::LtEq
            | Op::Eq
            | Op::NotEq
            | Op::And
            | Op::Or
            | Op::BitwiseOr
            | Op::BitwiseAnd
            | Op::Match
            | Op::Glob
            | Op::PGOverlap
            | Op::PGRegexMatch
            | Op::PGRegexIMatch
            | Op::PGRegexNotMatch
            | Op::PGRegexNotIMatch
            | Op::PGStartsWith
            | Op::Arrow
            | Op::LongArrow
            | Op::HashArrow
            | Op::HashLongArrow
            | Op::AtAt
            | Op::AtArrow
            | Op::ArrowAt
            | Op::Question
            | Op::QuestionAnd
            | Op::QuestionPipe
            | Op::Overlaps
    )
}

/// True for operators before one value.
pub(super) fn unary(operator: &UnaryOperator) -> bool {
    matches!(operator, UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not | UnaryOperator::BitwiseNot)
}
