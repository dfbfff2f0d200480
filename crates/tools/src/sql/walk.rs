//! Walks the whole tree of a query. Structures are taken apart field by field, so that a field which a newer parser adds
//! does not compile until somebody has thought about it; variants that are not named here are refused.

use std::fmt::{self, Debug, Write as _};

use sqlparser::ast::{
    Cte, Distinct, Expr, Fetch, FunctionArguments, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, LimitClause,
    NamedWindowDefinition, NamedWindowExpr, ObjectName, ObjectNamePart, OrderBy, OrderByExpr, OrderByKind, Query,
    Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, TableAlias,
    TableFactor, TableWithJoins, WildcardAdditionalOptions, WindowFrameBound, WindowSpec, WindowType, With,
};

use super::allowed;
use super::readonly::{Dialect, SqlProblem};

/// Deepest tree: far below what would trouble the stack, far above what a query needs.
const MAX_DEPTH: usize = 100;

type Checked = Result<(), SqlProblem>;

/// One walk over one query.
pub(super) struct Walk {
    pub(super) dialect: Dialect,
    /// The parameters found so far; the first is number 1.
    pub(super) parameters: Vec<String>,
    /// Names of the common table expressions whose bodies the walk is in.
    defining: Vec<String>,
    depth: usize,
}

impl Walk {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, parameters: Vec::new(), defining: Vec::new(), depth: 0 }
    }

    /// Checks a whole query, and that its result columns have names of their own.
    pub(super) fn top(&mut self, query: &mut Query) -> Checked {
        self.query(query)?;
        let mut body = &*query.body;
        while let SetExpr::SetOperation { left, .. } = body {
            body = left;
        }
        let SetExpr::Select(select) = body else { return Ok(()) };
        let mut seen: Vec<&str> = Vec::new();
        for item in &select.projection {
            let name = match item {
                SelectItem::ExprWithAlias { alias, .. } => alias,
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => name,
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => match parts.last() {
                    Some(name) => name,
                    None => continue,
                },
                _ => continue,
            };
            if seen.iter().any(|other| other.eq_ignore_ascii_case(&name.value)) {
                return Err(SqlProblem::DuplicateColumn(name.value.clone()));
            }
            seen.push(&name.value);
        }
        Ok(())
    }

    pub(super) fn query(&mut self, query: &mut Query) -> Checked {
        self.deeper(|walk| walk.query_here(query))
    }

    /// Counts the depth of the tree around `work`.
    pub(super) fn deeper(&mut self, work: impl FnOnce(&mut Self) -> Checked) -> Checked {
        if self.depth >= MAX_DEPTH {
            return Err(SqlProblem::TooComplex("expressions are nested too deeply"));
        }
        self.depth += 1;
        let outcome = work(self);
        self.depth -= 1;
        outcome
    }

    fn query_here(&mut self, query: &mut Query) -> Checked {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        absent(settings, "SETTINGS")?;
        absent(format_clause, "FORMAT")?;
        absent(for_clause, "FOR")?;
        empty(pipe_operators, "|>")?;
        if let Some(lock) = locks.first() {
            return Err(SqlProblem::Lock(lock.lock_type.to_string()));
        }
        if let Some(with) = with {
            self.with(with)?;
        }
        self.body(body)?;
        if let Some(order_by) = order_by {
            self.order_by(order_by)?;
        }
        match limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                empty(limit_by, "LIMIT BY")?;
                self.maybe(limit.as_mut())?;
                self.maybe(offset.as_mut().map(|offset| &mut offset.value))?;
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.expr(offset)?;
                self.expr(limit)?;
            }
        }
        if let Some(Fetch { with_ties: _, percent, quantity }) = fetch {
            forbid(*percent, "FETCH … PERCENT")?;
            self.maybe(quantity.as_mut())?;
        }
        Ok(())
    }

    fn with(&mut self, with: &mut With) -> Checked {
        let With { with_token: _, recursive, cte_tables } = with;
        if *recursive {
            let name = cte_tables.first().map(|cte| cte.alias.name.value.clone());
            return Err(SqlProblem::Recursive(name.unwrap_or_default()));
        }
        for Cte { alias, query, from, materialized: _, closing_paren_token: _ } in cte_tables {
            absent(from, "FROM after a common table expression")?;
            table_alias(Some(alias))?;
            // SQLite needs no `RECURSIVE`: a body that names its own table is enough.
            self.defining.push(alias.name.value.to_lowercase());
            let outcome = self.query(query);
            self.defining.pop();
            outcome?;
        }
        Ok(())
    }

    fn body(&mut self, body: &mut SetExpr) -> Checked {
        self.deeper(|walk| match body {
            SetExpr::Select(select) => walk.select(select),
            SetExpr::Query(query) => walk.query(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                match (&op, &set_quantifier) {
                    (
                        SetOperator::Union | SetOperator::Except | SetOperator::Intersect,
                        SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None,
                    ) => {}
                    _ => return Err(SqlProblem::Node(format!("{op} {set_quantifier}").trim().to_owned())),
                }
                walk.body(left)?;
                walk.body(right)
            }
            SetExpr::Values(values) => {
                forbid(values.explicit_row, "VALUES ROW")?;
                values.rows.iter_mut().try_for_each(|row| walk.exprs(&mut row.content))
            }
            SetExpr::Insert(_) => Err(SqlProblem::Write("INSERT".to_owned())),
            SetExpr::Update(_) => Err(SqlProblem::Write("UPDATE".to_owned())),
            SetExpr::Delete(_) => Err(SqlProblem::Write("DELETE".to_owned())),
            SetExpr::Merge(_) => Err(SqlProblem::Write("MERGE".to_owned())),
            SetExpr::Table(_) => Err(SqlProblem::Node("TABLE".to_owned())),
        })
    }

    fn select(&mut self, select: &mut Select) -> Checked {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        if into.is_some() {
            return Err(SqlProblem::Into);
        }
        empty(optimizer_hints, "optimizer hint")?;
        absent(select_modifiers, "SELECT modifier")?;
        absent(top, "TOP")?;
        absent(exclude, "EXCLUDE")?;
        empty(lateral_views, "LATERAL VIEW")?;
        absent(prewhere, "PREWHERE")?;
        empty(connect_by, "CONNECT BY")?;
        empty(cluster_by, "CLUSTER BY")?;
        empty(distribute_by, "DISTRIBUTE BY")?;
        empty(sort_by, "SORT BY")?;
        absent(qualify, "QUALIFY")?;
        absent(value_table_mode, "AS STRUCT")?;
        forbid(!matches!(flavor, SelectFlavor::Standard), "FROM before SELECT")?;
        if let Some(Distinct::On(exprs)) = distinct {
            self.exprs(exprs)?;
        }
        for item in projection {
            self.select_item(item)?;
        }
        for table in from {
            self.table_with_joins(table)?;
        }
        self.maybe(selection.as_mut())?;
        match group_by {
            GroupByExpr::Expressions(exprs, modifiers) => {
                empty(modifiers, "GROUP BY … WITH")?;
                self.exprs(exprs)?;
            }
            GroupByExpr::All(_) => return Err(SqlProblem::Node("GROUP BY ALL".to_owned())),
        }
        self.maybe(having.as_mut())?;
        for NamedWindowDefinition(_, window) in named_window {
            match window {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(spec) => self.window(spec)?,
            }
        }
        Ok(())
    }

    fn select_item(&mut self, item: &mut SelectItem) -> Checked {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => self.expr(expr),
            SelectItem::Wildcard(options) => plain_wildcard(options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), options) => {
                plain_wildcard(options)
            }
            other => Err(SqlProblem::Node(kind(other))),
        }
    }

    fn table_with_joins(&mut self, table: &mut TableWithJoins) -> Checked {
        let TableWithJoins { relation, joins } = table;
        self.table(relation)?;
        for Join { relation, global, join_operator } in joins {
            forbid(*global, "GLOBAL JOIN")?;
            self.table(relation)?;
            match join_operator {
                JoinOperator::Join(on)
                | JoinOperator::Inner(on)
                | JoinOperator::Left(on)
                | JoinOperator::LeftOuter(on)
                | JoinOperator::Right(on)
                | JoinOperator::RightOuter(on)
                | JoinOperator::FullOuter(on)
                | JoinOperator::CrossJoin(on) => match on {
                    JoinConstraint::On(expr) => self.expr(expr)?,
                    JoinConstraint::Using(_) | JoinConstraint::Natural | JoinConstraint::None => {}
                },
                other => return Err(SqlProblem::Node(kind(other))),
            }
        }
        Ok(())
    }

    fn table(&mut self, table: &mut TableFactor) -> Checked {
        self.deeper(|walk| match table {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                if args.is_some() {
                    return Err(SqlProblem::TableFunction(name.to_string()));
                }
                empty(with_hints, "table hint")?;
                absent(version, "table version")?;
                forbid(*with_ordinality, "WITH ORDINALITY")?;
                empty(partitions, "PARTITION")?;
                absent(json_path, "JSON path")?;
                absent(sample, "TABLESAMPLE")?;
                empty(index_hints, "index hint")?;
                table_alias(alias.as_ref())?;
                walk.table_name(name)
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                absent(sample, "TABLESAMPLE")?;
                table_alias(alias.as_ref())?;
                walk.query(subquery)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                table_alias(alias.as_ref())?;
                walk.table_with_joins(table_with_joins)
            }
            TableFactor::Function { name, .. } => Err(SqlProblem::TableFunction(name.to_string())),
            TableFactor::TableFunction { .. } => Err(SqlProblem::TableFunction("TABLE".to_owned())),
            TableFactor::UNNEST { .. } => Err(SqlProblem::TableFunction("unnest".to_owned())),
            other => Err(SqlProblem::Node(kind(other))),
        })
    }

    fn table_name(&self, name: &ObjectName) -> Checked {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(ident.value.to_lowercase()),
                ObjectNamePart::Function(_) => return Err(SqlProblem::TableFunction(name.to_string())),
            }
        }
        let (schema, table) = match parts.as_slice() {
            [table] => (None, table),
            [schema, table] => (Some(schema), table),
            _ => return Err(SqlProblem::Node(name.to_string())),
        };
        if allowed::system_table(table, self.dialect)
            || schema.is_some_and(|schema| allowed::system_table(schema, self.dialect))
        {
            return Err(SqlProblem::SystemTable(name.to_string()));
        }
        if allowed::table_function(table, self.dialect) {
            return Err(SqlProblem::TableFunction(name.to_string()));
        }
        match schema {
            Some(schema) if !allowed::schema(schema, self.dialect) => Err(SqlProblem::Node(name.to_string())),
            None if self.defining.contains(table) => Err(SqlProblem::Recursive(table.clone())),
            _ => Ok(()),
        }
    }

    fn order_by(&mut self, order_by: &mut OrderBy) -> Checked {
        let OrderBy { kind, interpolate } = order_by;
        absent(interpolate, "INTERPOLATE")?;
        match kind {
            OrderByKind::Expressions(exprs) => self.ordered(exprs),
            OrderByKind::All(_) => Err(SqlProblem::Node("ORDER BY ALL".to_owned())),
        }
    }

    pub(super) fn ordered(&mut self, exprs: &mut [OrderByExpr]) -> Checked {
        for OrderByExpr { expr, options: _, with_fill } in exprs {
            absent(with_fill, "WITH FILL")?;
            self.expr(expr)?;
        }
        Ok(())
    }

    pub(super) fn window_type(&mut self, window: &mut WindowType) -> Checked {
        match window {
            WindowType::WindowSpec(spec) => self.window(spec),
            WindowType::NamedWindow(_) => Ok(()),
        }
    }

    fn window(&mut self, window: &mut WindowSpec) -> Checked {
        let WindowSpec { window_name: _, partition_by, order_by, window_frame } = window;
        self.exprs(partition_by)?;
        self.ordered(order_by)?;
        let Some(frame) = window_frame else { return Ok(()) };
        for bound in [Some(&mut frame.start_bound), frame.end_bound.as_mut()].into_iter().flatten() {
            match bound {
                WindowFrameBound::CurrentRow => {}
                WindowFrameBound::Preceding(expr) | WindowFrameBound::Following(expr) => {
                    self.maybe(expr.as_deref_mut())?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn exprs(&mut self, exprs: &mut [Expr]) -> Checked {
        exprs.iter_mut().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn maybe(&mut self, expr: Option<&mut Expr>) -> Checked {
        expr.map_or(Ok(()), |expr| self.expr(expr))
    }
}

fn table_alias(alias: Option<&TableAlias>) -> Checked {
    let Some(TableAlias { explicit: _, name: _, columns, at }) = alias else { return Ok(()) };
    absent(at, "AT")?;
    match columns.iter().find(|column| column.data_type.is_some()) {
        Some(column) => Err(SqlProblem::Node(column.to_string())),
        None => Ok(()),
    }
}

fn plain_wildcard(options: &WildcardAdditionalOptions) -> Checked {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    absent(opt_ilike, "* ILIKE")?;
    absent(opt_exclude, "* EXCLUDE")?;
    absent(opt_except, "* EXCEPT")?;
    absent(opt_replace, "* REPLACE")?;
    absent(opt_rename, "* RENAME")?;
    absent(opt_alias, "* AS")
}

/// The one identifier that a name consists of, in lower case; nothing when it is qualified or quoted.
pub(super) fn single(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(Ident { value, quote_style: None, .. })] => Some(value.to_lowercase()),
        _ => None,
    }
}

/// No arguments at all.
pub(super) fn no_arguments(arguments: &FunctionArguments) -> Checked {
    forbid(!matches!(arguments, FunctionArguments::None), "function parameter list")
}

pub(super) fn absent<T>(part: &Option<T>, name: &str) -> Checked {
    forbid(part.is_some(), name)
}

pub(super) fn empty<T>(part: &[T], name: &str) -> Checked {
    forbid(!part.is_empty(), name)
}

pub(super) fn forbid(present: bool, name: &str) -> Checked {
    if present { Err(SqlProblem::Node(name.to_owned())) } else { Ok(()) }
}

/// The name of a node: the first word that its `Debug` prints, whatever the size of the rest.
pub(super) fn kind(node: &impl Debug) -> String {
    struct FirstWord(String);
    impl fmt::Write for FirstWord {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                if !c.is_ascii_alphanumeric() || self.0.len() >= 40 {
                    return Err(fmt::Error);
                }
                self.0.push(c);
            }
            Ok(())
        }
    }
    let mut word = FirstWord(String::new());
    // An error only says that the word is complete.
    let _ = write!(word, "{node:?}");
    word.0
}
