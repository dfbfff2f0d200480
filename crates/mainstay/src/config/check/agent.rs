//! One agent's folder read and checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mainstay_core::agent::Rule;
use mainstay_core::answer::default_schema;
use mainstay_core::rollout::{Autonomy, Rollout};
use mainstay_core::schema::Schema;
use mainstay_core::tool::Effect;
use serde_json::Value;
use time::Date;

use super::super::agent::{AgentConfig, Document, ModelNames, OutputConfig, Risk, ToolConfig, ToolKind};
use super::super::bundle::Bundle;
use super::super::file::agent::{self as file, AgentFile};
use super::super::file::playbooks as playbooks_file;
use super::super::folder::Folder;
use super::super::problem::{Finding, Kind, Log, clean, quoted};
use super::super::settings::{EMBEDDED, ModelConfig};
use super::super::source::Written;
use super::settings::Settings;
use super::{expect_name, expression, fields, function, knowledge, limits, playbooks, rollout, tools, unknown};
use crate::function::Function;

/// Longest instructions, in bytes.
const MAX_INSTRUCTIONS: usize = 64 * 1024;

/// What an agent is checked against.
pub(crate) struct Surroundings<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) settings: &'a Settings,
    /// Functions of the program, each with the name of its agent.
    pub(crate) functions: &'a [(String, Function)],
    pub(crate) today: Date,
    pub(crate) log: &'a Log,
}

/// Reads and checks the agent in `path`, such as `agents/returns`.
pub(crate) fn check(path: &str, surroundings: &Surroundings<'_>) -> Option<AgentConfig> {
    let Surroundings { folder, settings, functions, log, .. } = *surroundings;
    let agent_path = format!("{path}/agent.toml");
    let text = folder.text_or_problem(&agent_path, "every folder in agents/ is an agent and has an agent.toml", log)?;
    let instructions = instructions(&format!("{path}/instructions.md"), folder, log);
    let knowledge = knowledge::read(folder, &format!("{path}/knowledge"), log);
    let playbooks_path = format!("{path}/playbooks.toml");
    let playbooks_text = match folder.has(&playbooks_path) {
        true => folder.text_or_problem(&playbooks_path, "", log),
        false => None,
    };
    let written_playbooks =
        playbooks_text.as_ref().and_then(|text| playbooks_file::read(&playbooks_path, text, log)).unwrap_or_default();
    let mut file = file::read(&agent_path, &text, log)?;
    let functions = function::of_agent(path.rsplit('/').next().unwrap_or_default(), functions);
    function::join(&mut file.tools, &functions, log);

    identity(&file, path, surroundings);
    let models = models(&file, &settings.models, settings.is_complete, log);
    let known = tools::known(&file.tools, log);
    let tools = tools::check(&file.tools, &known, settings, log);
    let playbooks = playbooks::check(&written_playbooks, &known, log);
    let schema_text = file.output.schema.as_ref().and_then(|name| schema_text(name, path, folder, log));
    let schema = schema(file.output.schema.as_ref(), schema_text.as_deref(), log);
    let limits = limits::check(&file.budget, &models, &settings.models, log);
    let risk = file.identity.risk.unwrap_or(Risk::Limited);
    let rollout = rollout::check(&file.rollout, risk, log);
    let answer = answer_fields(schema.as_ref());
    let rules = file.rules.iter().filter_map(|rule| check_rule(rule, answer.as_ref(), log)).collect();
    fits_together(&file, &tools, &knowledge, &rollout, log);
    if let Some(playbook) = written_playbooks.first()
        && !models.all().contains(&EMBEDDED)
        && !models.all().is_empty()
    {
        let finding = Finding::at(
            &playbook.place,
            Kind::Policy,
            "the agent has playbooks, but no tier names the model that serves them",
        );
        log.warning(finding.hint("put \"embedded\" first in a tier of [models]"));
    }

    let instructions = instructions?;
    let version = Bundle {
        agent: &text,
        instructions: &instructions,
        playbooks: playbooks_text.as_deref(),
        schema: schema_text.as_deref(),
        knowledge: &knowledge,
        functions: functions.into_iter().map(function::declared).collect(),
        models: &models,
        definitions: &settings.models,
        providers: &settings.providers,
    }
    .hash();
    Some(AgentConfig {
        name: file.identity.name?.value,
        purpose: file.identity.purpose?,
        owner: file.identity.owner?,
        escalation: file.identity.escalation?,
        risk,
        review_by: file.identity.review_by.map(|date| date.value),
        instructions: instructions.to_string(),
        models,
        input: file.input,
        tools,
        output: OutputConfig {
            schema: schema?,
            grounding: file.output.grounding,
            claims: file.output.claims,
            leaks: file.output.leaks,
        },
        rules,
        limits,
        approval_time: file.approval_time,
        cache: file.cache,
        rollout,
        playbooks,
        knowledge,
        version,
    })
}

