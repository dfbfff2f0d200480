//! CEL expressions of an agent (`when`, `approve`, `happened`, rules): compiled once, judged to true or false.
//!
//! CEL is <https://cel.dev>: no loops, no side effects, always ends. An expression that fails at run time (a missing
//! field, a wrong type) is an error that the caller must turn into the *safe* side.

use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, Env, IdedExpr, Program, Value as CelValue};
use serde_json::Value;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled condition.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

impl Expression {
    /// Longest accepted source, in bytes.
    pub const MAX_LEN: usize = 4096;

    /// Compiles `source`, which may name only the `variables` given.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        if source.len() > Self::MAX_LEN {
            return Err(ExpressionError::TooLong);
        }
        let program =
            ENVIRONMENT.compile(source).map_err(|errors| ExpressionError::Syntax(one_line(&errors.to_string())))?;
        let references = program.references();
        let mut bound = Vec::new();
        bound_variables(program.expression(), &mut bound);
        let known = |name: &&str| variables.contains(name) || bound.contains(name);
        if let Some(name) = references.variables().into_iter().find(|name| !known(name)) {
            return Err(ExpressionError::UnknownVariable(name.to_owned()));
        }
        let unknown = references.functions().into_iter().find(|name| !is_known_function(name));
        if let Some(name) = unknown {
            return Err(ExpressionError::UnknownFunction(name.to_owned()));
        }
        Ok(Self { source: source.into(), program: Arc::new(program) })
    }

    /// The source as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Judges it over `facts`: pairs of a variable's name and its value.
    pub fn holds(&self, facts: &[(&str, &Value)]) -> Result<bool, ExpressionError> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in facts {
            context.add_variable_from_value(*name, to_cel(value));
        }
        match self.program.execute(&context) {
            Ok(CelValue::Bool(held)) => Ok(held),
            Ok(other) => Err(ExpressionError::NotBoolean(other.type_of().to_string())),
            Err(error) => Err(ExpressionError::Failed(one_line(&error.to_string()))),
        }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// Why an expression cannot be compiled or judged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExpressionError {
    /// Longer than [`Expression::MAX_LEN`].
    #[error("the expression is longer than {} bytes", Expression::MAX_LEN)]
    TooLong,
    /// Not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// Names something that will never be there.
    #[error("unknown variable `{0}`")]
    UnknownVariable(String),
    /// Calls something that CEL does not have.
    #[error("unknown function `{0}`")]
    UnknownFunction(String),
    /// Yields something else than true or false.
    #[error("the expression yields a {0}, not true or false")]
    NotBoolean(String),
    /// Cannot be judged over these facts.
    #[error("the expression cannot be judged: {0}")]
    Failed(String),
}

/// Integers stay integers and the rest of the numbers are doubles, so that `args.amount > 50` means what it says.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(held) => CelValue::Bool(*held),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => CelValue::Int(integer),
            None => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let map: std::collections::HashMap<String, CelValue> =
                fields.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            CelValue::Map(map.into())
        }
    }
}

/// The variables that macros such as `exists(t, …)` bring along.
fn bound_variables<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>) {
    match &expression.expr {
        Expr::Call(call) => {
            call.target.iter().map(|target| &**target).chain(&call.args).for_each(|part| bound_variables(part, bound))
        }
        Expr::Comprehension(over) => {
            bound.push(&over.iter_var);
            bound.extend(over.iter_var2.as_deref());
            for part in [&over.iter_range, &over.accu_init, &over.loop_cond, &over.loop_step, &over.result] {
                bound_variables(part, bound);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|part| bound_variables(part, bound)),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    bound_variables(&entry.key, bound);
                    bound_variables(&entry.value, bound);
                }
            }
        }
        Expr::Select(select) => bound_variables(&select.operand, bound),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {}
    }
}

/// Operators appear as functions such as `_&&_` or `@in`; the rest are CEL's standard library and macros.
fn is_known_function(name: &str) -> bool {
    const STANDARD: &[&str] = &[
        "all",
        "bool",
        "bytes",
        "contains",
        "double",
        "dyn",
        "endsWith",
        "exists",
        "exists_one",
        "filter",
        "has",
        "int",
        "map",
        "matches",
        "max",
        "min",
        "size",
        "startsWith",
        "string",
        "type",
        "uint",
    ];
    STANDARD.contains(&name) || !name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_and_decimals_compare_with_each_other() {
        let rule = Expression::compile("args.amount <= order.total && order.status == 'delivered'", &["args", "order"])
            .unwrap();
        let order = json!({"total": 20.5, "status": "delivered"});
        assert_eq!(rule.holds(&[("args", &json!({"amount": 20})), ("order", &order)]), Ok(true));
        assert_eq!(rule.holds(&[("args", &json!({"amount": 21})), ("order", &order)]), Ok(false));
        assert_eq!(rule.holds(&[("args", &json!({"amount": 20.5})), ("order", &order)]), Ok(true));
    }

    #[test]
    fn what_can_never_be_judged_does_not_compile() {
        assert!(matches!(Expression::compile("args.amount >", &["args"]), Err(ExpressionError::Syntax(_))));
        assert_eq!(
            Expression::compile("arg.amount > 1", &["args"]).unwrap_err(),
            ExpressionError::UnknownVariable("arg".into())
        );
        assert_eq!(
            Expression::compile("launch(args)", &["args"]).unwrap_err(),
            ExpressionError::UnknownFunction("launch".into())
        );
        assert_eq!(Expression::compile(&"1".repeat(5000), &[]).unwrap_err(), ExpressionError::TooLong);
        assert!(Expression::compile("args.tags.exists(t, t == 'vip') || has(args.x)", &["args"]).is_ok());
    }

    #[test]
    fn a_missing_field_or_a_number_is_an_error_not_false() {
        let rule = Expression::compile("args.amount > 1", &["args"]).unwrap();
        assert!(matches!(rule.holds(&[("args", &json!({}))]), Err(ExpressionError::Failed(_))));
        let number = Expression::compile("1 + 1", &[]).unwrap();
        assert!(matches!(number.holds(&[]), Err(ExpressionError::NotBoolean(_))));
    }
}
