//! May this call run? Deny first, then ask, then allow; nothing later can undo a deny.
//!
//! Only this file makes an [`Approved`], and nothing calls a tool for the model without one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::approval::Granted;
use crate::canonical::call_hash;
use crate::error::Halt;
use crate::execute::dispatch;
use crate::expression::Expression;
use crate::journal::entry::{ToolJudged, ToolRuling};
use crate::message::ToolCall;
use crate::principal::Principal;
use crate::rollout::Autonomy;
use crate::run::Run;
use crate::tool::{AgentTool, Binding, Effect};

/// Something that may run, and who says so.
#[derive(Debug)]
pub struct Approved<T> {
    call: T,
    authority: String,
}

impl<T> Approved<T> {
    /// The call, and who allowed it: an approval's id or `policy`.
    pub(crate) fn open(self) -> (T, String) {
        (self.call, self.authority)
    }
}

/// A call with everything that it needs to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The tool.
    pub tool: String,
    /// The model's id of the call.
    pub call_id: String,
    /// The arguments as the model sees them, bound ones included.
    pub shown: Map<String, Value>,
    /// The arguments as they are sent.
    pub arguments: Map<String, Value>,
    /// [`call_hash`] of them.
    pub hash: String,
}

/// What the policy says of a call.
#[derive(Debug)]
pub enum Judged {
    /// It may run.
    Allow(Approved<Prepared>),
    /// It must not; the text is for the model.
    Deny(String),
    /// A person must approve it, because of this.
    Ask(Prepared, String),
}

/// Judges a call that a model asks for.
pub async fn judge(run: &Run, call: &ToolCall) -> Result<Judged, Halt> {
    let prepared = prepare(run, call);
    let ruling = match &prepared {
        Err(reason) => (ToolRuling::Deny, reason.clone()),
        Ok((prepared, tool)) => {
            let facts = read_facts(run, tool, prepared).await?;
            rule(tool, &prepared.arguments, &run.record.principal, &facts, run.agent.rollout.autonomy)
        }
    };
    let (ruling, reason) = journaled(run, call, ruling).await?;
    Ok(match (prepared, ruling) {
        (Ok((prepared, _)), ToolRuling::Allow) => {
            Judged::Allow(Approved { call: prepared, authority: "policy".to_owned() })
        }
        (Ok((prepared, _)), ToolRuling::Ask) => Judged::Ask(prepared, reason),
        (Ok(_) | Err(_), _) => Judged::Deny(reason),
    })
}

/// Judges a call again that a person has approved: what they saw may no longer hold. `edited` are the arguments as the
/// person changed them; they pass the same checks as any others.
pub async fn judge_granted(
    run: &Run,
    prepared: Prepared,
    granted: Granted,
    edited: Option<Map<String, Value>>,
) -> Result<Judged, Halt> {
    let Some(tool) = run.agent.tools.get(&prepared.tool) else {
        return Ok(Judged::Deny("the tool is gone".to_owned()));
    };
    let prepared = match edited {
        None => prepared,
        Some(arguments) => match rewritten(run, tool, prepared, arguments) {
            Ok(prepared) => prepared,
            Err(reason) => return Ok(Judged::Deny(format!("the changed arguments do not fit: {reason}"))),
        },
    };
    let facts = read_facts(run, tool, &prepared).await?;
    let ruling = match forbidden(tool, &prepared.arguments, &run.record.principal, &facts) {
        Some(reason) => (ToolRuling::Deny, format!("approved, but since then: {reason}")),
        None if !granted.covers(&prepared.hash) => (ToolRuling::Deny, "the approval is for other arguments".to_owned()),
        None => (ToolRuling::Allow, format!("approved by {}", granted.by())),
    };
    let call = ToolCall { id: prepared.call_id.clone(), name: prepared.tool.clone(), arguments: Value::Null };
    let (ruling, reason) = journaled(run, &call, ruling).await?;
    Ok(match ruling {
        ToolRuling::Allow => Judged::Allow(Approved { call: prepared, authority: granted.authority() }),
        ToolRuling::Ask | ToolRuling::Deny => Judged::Deny(reason),
    })
}

/// The call with the person's arguments in place of the model's. What is bound stays bound.
fn rewritten(
    run: &Run,
    tool: &AgentTool,
    prepared: Prepared,
    arguments: Map<String, Value>,
) -> Result<Prepared, String> {
    let arguments = fitted(tool, &run.record.principal, arguments)?;
    let hash = call_hash(&prepared.tool, &arguments);
    if tool.effect.changes_things() && run.is_settled(&hash) {
        return Err("this very call was already made or rejected in this run".to_owned());
    }
    // What a person wrote was never masked.
    Ok(Prepared { shown: arguments.clone(), arguments, hash, ..prepared })
}

/// Arguments that a person wrote, with those that the runtime sets; the error says why they do not fit the tool.
pub(crate) fn fitted(
    tool: &AgentTool,
    principal: &Principal,
    mut arguments: Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let bound = bound(tool, principal, "");
    if let Some((name, _)) = bound.iter().find(|(name, value)| arguments.get(*name).is_some_and(|is| is != *value)) {
        return Err(format!("`{name}` is set by the runtime"));
    }
    arguments.retain(|name, _| !bound.contains_key(name));
    tool.schema.check(&Value::Object(arguments.clone())).map_err(|faults| faults.join("; "))?;
    arguments.extend(bound);
    Ok(arguments)
}

