//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs narrow AI agents in production: guarded, journaled, approved by people.
///
/// An installation is a folder with `mainstay.toml` and `agents/`. Begin with `mainstay demo`, or with `mainstay init NAME`.
#[derive(Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The folder that holds `mainstay.toml`
    #[arg(long, short = 'C', global = true, default_value = ".", value_name = "FOLDER")]
    pub(crate) root: PathBuf,

    /// What to log to stderr, such as `info` or `mainstay_core=debug`
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER", env = "MAINSTAY_LOG")]
    pub(crate) log: String,

    /// How to log: `text` for people, `json` for machines
    #[arg(long, global = true, default_value = "text", value_enum, value_name = "FORMAT", env = "MAINSTAY_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write a new agent that passes `mainstay check`
    Init {
        /// Its name: lower-case letters, digits and `-`
        name: String,
    },
    /// Check the configuration, and say what each agent can and can never do
    Check {
        /// Print only problems
        #[arg(long)]
        quiet: bool,
    },
    /// Serve the HTTP API, and resume whatever is due; Ctrl-C or SIGTERM drains and ends
    Serve {
        /// Where to listen, instead of `[server] listen`; without any key only on this machine
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Manage keys to the HTTP API
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// See who did what, and who tried
    Audit {
        /// Only this action, such as `approval.decide`
        #[arg(long)]
        action: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Ask an agent
    Run(RunOptions),
    /// Look at runs
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Decide what agents may do
    Approvals {
        #[command(subcommand)]
        command: ApprovalsCommand,
    },
    /// See what agents did to the world
    Effects {
        #[command(subcommand)]
        command: EffectsCommand,
    },
    /// Resume runs that crashed, and runs that people decided; Ctrl-C drains and ends
    Worker {
        /// End when nothing is due any more
        #[arg(long)]
        until_idle: bool,
    },
    /// See a whole agent at work, with its own data; needs no key and no network
    Demo(DemoOptions),
}

#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The agent
    pub(crate) agent: String,
    /// What to ask it
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub(crate) question: Option<String>,
    /// On whose behalf
    #[arg(long = "as", value_name = "PRINCIPAL", default_value = "me")]
    pub(crate) principal: String,
    /// In which tenant
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// Also print the tree of steps with times
    #[arg(long, conflicts_with = "file")]
    pub(crate) trace: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "file")]
    pub(crate) json: bool,
    /// Ask every line of this file: plain text, or JSON with `input` (or `text`) and optionally `principal`, `label`, `id`
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON line for each line of the file
    #[arg(long, requires = "file")]
    pub(crate) jsonl: bool,
    /// How many requests of a file to run at once
    #[arg(long, requires = "file", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) at_once: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, newest first
    List {
        /// Only this agent's
        #[arg(long)]
        agent: Option<String>,
        /// Only runs in this state: open, parked, answered, refused, escalated, cancelled, failed
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show one run with its steps
    Show {
        /// Its id
        run: String,
    },
    /// End a run at its next safe place
    Cancel {
        /// Its id
        run: String,
        /// Who wants it
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Check that no entry was changed after it was written
    Verify {
        /// Only this run; all of them otherwise
        run: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List what waits for a person
    List {
        /// Also what was decided
        #[arg(long)]
        all: bool,
    },
    /// Show one with its exact arguments
    Show {
        /// Its id
        approval: String,
    },
    /// Let it be done, and resume the run
    Approve(DecisionOptions),
    /// Let it be done with other arguments, and resume the run
    Edit {
        /// The arguments, as one JSON object
        #[arg(long, value_name = "JSON")]
        arguments: String,
        #[command(flatten)]
        decision: DecisionOptions,
    },
    /// Forbid it, and resume the run
    Reject(DecisionOptions),
    /// Forbid it, and answer in the agent's place
    TakeOver {
        /// What the principal is told
        #[arg(long, value_name = "TEXT")]
        answer: String,
        #[command(flatten)]
        decision: DecisionOptions,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and show it, once
    Create(KeyOptions),
    /// List keys, without what is secret
    List,
    /// End a key for good
    Revoke {
        /// Its id, such as `key_0192…`
        key: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    /// Who will have it; shown in the audit trail and as who decided
    pub(crate) name: String,
    /// What it may do: caller (ask), reviewer (decide), operator (run the service), auditor (see everything)
    #[arg(long = "role", required = true, value_name = "ROLE", value_parser = ["caller", "reviewer", "operator", "auditor"])]
    pub(crate) roles: Vec<String>,
    /// The only tenant that it reaches
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// An agent that it reaches; may be repeated; all where none is named
    #[arg(long = "agent", value_name = "AGENT")]
    pub(crate) agents: Vec<String>,
    /// So many requests in a minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    /// What its runs may spend in a day, in dollars
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) usd_per_day: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DecisionOptions {
    /// Its id
    pub(crate) approval: String,
    /// Who decides; never the one who asked
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why; the agent reads the reason of a rejection
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// The hash that `approvals show` printed: refuse if the arguments are not those any more
    #[arg(long, value_name = "HASH")]
    pub(crate) hash: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EffectsCommand {
    /// List side effects, newest first
    List {
        /// Only those of this run
        #[arg(long)]
        run: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(Args)]
pub(crate) struct DemoOptions {
    /// Where to make its data; must be empty or an earlier demo's
    #[arg(default_value = "mainstay-demo")]
    pub(crate) folder: PathBuf,
    /// How many requests
    #[arg(long, default_value_t = 240)]
    pub(crate) requests: usize,
    /// Makes other data and requests
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// An OpenAI-compatible server for what playbooks do not cover, such as `http://127.0.0.1:8081/v1`
    #[arg(long, value_name = "URL")]
    pub(crate) model_url: Option<String>,
    /// The model for what playbooks do not cover
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// What that model costs per million tokens: dollars for input and for output, such as `0.25,2.00`
    #[arg(long, value_name = "INPUT,OUTPUT", value_delimiter = ',', requires = "model_url")]
    pub(crate) model_price: Vec<String>,
    /// Send the traces to the Phoenix at this address, such as `http://127.0.0.1:6006`
    #[arg(long, value_name = "URL")]
    pub(crate) phoenix: Option<String>,
    /// Let that model serve everything, playbooks aside
    #[arg(long)]
    pub(crate) model_only: bool,
    /// With this key, an OpenAI model serves what playbooks do not cover
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) openai_api_key: Option<String>,
    /// With this key, an Anthropic model serves what playbooks do not cover
    #[arg(long, env = "ANTHROPIC_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) anthropic_api_key: Option<String>,
    /// Use no model but the embedded one, whatever keys there are
    #[arg(long)]
    pub(crate) offline: bool,
    /// How many requests to run at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) at_once: u16,
    /// Afterwards keep the shop open and serve the HTTP API; Ctrl-C ends
    #[arg(long, conflicts_with = "shop")]
    pub(crate) serve: bool,
    /// Only start the shop's own service again, to decide the approvals of an earlier demo; Ctrl-C ends
    #[arg(long)]
    pub(crate) shop: bool,
}
