//! The request of an HTTP tool: parsed and checked once, filled in for every call.

use mainstay_egress::Method;
use serde_json::{Map, Value};

use super::template::{Misfit, StrayBracket, Template, encode};

/// Longest path and query, in bytes.
const MAX_PATH_BYTES: usize = 8 * 1024;
/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// A request with places for arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RequestTemplate {
    pub(super) method: Method,
    path: Vec<Template>,
    query: Vec<(String, Template)>,
    body: Option<Body>,
}

/// A JSON value with places for arguments.
#[derive(Clone, Debug, PartialEq)]
enum Body {
    Fixed(Value),
    Text(Template),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

/// What one call sends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    /// With `/` in front, and the query.
    pub(super) path: String,
    pub(super) body: Option<String>,
}

/// Why a request cannot be a tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// A method that no tool uses.
    #[error("the method `{0}` is not one of GET, POST, PUT, PATCH, DELETE")]
    Method(String),
    /// A GET that claims to change something.
    #[error("a GET request must not change anything; use another method, or the effect `read`")]
    GetChangesThings,
    /// A GET with a body.
    #[error("a GET request has no body")]
    GetWithBody,
    /// The path does not begin with `/`.
    #[error("the path `{0}` does not begin with `/`")]
    PathStart(String),
    /// The path holds what a path must not hold.
    #[error("the part `{0}` of the path is not allowed")]
    PathPart(String),
    /// A bracket without an argument.
    #[error("in `{text}`: {problem}")]
    Template {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: StrayBracket,
    },
    /// A place for something that is no argument.
    #[error("`{{{0}}}` is no argument of the tool")]
    UnknownArgument(String),
    /// A body that is nested too deeply.
    #[error("the body is nested too deeply")]
    TooDeep,
}

/// Why a call is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error(transparent)]
    Misfit(#[from] Misfit),
    #[error("the arguments make the path unsafe: a part of it would be empty, `.` or `..`")]
    UnsafePath,
    #[error("the request would be too large")]
    TooLarge,
}

impl RequestTemplate {
    pub(super) fn parse(
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<Self, RequestProblem> {
        let method = match method.to_ascii_uppercase().as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _ => return Err(RequestProblem::Method(method.to_owned())),
        };
        if method == Method::GET && body.is_some() {
            return Err(RequestProblem::GetWithBody);
        }
        let query = query.iter().map(|(name, value)| Ok((name.clone(), template(value)?))).collect::<Result<_, _>>()?;
        let body = body.map(|body| parse_body(body, 0)).transpose()?;
        Ok(Self { method, path: parse_path(path)?, query, body })
    }

    /// The names of the arguments that it has places for.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.path.iter().flat_map(Template::arguments).collect();
        names.extend(self.query.iter().flat_map(|(_, value)| value.arguments()));
        if let Some(body) = &self.body {
            body.arguments(&mut names);
        }
        names
    }

    /// Fills in the arguments. A query parameter or a member of the body whose argument was left out is left out too.
    pub(super) fn fill(&self, arguments: &Map<String, Value>) -> Result<Filled, Unsendable> {
        let mut path = String::new();
        for segment in &self.path {
            path.push('/');
            let open = segment.arguments().next().is_some();
            if open && !is_safe(&segment.fill(arguments)?) {
                return Err(Unsendable::UnsafePath);
            }
            path.push_str(&segment.fill_encoded(arguments)?);
        }
        let mut sign = '?';
        for (name, value) in &self.query {
            let value = match value.fill(arguments) {
                Ok(value) => value,
                Err(Misfit::Missing(_)) => continue,
                Err(other) => return Err(other.into()),
            };
            path.push(sign);
            path.push_str(&encode(name));
            path.push('=');
            path.push_str(&encode(&value));
            sign = '&';
        }
        let body = self.body.as_ref().map(|body| body.fill(arguments)).transpose()?;
        let body = body.map(|body| body.unwrap_or(Value::Null).to_string());
        if path.len() > MAX_PATH_BYTES || body.as_ref().is_some_and(|body| body.len() > MAX_BODY_BYTES) {
            return Err(Unsendable::TooLarge);
        }
        Ok(Filled { path, body })
    }
}

impl Body {
    fn arguments<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(text) => names.extend(text.arguments()),
            Self::List(items) => items.iter().for_each(|item| item.arguments(names)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.arguments(names)),
        }
    }

    /// Nothing when an argument was left out.
    fn fill(&self, arguments: &Map<String, Value>) -> Result<Option<Value>, Misfit> {
        match self {
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::Text(text) => {
                if let Some(name) = text.sole_argument() {
                    return Ok(arguments.get(name).cloned());
                }
                match text.fill(arguments) {
                    Ok(text) => Ok(Some(Value::String(text))),
                    Err(Misfit::Missing(_)) => Ok(None),
                    Err(other) => Err(other),
                }
            }
            Self::List(items) => {
                let items = items.iter().map(|item| item.fill(arguments)).collect::<Result<Vec<_>, _>>()?;
                Ok(Some(items.into_iter().flatten().collect()))
            }
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.fill(arguments)? {
                        object.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
        }
    }
}

fn template(text: &str) -> Result<Template, RequestProblem> {
    Template::parse(text).map_err(|problem| RequestProblem::Template { text: text.to_owned(), problem })
}

fn parse_path(path: &str) -> Result<Vec<Template>, RequestProblem> {
    let inside = path.strip_prefix('/').ok_or_else(|| RequestProblem::PathStart(path.to_owned()))?;
    let segments: Vec<&str> = inside.split('/').collect();
    let last = segments.len() - 1;
    segments
        .iter()
        .enumerate()
        .map(|(number, segment)| {
            let wrong = || RequestProblem::PathPart((*segment).to_owned());
            let parsed = template(segment)?;
            // Sub-delimiters, `:` and `@` may stand in a path; an escape could hide a dot or a slash.
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c);
            let fine = parsed.literals().all(|literal| literal.chars().all(plain));
            if !fine || matches!(*segment, "." | "..") || (segment.is_empty() && number != last) {
                return Err(wrong());
            }
            Ok(parsed)
        })
        .collect()
}

/// Whether a segment, before it is encoded, means the same to a server that decodes slashes too early.
fn is_safe(segment: &str) -> bool {
    !segment.chars().any(char::is_control)
        && segment.split(['/', '\\']).all(|part| !matches!(part.trim(), "" | "." | ".."))
}

fn parse_body(body: &Value, depth: usize) -> Result<Body, RequestProblem> {
    const MAX_DEPTH: usize = 32;
    if depth > MAX_DEPTH {
        return Err(RequestProblem::TooDeep);
    }
    Ok(match body {
        Value::String(text) => Body::Text(template(text)?),
        Value::Array(items) => {
            Body::List(items.iter().map(|item| parse_body(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| Ok((name.clone(), parse_body(member, depth + 1)?));
            Body::Object(members.iter().map(member).collect::<Result<_, _>>()?)
        }
        fixed => Body::Fixed(fixed.clone()),
    })
}