async fn journaled(run: &Run, call: &ToolCall, ruling: (ToolRuling, String)) -> Result<(ToolRuling, String), Halt> {
    let (ruling, reason) = ruling;
    let tool = call.name.chars().take(64).collect();
    let judged = run.step(async { Ok(ToolJudged { tool, call_id: call.id.clone(), ruling, reason }) }).await?;
    Ok((judged.ruling, judged.reason))
}

/// Allow-list, shape and repetition: what can be said without reading anything.
fn prepare<'r>(run: &'r Run, call: &ToolCall) -> Result<(Prepared, &'r AgentTool), String> {
    let Some(tool) = run.agent.tools.get(&call.name) else {
        let known: Vec<&str> = run.agent.tools.keys().map(String::as_str).collect();
        return Err(format!("there is no such tool; there are: {}", known.join(", ")));
    };
    let Value::Object(shown) = &call.arguments else {
        return Err("the arguments are not a JSON object".to_owned());
    };
    let vault = run.vault();
    let mut arguments = vault.restore_fields(shown);
    tool.schema.check(&Value::Object(arguments.clone())).map_err(|faults| faults.join("; "))?;
    let mut shown = shown.clone();
    let bound = bound(tool, &run.record.principal, "");
    shown.extend(bound.clone());
    arguments.extend(bound);
    let hash = call_hash(&call.name, &arguments);
    if tool.effect.changes_things() && run.is_settled(&hash) {
        return Err("this very call was already made or rejected in this run".to_owned());
    }
    Ok((Prepared { tool: call.name.clone(), call_id: call.id.clone(), shown, arguments, hash }, tool))
}

/// The arguments that the model cannot set. `key` is that of a call that is read back.
pub(crate) fn bound(tool: &AgentTool, principal: &Principal, key: &str) -> Map<String, Value> {
    let value = |from| match from {
        Binding::PrincipalId => principal.id.clone(),
        Binding::PrincipalTenant => principal.tenant.clone(),
        Binding::CallKey => key.to_owned(),
    };
    tool.bound.iter().map(|bound| (bound.name.clone(), Value::String(value(bound.from)))).collect()
}

/// Reads the facts of a tool afresh; a fact that cannot be read is null.
async fn read_facts(run: &Run, tool: &AgentTool, prepared: &Prepared) -> Result<BTreeMap<String, Value>, Halt> {
    let mut facts = BTreeMap::new();
    for (name, reader) in &tool.facts {
        let content = match run.agent.tools.get(reader) {
            Some(reader_tool) => dispatch::read_fact(run, reader, reader_tool, &prepared.arguments).await?,
            None => Value::Null,
        };
        facts.insert(name.clone(), content);
    }
    Ok(facts)
}

/// Deny, ask or allow, with the reason. Pure.
fn rule(
    tool: &AgentTool,
    arguments: &Map<String, Value>,
    principal: &Principal,
    facts: &BTreeMap<String, Value>,
    autonomy: Autonomy,
) -> (ToolRuling, String) {
    if let Some(reason) = forbidden(tool, arguments, principal, facts) {
        return (ToolRuling::Deny, reason);
    }
    if !tool.effect.changes_things() {
        return (ToolRuling::Allow, format!("effect is `{}`", tool.effect.as_str()));
    }
    let wanted = tool.approve.as_ref().map(|approve| (approve, holds(approve, arguments, principal, facts)));
    let ask = |reason: String| (ToolRuling::Ask, reason);
    match (autonomy, wanted) {
        (_, Some((approve, Ok(true)))) => ask(format!("`{}` holds", approve.source())),
        (_, Some((_, Err(problem)))) => ask(problem),
        (Autonomy::Propose, _) => ask("autonomy is `propose`: a person approves every change".to_owned()),
        (Autonomy::Supervised, None) => ask("autonomy is `supervised`: a person approves every write".to_owned()),
        (Autonomy::Autonomous, _) if tool.effect == Effect::Write && tool.probe.is_none() => {
            ask("it cannot be read back".to_owned())
        }
        (Autonomy::Supervised | Autonomy::Autonomous, Some((approve, Ok(false)))) => {
            (ToolRuling::Allow, format!("`{}` does not hold", approve.source()))
        }
        (Autonomy::Autonomous, None) => (ToolRuling::Allow, "autonomy is `autonomous`".to_owned()),
    }
}

/// Why `when` forbids the call, if it does. A condition that cannot be judged forbids.
fn forbidden(
    tool: &AgentTool,
    arguments: &Map<String, Value>,
    principal: &Principal,
    facts: &BTreeMap<String, Value>,
) -> Option<String> {
    let when = tool.when.as_ref()?;
    match holds(when, arguments, principal, facts) {
        Ok(true) => None,
        Ok(false) => Some(format!("not allowed: `{}` does not hold", when.source())),
        Err(problem) => Some(problem),
    }
}

fn holds(
    expression: &Expression,
    arguments: &Map<String, Value>,
    principal: &Principal,
    facts: &BTreeMap<String, Value>,
) -> Result<bool, String> {
    let arguments = Value::Object(arguments.clone());
    let principal = json!({"id": principal.id, "tenant": principal.tenant});
    let mut known: Vec<(&str, &Value)> = vec![("args", &arguments), ("principal", &principal)];
    known.extend(facts.iter().map(|(name, value)| (name.as_str(), value)));
    expression.holds(&known).map_err(|error| format!("`{}` cannot be judged: {error}", expression.source()))
}

#[cfg(test)]
mod tests;