fn instructions(path: &str, folder: &Folder, log: &Log) -> Option<Arc<str>> {
    let text =
        folder.text_or_problem(path, "write what the model is told: who it serves, what it may do, its tone", log)?;
    if text.trim().is_empty() {
        log.problem(
            Finding::of_file(path, "the instructions are empty")
                .hint("write what the model is told: who it serves, what it may do, its tone"),
        );
    } else if text.len() > MAX_INSTRUCTIONS {
        let message = format!("the instructions are longer than {} KiB", MAX_INSTRUCTIONS / 1024);
        log.problem(
            Finding::of_file(path, message)
                .hint("facts belong into knowledge/, where they are found when they are needed"),
        );
    } else {
        return Some(text);
    }
    None
}

fn identity(file: &AgentFile, path: &str, surroundings: &Surroundings<'_>) {
    let log = surroundings.log;
    let folder = path.rsplit('/').next().unwrap_or_default();
    if let Some(name) = &file.identity.name {
        expect_name("an agent", name, "-", log);
        if name.value != folder {
            let message = format!("`name` is {}, but the agent's folder is {}", quoted(&name.value), quoted(folder));
            log.problem(Finding::at(&name.place, Kind::Value, message).hint("rename one of them"));
        }
    }
    if let Some(date) = &file.identity.review_by
        && date.value < surroundings.today
    {
        let message = format!("the agent was due for review on {}", date.value);
        log.warning(
            Finding::at(&date.place, Kind::Policy, message).hint("look at what it did since, then set the next date"),
        );
    }
}

fn models(file: &AgentFile, known: &BTreeMap<String, Option<ModelConfig>>, is_complete: bool, log: &Log) -> ModelNames {
    let tier = |names: &[Written<String>]| {
        let mut tier: Vec<String> = Vec::new();
        for name in names {
            if !known.contains_key(&name.value) && is_complete {
                unknown("model", name, known.keys().map(String::as_str), log);
            } else if tier.contains(&name.value) {
                let message = format!("the model {} is in this tier twice", quoted(&name.value));
                log.problem(Finding::at(&name.place, Kind::Value, message));
            } else {
                tier.push(name.value.clone());
            }
        }
        tier
    };
    let written = &file.models;
    if written.simple.is_empty() && written.medium.is_empty() && written.complex.is_empty() {
        let finding = Finding::at(&written.place, Kind::Missing, "the agent has no model");
        log.problem(finding.hint("name at least one, such as `simple = [\"embedded\"]`"));
    }
    ModelNames { simple: tier(&written.simple), medium: tier(&written.medium), complex: tier(&written.complex) }
}

/// What an answer of this schema may have, and what every answer has; `None` where the schema is broken.
fn answer_fields(schema: Option<&Schema>) -> Option<BTreeSet<String>> {
    let properties = schema?.source().get("properties").and_then(Value::as_object);
    let own = properties.into_iter().flatten().map(|(name, _)| name.clone());
    let common = ["answer", "confidence", "sources", "requires_human_review"].map(str::to_owned);
    Some(own.chain(common).collect())
}

fn check_rule(rule: &file::Rule, answer: Option<&BTreeSet<String>>, log: &Log) -> Option<Rule> {
    let written = rule.when.as_ref()?;
    let when = expression::compile(written, Rule::VARIABLES, log)?;
    if let Some(answer) = answer {
        fields::of_rule(written, answer, log);
    }
    Some(Rule { when, reason: rule.reason.clone()?, mode: rule.mode })
}

