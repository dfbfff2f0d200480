//! The agent's folder, compiled into the program and written out where the demo runs.
//!
//! Two things change on the way: the address of the shop's service, and, where a live model is at hand, a provider and a
//! model for it behind the embedded one.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::service::ShopOptions;

/// Where the shop's token lies inside the folder.
pub const TOKEN: &str = "shop.token";

const SETTINGS: &str = "mainstay.toml";
const AGENT: &str = "agents/returns/agent.toml";
/// Stands in [`SETTINGS`] for the service's address.
const BASE_URL: &str = "http://127.0.0.1:9400";
/// Stands in [`AGENT`] for the models of each tier.
const EMBEDDED_ONLY: &str = "[\"embedded\"]";
/// What the token's file holds before the token, as the service wants it in its header.
const BEARER: &str = "Bearer ";

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// Every file of the agent's folder: its path inside the folder and its text.
        pub const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../agent/", $path)))),*];
    };
}

files! {
    "agents/returns/agent.toml",
    "agents/returns/instructions.md",
    "agents/returns/knowledge/address-changes.md",
    "agents/returns/knowledge/cancellation.md",
    "agents/returns/knowledge/contact.md",
    "agents/returns/knowledge/damaged-or-wrong-articles.md",
    "agents/returns/knowledge/exchanges.md",
    "agents/returns/knowledge/gift-cards.md",
    "agents/returns/knowledge/hygiene-articles.md",
    "agents/returns/knowledge/loyalty-points.md",
    "agents/returns/knowledge/opening-hours.txt",
    "agents/returns/knowledge/payment-methods.md",
    "agents/returns/knowledge/privacy.md",
    "agents/returns/knowledge/refunds.md",
    "agents/returns/knowledge/returns.md",
    "agents/returns/knowledge/rueckgabe-und-versand.md",
    "agents/returns/knowledge/sale-items.md",
    "agents/returns/knowledge/shipping-costs.csv",
    "agents/returns/knowledge/shipping.md",
    "agents/returns/knowledge/size-guide.html",
    "agents/returns/knowledge/warranty.md",
    "agents/returns/playbooks.toml",
    "mainstay.toml",
}

/// A model that serves what playbooks do not cover, or everything. It is named `live`; unless it is alone, it stands behind
/// `embedded` in every tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraModel {
    /// Which API it speaks.
    pub kind: ModelKind,
    /// Where it is; needed for [`ModelKind::Compatible`], the vendor's own address otherwise. Private addresses are
    /// allowed, as whoever starts the demo named it.
    pub base_url: Option<String>,
    /// Its name there.
    pub model: String,
    /// What it costs; `None` is free.
    pub price: Option<ModelPrice>,
    /// It serves everything, and the embedded model nothing.
    pub alone: bool,
}

/// Which API a model speaks, and with it where its key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// OpenAI; the key is in `OPENAI_API_KEY`.
    OpenAi,
    /// Anthropic; the key is in `ANTHROPIC_API_KEY`.
    Anthropic,
    /// Any server that speaks OpenAI's chat completions; no key.
    Compatible,
}

/// Dollars per million tokens, as decimal texts such as `0.25`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    /// Of input.
    pub input: String,
    /// Of input that the provider's cache serves.
    pub cached_input: String,
    /// Of output.
    pub output: String,
}

/// Writes the agent's folder and the shop's token into `folder`, over what is there.
///
/// Fails when the folder cannot be written, or when `extra` is [`ModelKind::Compatible`] without an address.
pub fn write_agent(folder: &Path, base_url: &str, token: &str, extra: Option<&ExtraModel>) -> anyhow::Result<()> {
    for (path, text) in FILES {
        let text = match *path {
            SETTINGS => settings(text, base_url, extra)?,
            AGENT => match extra {
                None => (*text).to_owned(),
                Some(ExtraModel { alone: true, .. }) => text.replace(EMBEDDED_ONLY, "[\"live\"]"),
                Some(_) => text.replace(EMBEDDED_ONLY, "[\"embedded\", \"live\"]"),
            },
            _ => (*text).to_owned(),
        };
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder `{}`", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let path = folder.join(TOKEN);
    write_secret(&path, &format!("{BEARER}{token}")).with_context(|| format!("cannot write `{}`", path.display()))
}

/// How to start the shop of a folder again so that the agent in it finds it: the same port, the same token.
pub fn shop_options(folder: &Path) -> anyhow::Result<ShopOptions> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let settings = read(SETTINGS)?;
    let port = settings
        .lines()
        .find_map(|line| line.strip_prefix("base_url = \"http://127.0.0.1:")?.strip_suffix('"')?.parse::<u16>().ok());
    let token = read(TOKEN)?;
    let token = token.trim().strip_prefix(BEARER).context("the shop's token is not one")?;
    Ok(ShopOptions {
        port: port.context("mainstay.toml does not say where the shop is")?,
        token: Some(token.to_owned()),
        ..ShopOptions::default()
    })
}

fn settings(text: &str, base_url: &str, extra: Option<&ExtraModel>) -> anyhow::Result<String> {
    let text = text.replace(&quoted(BASE_URL), &quoted(base_url));
    let Some(extra) = extra else { return Ok(text) };
    let (kind, key) = match extra.kind {
        ModelKind::OpenAi => ("openai", Some("OPENAI_API_KEY")),
        ModelKind::Anthropic => ("anthropic", Some("ANTHROPIC_API_KEY")),
        ModelKind::Compatible => ("compatible", None),
    };
    ensure!(key.is_some() || extra.base_url.is_some(), "a compatible model needs the address of its server");
    let mut lines = vec![format!("\n# Serves what playbooks do not cover.\n[providers.live.{kind}]")];
    lines.extend(key.map(|key| format!("api_key = {{ env = \"{key}\" }}")));
    if let Some(base_url) = &extra.base_url {
        lines.push(format!("base_url = {}\nallow_private = true", quoted(base_url)));
    }
    if extra.kind == ModelKind::Compatible {
        // A small machine reads a long prompt for a while before the first word.
        lines.push("idle_timeout = \"120s\"".to_owned());
    }
    lines.push(format!("\n[models.live]\nprovider = \"live\"\nmodel = {}\ntimeout = \"120s\"", quoted(&extra.model)));
    lines.extend(extra.price.as_ref().map(|ModelPrice { input, cached_input, output }| {
        let (input, cached_input, output) = (quoted(input), quoted(cached_input), quoted(output));
        format!("price = {{ input = {input}, cached_input = {cached_input}, output = {output} }}")
    }));
    Ok(format!("{text}{}\n", lines.join("\n")))
}

/// Adds an exporter that sends the traces of every run to the Phoenix at `url`, such as `http://127.0.0.1:6006`.
pub fn add_phoenix(folder: &Path, url: &str) -> anyhow::Result<()> {
    let path = folder.join(SETTINGS);
    let endpoint = quoted(&format!("{}/v1/traces", url.trim_end_matches('/')));
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let exporter = format!(
        "\n[telemetry.exporters.phoenix]\ndialect = \"openinference\"\nendpoint = {endpoint}\nallow_private = true\n"
    );
    std::fs::write(&path, text + &exporter).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Nobody but the owner of the folder reads it.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;
