//! A `[tools.NAME]` table as written.

use std::ops::RangeInclusive;
use std::time::Duration;

use mainstay_core::tool::{Binding, Effect};
use mainstay_egress::Method;
use serde_json::{Number, Value};

use super::super::problem::{Finding, Kind};
use super::super::reader::Table;
use super::super::source::{Place, Written};
use super::settings::exactly_one;
use crate::function::FunctionBody;

pub(crate) struct Tool {
    pub(crate) name: Written<String>,
    pub(crate) description: Option<String>,
    pub(crate) effect: Option<Written<Effect>>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) facts: Vec<(Written<String>, Written<String>)>,
    pub(crate) when: Option<Written<String>>,
    pub(crate) approve: Option<Written<String>>,
    pub(crate) probe: Option<Probe>,
    pub(crate) claims: Option<Written<Vec<Written<String>>>>,
    pub(crate) trusted: Option<bool>,
    pub(crate) shared: Option<Written<bool>>,
    pub(crate) timeout: Duration,
    /// `None` when the kind is missing or unclear, which is already a problem.
    pub(crate) kind: Option<ToolTable>,
}

pub(crate) struct Argument {
    pub(crate) name: Written<String>,
    pub(crate) from: ArgumentFrom,
}

pub(crate) enum ArgumentFrom {
    /// The runtime sets it.
    Bound(Binding),
    /// The model sets it.
    Model(Box<Specification>),
    /// Already a problem.
    Broken,
}

pub(crate) struct Specification {
    pub(crate) kind: ArgumentKind,
    pub(crate) description: Option<String>,
    pub(crate) pattern: Option<Written<String>>,
    pub(crate) choices: Option<Written<Vec<Value>>>,
    pub(crate) min: Option<Written<Number>>,
    pub(crate) max: Option<Written<Number>>,
    pub(crate) min_length: Option<Written<u64>>,
    pub(crate) max_length: Option<Written<u64>>,
    pub(crate) is_optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    Text,
    Number,
    Integer,
    Boolean,
    /// A list, an object, or a choice of several; only functions have such.
    Other,
}

impl ArgumentKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Other => "value",
        }
    }

    /// Whether every value of this kind is one of `other`.
    pub(crate) fn is_a(self, other: Self) -> bool {
        self == other || (self == Self::Integer && other == Self::Number)
    }

    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Integer)
    }
}

pub(crate) struct Probe {
    pub(crate) place: Place,
    pub(crate) tool: Option<Written<String>>,
    pub(crate) happened: Option<Written<String>>,
}

pub(crate) struct ToolTable {
    pub(crate) place: Place,
    pub(crate) kind: ToolTableKind,
}

pub(crate) enum ToolTableKind {
    Sql {
        source: Option<Written<String>>,
        query: Option<Written<String>>,
        max_rows: u32,
        single: bool,
    },
    Http(HttpTable),
    Knowledge {
        top: u32,
    },
    Draft,
    /// Never written in a file.
    Function(FunctionTable),
}

impl ToolTableKind {
    pub(crate) const fn is_knowledge(&self) -> bool {
        matches!(self, Self::Knowledge { .. })
    }
}

pub(crate) struct HttpTable {
    pub(crate) source: Option<Written<String>>,
    pub(crate) method: Option<Written<Method>>,
    pub(crate) path: Option<Written<String>>,
    pub(crate) query: Vec<(Written<String>, Written<String>)>,
    pub(crate) body: Option<Written<Value>>,
}

pub(crate) struct FunctionTable {
    /// `None` when there is none, which is already a problem.
    pub(crate) parameters: Option<Value>,
    pub(crate) body: FunctionBody,
}

const KINDS: [&str; 4] = ["sql", "http", "knowledge", "draft"];

/// How long a call may take.
pub(crate) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(120);

