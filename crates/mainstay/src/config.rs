//! Configuration: read as written, then checked into types that cannot be wrong.
//!
//! `mainstay.toml` and the folders in `agents/` are read by `reader`, typed by `file` and held against each other by
//! `check`. Nothing stops at the first error: [`load`] gives everything that is wrong at once, each with file, line, column
//! and a hint. Secrets are referred to and never read here; see [`secret`]. This is the only place of the product that reads
//! files and the environment. Absent on purpose: defaults from the environment, includes, templating of the files.

pub mod agent;
mod bundle;
mod check;
pub mod explain;
mod file;
mod folder;
mod mask;
pub mod pepper;
pub mod problem;
mod reader;
pub mod scaffold;
pub mod secret;
pub mod server;
pub mod settings;
mod source;
pub mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use time::{Date, OffsetDateTime};

use agent::AgentConfig;
use check::agent::Surroundings;
use check::settings::Settings;
use folder::Folder;
use problem::{Finding, Log, Problems};
use settings::Config;

use crate::function::Function;

/// Most agents of one installation.
const MAX_AGENTS: usize = 1_000;

/// A configuration without problems.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What deserves a second look.
    pub warnings: Problems,
}

/// Reads and checks the configuration in the folder `root`.
///
/// # Errors
/// All problems at once, in the order of files and lines.
pub fn load(root: &Path) -> Result<Loaded, Problems> {
    load_with(root, &[])
}

/// [`load`] with functions as further tools: each goes to the agent that is named with it.
///
/// # Errors
/// As [`load`]; problems of functions come last.
pub fn load_with(root: &Path, functions: &[(String, Function)]) -> Result<Loaded, Problems> {
    load_all(root, functions, OffsetDateTime::now_utc().date())
}

/// [`load`] as on the day `today`, which decides whose review is overdue.
///
/// # Errors
/// As [`load`].
pub fn load_as_of(root: &Path, today: Date) -> Result<Loaded, Problems> {
    load_all(root, &[], today)
}

fn load_all(root: &Path, functions: &[(String, Function)], today: Date) -> Result<Loaded, Problems> {
    let log = Log::default();
    let config = read(root, functions, today, &log);
    let (problems, warnings) = log.finish();
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings }),
        _ => Err(problems),
    }
}

fn read(root: &Path, functions: &[(String, Function)], today: Date, log: &Log) -> Option<Config> {
    let folder = match Folder::open(root) {
        Ok(folder) => folder,
        Err(error) => {
            log.problem(Finding::of_file(&root.display().to_string(), error.to_string()));
            return None;
        }
    };
    let hint = "`mainstay init NAME` writes one, and an agent beside it";
    let text = folder.text_or_problem(file::settings::NAME, hint, log);
    let settings = text
        .and_then(|text| file::settings::read(&text, folder.path(), log))
        .map_or_else(Settings::unreadable, |file| check::settings::check(file, folder.path(), log));
    let surroundings = Surroundings { folder: &folder, settings: &settings, functions, today, log };
    let agents = agents(&surroundings);
    // Whatever is broken has been recorded, and then nobody gets this value.
    Some(Config {
        root: folder.path().to_owned(),
        store_url: settings.store_url,
        lease: settings.lease,
        providers: usable(settings.providers),
        models: usable(settings.models),
        sources: usable(settings.sources),
        server: settings.server,
        telemetry: settings.telemetry,
        agents,
    })
}

fn agents(surroundings: &Surroundings<'_>) -> BTreeMap<String, AgentConfig> {
    const FOLDER: &str = "agents";
    let log = surroundings.log;
    let hint = "`mainstay init NAME` writes an agent into it";
    let mut agents = BTreeMap::new();
    let entries = match surroundings.folder.entries(FOLDER, MAX_AGENTS * 2) {
        Ok(entries) => entries,
        Err(error) => {
            log.problem(Finding::of_file(FOLDER, error.to_string().replace("file", "folder")).hint(hint));
            return agents;
        }
    };
    let mut folders = BTreeSet::new();
    for entry in entries.into_iter().filter(|entry| entry.is_folder) {
        let Some(name) = entry.name else {
            log.problem(Finding::of_file(FOLDER, "a folder has a name that is not UTF-8"));
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if folders.len() >= MAX_AGENTS {
            log.problem(Finding::of_file(FOLDER, format!("there are more than {MAX_AGENTS} agents")));
            break;
        }
        if let Some(agent) = check::agent::check(&format!("{FOLDER}/{name}"), surroundings) {
            agents.insert(agent.name.clone(), agent);
        }
        folders.insert(name);
    }
    if folders.is_empty() {
        log.problem(Finding::of_file(FOLDER, "there is no agent").hint(hint));
    }
    // A folder whose agent is broken is there all the same.
    check::function::of_no_agent(surroundings, &folders);
    agents
}

fn usable<T>(entries: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
    entries.into_iter().filter_map(|(name, entry)| Some((name, entry?))).collect()
}
