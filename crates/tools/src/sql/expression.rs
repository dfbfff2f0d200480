//! Walks the expressions of a query, and turns its named parameters into numbered ones.

use sqlparser::ast::{
    AccessExpr, Array, CaseWhen, CastKind, CeilFloorKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Interval, ObjectName, Subscript, TypedString,
    Value,
};

use super::allowed;
use super::readonly::SqlProblem;
use super::walk::{Walk, absent, forbid, kind, no_arguments, single};

type Checked = Result<(), SqlProblem>;

impl Walk {
    pub(super) fn expr(&mut self, expr: &mut Expr) -> Checked {
        self.deeper(|walk| walk.expr_here(expr))
    }

    fn expr_here(&mut self, expr: &mut Expr) -> Checked {
        match expr {
            Expr::Identifier(name) => {
                let word = name.value.to_lowercase();
                if name.quote_style.is_none() && allowed::keyword_function(&word, self.dialect) {
                    return Err(SqlProblem::Function(word));
                }
                Ok(())
            }
            Expr::CompoundIdentifier(_) => Ok(()),
            Expr::Value(value) => self.value(&mut value.value),
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax }) => {
                forbid(*uses_odbc_syntax, "ODBC literal")?;
                castable(data_type)?;
                self.value(&mut value.value)
            }
            Expr::Interval(interval) => {
                let Interval {
                    value,
                    leading_field: _,
                    leading_precision: _,
                    last_field: _,
                    fractional_seconds_precision: _,
                } = interval;
                self.expr(value)
            }
            Expr::Function(function) => self.function(function),
            Expr::Subquery(query) => self.query(query),
            Expr::Exists { subquery, negated: _ } => self.query(subquery),
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::UnaryOp { op, expr } => {
                if !allowed::unary(op) {
                    return Err(SqlProblem::Operator(op.to_string()));
                }
                self.expr(expr)
            }
            Expr::BinaryOp { left, op, right }
            | Expr::AnyOp { left, compare_op: op, right, is_some: _ }
            | Expr::AllOp { left, compare_op: op, right } => {
                if !allowed::binary(op) {
                    return Err(SqlProblem::Operator(op.to_string()));
                }
                self.expr(left)?;
                self.expr(right)
            }
            Expr::Nested(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr) => self.expr(expr),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.expr(left)?;
                self.expr(right)
            }
            Expr::Between { expr, negated: _, low, high } => {
                self.expr(expr)?;
                self.expr(low)?;
                self.expr(high)
            }
            Expr::InList { expr, list, negated: _ } => {
                self.expr(expr)?;
                self.exprs(list)
            }
            Expr::Like { negated: _, any, expr, pattern, escape_char }
            | Expr::ILike { negated: _, any, expr, pattern, escape_char } => {
                forbid(*any, "LIKE ANY")?;
                self.expr(expr)?;
                self.expr(pattern)?;
                self.maybe(escape_char.as_deref_mut())
            }
            Expr::Tuple(exprs) | Expr::Array(Array { elem: exprs, named: _ }) => self.exprs(exprs),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                sets.iter_mut().try_for_each(|set| self.exprs(set))
            }
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.maybe(operand.as_deref_mut())?;
                for CaseWhen { condition, result } in conditions {
                    self.expr(condition)?;
                    self.expr(result)?;
                }
                self.maybe(else_result.as_deref_mut())
            }
            other => self.syntax(other),
        }
    }

    /// Functions with a syntax of their own.
    fn syntax(&mut self, expr: &mut Expr) -> Checked {
        match expr {
            Expr::Cast { kind, expr, data_type, format } => {
                forbid(!matches!(kind, CastKind::Cast | CastKind::DoubleColon), "TRY_CAST")?;
                absent(format, "CAST … FORMAT")?;
                castable(data_type)?;
                self.expr(expr)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.expr(timestamp)?;
                self.expr(time_zone)
            }
            Expr::Extract { field: _, syntax: _, expr } => self.expr(expr),
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
                match field {
                    CeilFloorKind::DateTimeField(_) => {}
                    CeilFloorKind::Scale(value) => self.value(&mut value.value)?,
                }
                self.expr(expr)
            }
            Expr::Position { expr, r#in } => {
                self.expr(expr)?;
                self.expr(r#in)
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expr(expr)?;
                self.maybe(substring_from.as_deref_mut())?;
                self.maybe(substring_for.as_deref_mut())
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                self.expr(expr)?;
                self.maybe(trim_what.as_deref_mut())?;
                trim_characters.as_mut().map_or(Ok(()), |characters| self.exprs(characters))
            }
            Expr::Collate { expr, collation } => {
                forbid(collation.0.len() != 1, "qualified collation")?;
                self.expr(expr)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.expr(root)?;
                for access in access_chain {
                    match access {
                        AccessExpr::Subscript(Subscript::Index { index }) => self.expr(index)?,
                        // `(row).name` calls functions in PostgreSQL.
                        other => return Err(SqlProblem::Node(kind(other))),
                    }
                }
                Ok(())
            }
            other => Err(SqlProblem::Node(kind(other))),
        }
    }

    fn function(&mut self, function: &mut Function) -> Checked {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment: _, over } =
            function;
        self.function_name(name)?;
        forbid(*uses_odbc_syntax, "ODBC function")?;
        no_arguments(parameters)?;
        match args {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(_) => return Err(SqlProblem::Node("Subquery".to_owned())),
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }) => {
                for arg in args {
                    match arg {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expr(expr)?,
                        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
                        _ => return Err(SqlProblem::Node("named argument".to_owned())),
                    }
                }
                for clause in clauses {
                    match clause {
                        FunctionArgumentClause::OrderBy(exprs) => self.ordered(exprs)?,
                        other => return Err(SqlProblem::Node(kind(other))),
                    }
                }
            }
        }
        self.ordered(within_group)?;
        self.maybe(filter.as_deref_mut())?;
        over.as_mut().map_or(Ok(()), |window| self.window_type(window))
    }

    /// Only plain names: `public.lower` is a function that somebody wrote, and `"lower"` may be.
    fn function_name(&self, name: &ObjectName) -> Checked {
        match single(name) {
            Some(plain) if allowed::function(&plain, self.dialect) => Ok(()),
            _ => Err(SqlProblem::Function(name.to_string())),
        }
    }

    fn value(&mut self, value: &mut Value) -> Checked {
        match value {
            Value::Number(_, false) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => Ok(()),
            Value::Placeholder(written) => {
                let name = parameter_name(written)?;
                let known = self.parameters.iter().position(|other| *other == name);
                let number = known.unwrap_or_else(|| {
                    self.parameters.push(name);
                    self.parameters.len() - 1
                });
                *written = self.dialect.placeholder(number + 1);
                Ok(())
            }
            other => Err(SqlProblem::Literal(kind(other))),
        }
    }
}

fn parameter_name(written: &str) -> Result<String, SqlProblem> {
    let name = written.strip_prefix(':').filter(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    name.map(str::to_owned).ok_or_else(|| SqlProblem::Placeholder(written.to_owned()))
}

fn castable(data_type: &DataType) -> Checked {
    if allowed::data_type(data_type) { Ok(()) } else { Err(SqlProblem::Type(data_type.to_string())) }
}