pub(crate) fn read(name: Written<String>, table: Table<'_>) -> Tool {
    let found: Vec<_> = KINDS.into_iter().filter_map(|kind| Some((kind, table.table(kind)?))).collect();
    let is_draft = found.iter().any(|(kind, _)| *kind == "draft");
    let effects = [Effect::Read, Effect::Draft, Effect::Idempotent, Effect::Write];
    table.require("effect", "what calling it does: `read`, `draft`, `idempotent` or `write`");
    if !is_draft {
        table.require("description", "what the tool does, in a sentence for the model");
    }
    let tool = Tool {
        name,
        description: table.line("description").map(|written| written.value),
        effect: table.word("effect", &effects.map(|effect| (effect.as_str(), effect))),
        arguments: table.tables("args").into_iter().map(|(name, table)| argument(name, table)).collect(),
        facts: table.text_entries("facts"),
        when: table.text("when"),
        approve: table.text("approve"),
        probe: table.table("probe").map(probe),
        claims: table.texts("claims"),
        trusted: table.boolean("trusted").map(|written| written.value),
        shared: table.boolean("shared"),
        timeout: table.duration("timeout", TIMEOUTS).map_or(Duration::from_secs(10), |written| written.value),
        kind: None,
    };
    // Only now are all keys known, so that a misspelt kind is one problem and not two.
    let kind = exactly_one(found, &table, &KINDS, |kind| kind).map(|(kind, inner)| kind_table(kind, inner));
    table.finish();
    Tool { kind, ..tool }
}

fn kind_table(kind: &str, table: Table<'_>) -> ToolTable {
    let place = table.place().clone();
    let number = |key, range, default| {
        table.integer(key, range).and_then(|written| u32::try_from(written.value).ok()).unwrap_or(default)
    };
    let kind = match kind {
        "sql" => {
            table.require("source", "the name of a database in [sources] of mainstay.toml");
            table.require("query", "a single `select` with `:name` for arguments");
            ToolTableKind::Sql {
                source: table.text("source"),
                query: table.text("query"),
                max_rows: number("max_rows", 1..=1_000, 50),
                single: table.boolean("single").is_some_and(|written| written.value),
            }
        }
        "http" => {
            table.require("source", "the name of an HTTP API in [sources] of mainstay.toml");
            table.require("method", "such as `method = \"GET\"`");
            table.require("path", "such as `path = \"/orders/{order_id}\"`");
            let methods = [
                ("GET", &Method::GET),
                ("POST", &Method::POST),
                ("PUT", &Method::PUT),
                ("PATCH", &Method::PATCH),
                ("DELETE", &Method::DELETE),
            ];
            ToolTableKind::Http(HttpTable {
                source: table.text("source"),
                method: table.word("method", &methods).map(|written| written.map(Method::clone)),
                path: table.text("path"),
                query: table.text_entries("query"),
                body: table.json("body"),
            })
        }
        "knowledge" => ToolTableKind::Knowledge { top: number("top", 1..=20, 4) },
        _ => ToolTableKind::Draft,
    };
    table.finish();
    ToolTable { place, kind }
}

fn argument(name: Written<String>, table: Table<'_>) -> Argument {
    let from = match table.has("from") {
        true => bound(&table),
        false => ArgumentFrom::Model(Box::new(specification(&table))),
    };
    table.finish();
    Argument { name, from }
}

fn bound(table: &Table<'_>) -> ArgumentFrom {
    let bindings = [
        ("principal.id", Binding::PrincipalId),
        ("principal.tenant", Binding::PrincipalTenant),
        ("call.key", Binding::CallKey),
    ];
    let binding = table.word("from", &bindings);
    let others = ["type", "description", "pattern", "enum", "min", "max", "min_length", "max_length", "optional"];
    if let Some(other) = others.into_iter().find(|key| table.has(key)) {
        let message = format!("{} has both `from` and `{other}`", table.title());
        let finding = Finding::at(table.place(), Kind::Value, message);
        table.log().problem(finding.hint("an argument with `from` is set by the runtime; the model never sees it"));
    }
    binding.map_or(ArgumentFrom::Broken, |binding| ArgumentFrom::Bound(binding.value))
}

fn specification(table: &Table<'_>) -> Specification {
    let kinds = [ArgumentKind::Text, ArgumentKind::Number, ArgumentKind::Integer, ArgumentKind::Boolean];
    let kind = table.word("type", &kinds.map(|kind| (kind.as_str(), kind)));
    Specification {
        kind: kind.map_or(ArgumentKind::Text, |written| written.value),
        description: table.line("description").map(|written| written.value),
        pattern: table.text("pattern"),
        choices: table.list_of_json("enum"),
        min: table.number("min"),
        max: table.number("max"),
        min_length: table.integer("min_length", 0..=100_000),
        max_length: table.integer("max_length", 1..=100_000),
        is_optional: table.boolean("optional").is_some_and(|written| written.value),
    }
}

fn probe(table: Table<'_>) -> Probe {
    table.require("tool", "the read tool that looks whether it happened");
    table.require("happened", "a CEL expression over `args` and `result`");
    let probe = Probe { place: table.place().clone(), tool: table.text("tool"), happened: table.text("happened") };
    table.finish();
    probe
}
