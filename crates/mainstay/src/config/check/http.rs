//! An HTTP tool's request checked: method against effect, and every `{name}` against the arguments.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mainstay_core::tool::Effect;
use mainstay_egress::Method;
use mainstay_tools::http::{HttpSettings, HttpSource, HttpSourceSettings, HttpTool};
use serde_json::Value;

use super::super::agent::ToolKind;
use super::super::file::tool::HttpTable;
use super::super::problem::{Finding, Kind, Log, clean, quoted, suggestion};
use super::super::source::{Place, Written};
use super::place_of_word;
use super::tool::Subject;

pub(super) fn check(subject: &Subject<'_>, table: &HttpTable) -> Option<ToolKind> {
    let log = subject.log;
    let problems_before = log.count();
    if let (Some(method), Some(effect)) = (&table.method, &subject.tool.effect) {
        method_fits(method, effect, log);
    }
    if let (Some(method), Some(body)) = (&table.method, &table.body)
        && method.value == Method::GET
    {
        log.problem(
            Finding::at(&body.place, Kind::Value, "a GET request has no body")
                .hint("put arguments into `path` or `query`"),
        );
    }
    if let Some(path) = &table.path {
        check_path(path, log);
        check_names(subject, &path.value, &path.place, Part::Path);
    }
    for (_, template) in &table.query {
        check_names(subject, &template.value, &template.place, Part::Elsewhere);
    }
    if let Some(body) = &table.body {
        check_json(subject, &body.value, &body.place);
    }
    let (source, method, path) = (table.source.as_ref()?, table.method.as_ref()?, table.path.as_ref()?);
    let query: Vec<(String, String)> =
        table.query.iter().map(|(name, template)| (name.value.clone(), template.value.clone())).collect();
    let body = table.body.as_ref().map(|body| body.value.clone());
    if log.count() == problems_before {
        let settings = HttpSettings {
            method: method.value.to_string(),
            path: path.value.clone(),
            query: query.clone(),
            body: body.clone(),
            effect: subject.tool.effect.as_ref()?.value,
            arguments: subject.arguments.names().map(str::to_owned).collect(),
            timeout: subject.tool.timeout,
            max_bytes: 1,
        };
        accepted(settings, &path.place, log);
    }
    Some(ToolKind::Http {
        source: source.value.clone(),
        method: method.value.clone(),
        path: path.value.clone(),
        query,
        body,
    })
}

/// The tool itself has the last word on its request: what it refuses later would keep the agent from starting.
fn accepted(settings: HttpSettings, place: &Place, log: &Log) {
    // Never called: it only stands for the source, whose own settings are checked apart.
    static NOWHERE: LazyLock<Option<Arc<HttpSource>>> = LazyLock::new(|| {
        let settings = HttpSourceSettings {
            base_url: "https://mainstay.invalid".to_owned(),
            allow_private: false,
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(1),
        };
        HttpSource::new(settings).ok().map(Arc::new)
    });
    if let Some(source) = &*NOWHERE
        && let Err(error) = HttpTool::new(Arc::clone(source), settings)
    {
        log.problem(Finding::at(place, Kind::Value, clean(&error.to_string(), 200)));
    }
}

fn method_fits(method: &Written<Method>, effect: &Written<Effect>, log: &Log) {
    let is_get = method.value == Method::GET;
    let fault = match effect.value {
        Effect::Read if is_get => return,
        Effect::Read if method.value == Method::POST => {
            let finding =
                Finding::at(&method.place, Kind::Policy, "a read by POST is believed, not known, to change nothing");
            log.warning(
                finding.hint("use GET where the API has it; otherwise make sure, for reads are repeated freely"),
            );
            return;
        }
        Effect::Read => format!("a read cannot be a {} request, for that changes something", method.value),
        Effect::Draft => return,
        Effect::Idempotent | Effect::Write if is_get => {
            format!("the effect is `{}`, but a GET request changes nothing", effect.value.as_str())
        }
        Effect::Idempotent | Effect::Write => return,
    };
    let hint =
        if is_get { "use POST, PUT, PATCH or DELETE" } else { "use GET, or make the effect `write` or `idempotent`" };
    log.problem(Finding::at(&method.place, Kind::Policy, fault).hint(hint));
}

fn check_path(path: &Written<String>, log: &Log) {
    let text = &path.value;
    let fault = if !text.starts_with('/') {
        "`path` must begin with `/`"
    } else if text.split('/').any(|part| part == ".." || part == ".") || text.contains("//") || text.contains('\\') {
        "`path` must not have empty parts, `.` or `..`"
    } else if text.contains(['?', '#']) {
        "`path` must not have a `?` or `#`; `query` holds the parameters"
    } else if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "`path` must not have white space"
    } else {
        return;
    };
    log.problem(Finding::at(&path.place, Kind::Value, fault));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Elsewhere,
}

/// The parser of TOML bounds how deep this goes.
fn check_json(subject: &Subject<'_>, value: &Value, place: &Place) {
    match value {
        Value::String(text) => check_names(subject, text, place, Part::Elsewhere),
        Value::Array(items) => items.iter().for_each(|item| check_json(subject, item, place)),
        Value::Object(fields) => fields.values().for_each(|field| check_json(subject, field, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn check_names(subject: &Subject<'_>, template: &str, place: &Place, part: Part) {
    let names = match super::template_names(template) {
        Ok(names) => names,
        Err(fault) => {
            subject.log.problem(Finding::at(place, Kind::Expression, fault));
            return;
        }
    };
    for name in names {
        subject.uses([name.as_str()]);
        match subject.arguments.declared.get(&name) {
            None => {
                let message = format!("{} is no argument of this tool", quoted(&name));
                let finding = Finding::at(&place_of_word(place, &name), Kind::Reference, message);
                subject.log.problem(finding.maybe_hint(suggestion(&name, subject.arguments.names())));
            }
            Some(declared) if part == Part::Path && declared.is_optional => {
                let message = format!("the optional argument {} cannot be part of the path", quoted(&name));
                let finding = Finding::at(&place_of_word(place, &name), Kind::Value, message);
                let hint = "without it the path would be another one; take `optional` away, or put it into `query`";
                subject.log.problem(finding.hint(hint));
            }
            Some(_) => {}
        }
    }
}
