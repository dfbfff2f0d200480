//! What a tool does, checked: its kind against its effect, its source, its query.

use mainstay_core::tool::Effect;
use mainstay_tools::sql::{self, Dialect};

use super::super::agent::ToolKind;
use super::super::file::tool::{ArgumentKind, ToolTable, ToolTableKind};
use super::super::problem::{Finding, Kind, clean, quoted, suggestion};
use super::super::settings::SourceConfig;
use super::super::source::Written;
use super::tool::Subject;
use super::{http, place_of_word, unknown};

pub(super) fn check(subject: &Subject<'_>, table: &ToolTable) -> Option<ToolKind> {
    match &table.kind {
        ToolTableKind::Sql { source, query, max_rows, single } => {
            expect_effect(subject, Effect::Read, "a sql tool can only read");
            let source = source.as_ref();
            let dialect = match source.and_then(|source| find_source(subject, source, &["sqlite", "postgres"])) {
                Some(SourceConfig::Postgres { .. }) => Dialect::Postgres,
                // Without a source either may be meant; one of them finds what is wrong in both.
                Some(SourceConfig::Sqlite { .. } | SourceConfig::Http { .. }) | None => Dialect::Sqlite,
            };
            let query = query.as_ref()?;
            check_query(subject, query, dialect);
            Some(ToolKind::Sql {
                source: source?.value.clone(),
                query: query.value.clone(),
                max_rows: *max_rows,
                single: *single,
            })
        }
        ToolTableKind::Http(table) => {
            if let Some(effect) = &subject.tool.effect
                && effect.value == Effect::Draft
            {
                let message = "an http tool reaches another system, so it cannot be a draft";
                let finding = Finding::at(&effect.place, Kind::Policy, message);
                subject.log.problem(finding.hint("`read`, `idempotent` or `write`"));
            }
            if let Some(source) = &table.source {
                find_source(subject, source, &["http"]);
            }
            http::check(subject, table)
        }
        ToolTableKind::Knowledge { top } => {
            expect_effect(subject, Effect::Read, "a knowledge tool can only read");
            subject.uses(["query"]);
            let query = subject.arguments.declared.get("query");
            if query.is_none_or(|query| query.kind != ArgumentKind::Text || query.is_optional || query.is_bound) {
                let message = "a knowledge tool needs the argument `query`, a string";
                let finding = Finding::at(&table.place, Kind::Missing, message);
                subject.log.problem(finding.hint("`args = { query = { type = \"string\", max_length = 300 } }`"));
            }
            Some(ToolKind::Knowledge { top: *top })
        }
        ToolTableKind::Draft => {
            expect_effect(subject, Effect::Draft, "a draft changes nothing");
            subject.uses(subject.arguments.names());
            Some(ToolKind::Draft)
        }
        ToolTableKind::Function(table) => Some(ToolKind::Function(table.body.clone())),
    }
}

fn expect_effect(subject: &Subject<'_>, wanted: Effect, why: &str) {
    if let Some(effect) = &subject.tool.effect
        && effect.value != wanted
    {
        let wanted = wanted.as_str();
        let message = format!("{why}, so its effect is `{wanted}`, not `{}`", effect.value.as_str());
        subject.log.problem(Finding::at(&effect.place, Kind::Policy, message).hint(format!("`effect = \"{wanted}\"`")));
    }
}

/// The source, when it is of one of the `kinds`; otherwise that is recorded.
fn find_source<'s>(subject: &Subject<'s>, written: &Written<String>, kinds: &[&str]) -> Option<&'s SourceConfig> {
    let settings = subject.settings;
    match settings.sources.get(&written.value) {
        Some(Some(source)) if kinds.contains(&source.kind()) => Some(source),
        Some(Some(source)) => {
            let article = if source.kind() == "http" { "an" } else { "a" };
            let message = format!("the source {} is {article} {} source", quoted(&written.value), source.kind());
            let hint = format!("this tool needs one of the kind `{}`", kinds.join("` or `"));
            subject.log.problem(Finding::at(&written.place, Kind::Reference, message).hint(hint));
            None
        }
        // A broken source, or a broken file, has been recorded.
        Some(None) => None,
        None if !settings.is_complete => None,
        None => {
            let may_be_meant =
                |source: &Option<SourceConfig>| source.as_ref().is_none_or(|source| kinds.contains(&source.kind()));
            let fitting = settings.sources.iter().filter(|(_, source)| may_be_meant(source));
            unknown("source", written, fitting.map(|(name, _)| name.as_str()), subject.log);
            None
        }
    }
}

fn check_query(subject: &Subject<'_>, query: &Written<String>, dialect: Dialect) {
    let checked = match sql::check(&query.value, dialect) {
        Ok(checked) => checked,
        Err(fault) => {
            subject.uses(subject.arguments.names());
            let finding = Finding::at(&query.place, Kind::Expression, clean(&fault.to_string(), 200));
            subject.log.problem(finding.hint("one `select` that only reads, with `:name` for arguments"));
            return;
        }
    };
    for name in checked.parameters() {
        subject.uses([name.as_str()]);
        if !subject.arguments.declared.contains_key(name) {
            let message = format!("{} is no argument of this tool", quoted(&format!(":{name}")));
            let finding = Finding::at(&place_of_word(&query.place, name), Kind::Reference, message);
            subject.log.problem(finding.maybe_hint(suggestion(name, subject.arguments.names())));
        }
    }
}