fn schema_text(name: &Written<String>, path: &str, folder: &Folder, log: &Log) -> Option<Arc<str>> {
    match folder.text(&format!("{path}/{}", name.value), super::super::folder::MAX_TEXT) {
        Ok(text) => Some(text),
        Err(error) => {
            let message = format!("the schema {}: {error}", quoted(&name.value));
            log.problem(Finding::at(&name.place, Kind::File, message).hint("a path inside the agent's folder"));
            None
        }
    }
}

/// The agent's schema, or the default one where it names none.
fn schema(name: Option<&Written<String>>, text: Option<&str>, log: &Log) -> Option<Schema> {
    let Some(name) = name else { return Schema::compile(default_schema()).ok() };
    let problem = |message: String, hint: &str| {
        log.problem(Finding::at(&name.place, Kind::Expression, message).hint(hint));
        None
    };
    let value: Value = match serde_json::from_str(text?) {
        Ok(value) => value,
        Err(error) => {
            return problem(
                format!("the schema is not JSON: {}", clean(&error.to_string(), 200)),
                "JSON has no comments and no commas before a closing bracket",
            );
        }
    };
    let answer = value.pointer("/properties/answer/type").and_then(Value::as_str);
    let is_required =
        value.get("required").and_then(Value::as_array).is_some_and(|names| names.contains(&"answer".into()));
    if answer != Some("string") || !is_required {
        return problem(
            "the schema has no required property `answer` of type `string`".to_owned(),
            "`answer` is what people read; `confidence`, `sources` and `requires_human_review` are known too",
        );
    }
    match Schema::compile(value) {
        Ok(schema) => Some(schema),
        Err(error) => {
            problem(clean(&error.to_string(), 300), "JSON Schema 2020-12; `$ref` may only point inside the file")
        }
    }
}

fn fits_together(
    file: &AgentFile,
    tools: &BTreeMap<String, ToolConfig>,
    knowledge: &[Document],
    rollout: &Rollout,
    log: &Log,
) {
    let place_of = |name: &str| file.tools.iter().find(|tool| tool.name.value == name).map(|tool| &tool.name.place);
    let searches = tools.iter().find(|(_, tool)| matches!(tool.kind, ToolKind::Knowledge { .. }));
    if let (Some((name, _)), true) = (searches, knowledge.is_empty())
        && let Some(place) = place_of(name)
    {
        let finding = Finding::at(place, Kind::Missing, format!("{} has nothing to search", quoted(name)));
        log.problem(finding.hint("put documents into the agent's knowledge/ folder"));
    }
    let has_knowledge_tool =
        file.tools.iter().any(|tool| matches!(&tool.kind, Some(table) if table.kind.is_knowledge()));
    if !knowledge.is_empty() && !has_knowledge_tool {
        let finding =
            Finding::at(&file.place, Kind::Policy, "the agent has documents in knowledge/, but no tool searches them");
        log.warning(finding.hint("add `[tools.search_knowledge]` with `[tools.search_knowledge.knowledge]`"));
    }
    if let Some(tool_calls) = &file.budget.tool_calls
        && tool_calls.value == 0
        && !file.tools.is_empty()
    {
        log.problem(Finding::at(&tool_calls.place, Kind::Value, "the agent has tools, but may not call any"));
    }
    // What third parties write could steer a write that nobody looks at.
    let reads_untrusted = tools.values().any(|tool| tool.effect == Effect::Read && !tool.trusted);
    if rollout.autonomy == Autonomy::Autonomous && reads_untrusted {
        for (name, tool) in tools {
            if tool.effect.changes_things()
                && tool.approve.is_none()
                && let Some(place) = place_of(name)
            {
                let message =
                    format!("{} acts without asking on what untrusted sources may have written", quoted(name));
                log.warning(
                    Finding::at(place, Kind::Policy, message).hint("say when a person must approve: `approve = '…'`"),
                );
            }
        }
    }
}
