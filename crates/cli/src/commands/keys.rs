//! `mainstay keys` and `mainstay audit`: who may call, and what they did.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use mainstay::access::{AuditFilter, Role};
use mainstay::{Mainstay, MicroUsd, NewKey, Noted};

use crate::arguments::{KeyOptions, KeysCommand};
use crate::output;

/// Who sits at the machine.
const ACTOR: &str = "local";

pub(crate) async fn keys(root: &Path, command: KeysCommand) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    let code = match command {
        KeysCommand::Create(options) => create(&mainstay, options).await?,
        KeysCommand::List => {
            output::print_keys(&mainstay.keys().await?);
            ExitCode::SUCCESS
        }
        KeysCommand::Revoke { key } => revoke(&mainstay, &key).await?,
    };
    mainstay.close(Duration::from_secs(10)).await;
    Ok(code)
}

pub(crate) async fn audit(root: &Path, action: Option<String>, limit: u32) -> anyhow::Result<ExitCode> {
    let mainstay = Mainstay::open(root).await?;
    output::print_audit(&mainstay.audit(&AuditFilter { action, limit, ..AuditFilter::default() }).await?);
    mainstay.close(Duration::from_secs(10)).await;
    Ok(ExitCode::SUCCESS)
}

async fn create(mainstay: &Mainstay, options: KeyOptions) -> anyhow::Result<ExitCode> {
    let dollars = |text: String| {
        MicroUsd::from_decimal(&text)
            .with_context(|| format!("`--usd-per-day {text}` is no amount, such as `20` or `0.5`"))
    };
    let known: Vec<&str> = mainstay.agents().map(|agent| agent.name.as_str()).collect();
    if let Some(unknown) = options.agents.iter().find(|agent| !known.contains(&agent.as_str())) {
        anyhow::bail!("there is no agent `{unknown}`; there are: {}", known.join(", "));
    }
    let new = NewKey {
        name: options.name,
        roles: options.roles.iter().filter_map(|role| Role::parse(role)).collect(),
        tenant: options.tenant,
        agents: options.agents,
        requests_per_minute: options.requests_per_minute,
        usd_per_day: options.usd_per_day.map(dollars).transpose()?,
    };
    let (record, text) = mainstay.create_key(new).await?;
    note(mainstay, "key.create", record.id.to_string(), &record.name);
    output::note(&format!("{} for {}; this is the only time that it is shown:", record.id, record.name));
    output::line(text.expose());
    Ok(ExitCode::SUCCESS)
}

async fn revoke(mainstay: &Mainstay, key: &str) -> anyhow::Result<ExitCode> {
    let id = key.parse()?;
    if !mainstay.revoke_key(id).await? {
        output::note(&format!("there is no key `{id}`; `mainstay keys list` shows them"));
        return Ok(ExitCode::from(1));
    }
    note(mainstay, "key.revoke", id.to_string(), "");
    output::note("revoked; every process hears of it within two seconds");
    Ok(ExitCode::SUCCESS)
}

fn note(mainstay: &Mainstay, action: &'static str, subject: String, detail: &str) {
    let (actor, tenant, detail) = (ACTOR.to_owned(), String::new(), detail.to_owned());
    mainstay.note(Noted { actor, tenant, action, subject, allowed: true, detail });
}
