//! Business rules: CEL over the facts of a decision. The first enforced rule that fires hands the run to a person; a rule
//! that cannot be judged fires.

use serde_json::{Value, json};

use crate::agent::Rule;
use crate::code;
use crate::error::Halt;
use crate::guard::Mode;
use crate::input::Input;
use crate::journal::entry::{AnswerRecord, Ruled};
use crate::run::{Reason, Run};

/// What the business says.
#[derive(Debug)]
pub enum Ruling {
    /// The principal may have the answer.
    Respond,
    /// A person must look first.
    Escalate(Reason),
}

/// Judges a validated answer.
pub async fn judge(run: &Run, input: &Input, answer: &AnswerRecord) -> Result<Ruling, Halt> {
    let facts = facts(run, input, answer);
    let ruled = run.step(async { Ok(rule(&run.agent.rules, &facts)) }).await?;
    Ok(if ruled.escalate.is_empty() {
        Ruling::Respond
    } else {
        Ruling::Escalate(Reason { draft: Some(answer.clone()), ..Reason::new(code::RULE_ESCALATED, ruled.escalate) })
    })
}

/// Judges the rules over `facts` (an object with one field per [`Rule::VARIABLES`]). Pure.
pub fn rule(rules: &[Rule], facts: &Value) -> Ruled {
    let known: Vec<(&str, &Value)> =
        Rule::VARIABLES.iter().map(|name| (*name, facts.get(*name).unwrap_or(&Value::Null))).collect();
    let mut ruled = Ruled { escalate: String::new(), fired: Vec::new() };
    for rule in rules.iter().filter(|rule| rule.mode != Mode::Off) {
        let reason = match rule.when.holds(&known) {
            Ok(false) => continue,
            Ok(true) => rule.reason.clone(),
            Err(error) => format!("{} (`{}` cannot be judged: {error})", rule.reason, rule.when.source()),
        };
        if rule.mode == Mode::Enforce && ruled.escalate.is_empty() {
            ruled.escalate.clone_from(&reason);
        }
        ruled.fired.push(reason);
    }
    ruled
}

fn facts(run: &Run, input: &Input, answer: &AnswerRecord) -> Value {
    let meter = run.meter();
    let (tier, model) = run.route();
    let tools: Vec<String> = run.evidence().into_iter().map(|evidence| evidence.tool).collect();
    let effects: Vec<Value> =
        run.effects().iter().map(|effect| json!({"tool": effect.tool, "confirmed": effect.confirmed})).collect();
    // The four common fields are there whatever the agent's own schema looks like.
    let mut body = answer.body.clone();
    if let Value::Object(fields) = &mut body {
        fields.insert("answer".to_owned(), json!(answer.text));
        fields.insert("confidence".to_owned(), json!(answer.confidence));
        fields.insert("sources".to_owned(), json!(answer.sources));
        fields.insert("requires_human_review".to_owned(), json!(answer.requires_human_review));
    }
    json!({
        "request": {"text": input.text(), "chars": input.text().chars().count()},
        "principal": {"id": run.record.principal.id, "tenant": run.record.principal.tenant},
        "route": {"tier": tier, "model": model},
        "tools": {"called": tools, "effects": effects},
        "answer": body,
        "usage": {
            "model_calls": meter.model_calls,
            "tool_calls": meter.tool_calls,
            "micro_usd": meter.cost.0,
            "output_tokens": meter.usage.output_tokens,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;

    fn rule_of(when: &str, mode: Mode) -> Rule {
        Rule { when: Expression::compile(when, Rule::VARIABLES).unwrap(), reason: when.to_owned(), mode }
    }

    #[test]
    fn the_first_enforced_rule_decides_and_observed_ones_are_only_counted() {
        let facts = json!({"answer": {"confidence": 0.5, "requires_human_review": true}, "usage": {"micro_usd": 3}});
        let rules = [
            rule_of("answer.confidence < 0.9", Mode::Observe),
            rule_of("usage.micro_usd > 5", Mode::Enforce),
            rule_of("answer.requires_human_review", Mode::Enforce),
            rule_of("answer.confidence < 0.6", Mode::Off),
        ];
        let ruled = rule(&rules, &facts);
        assert_eq!(ruled.escalate, "answer.requires_human_review");
        assert_eq!(ruled.fired.len(), 2);
        assert!(rule(&rules[..2], &facts).escalate.is_empty());
    }

    #[test]
    fn a_rule_that_cannot_be_judged_fires() {
        let ruled = rule(&[rule_of("answer.missing > 1", Mode::Enforce)], &json!({"answer": {}}));
        assert!(ruled.escalate.contains("cannot be judged"));
    }
}
