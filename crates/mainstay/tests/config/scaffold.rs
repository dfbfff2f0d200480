//! What `mainstay init` writes.

use std::fs;

use mainstay::config::explain::explain;
use mainstay::config::scaffold::{ScaffoldError, scaffold};
use tempfile::TempDir;

use super::load;

#[test]
fn a_first_agent_loads_without_a_warning_and_runs_without_a_key() {
    let folder = TempDir::new().unwrap();
    let written = scaffold(folder.path(), "opening-hours").unwrap();
    let names: Vec<String> =
        written.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
    assert_eq!(
        names,
        [
            "mainstay.toml",
            "agents/opening-hours/agent.toml",
            "agents/opening-hours/instructions.md",
            "agents/opening-hours/playbooks.toml",
            "agents/opening-hours/knowledge/opening-hours.md",
        ]
    );
    let loaded = load(folder.path()).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let agent = &loaded.config.agents["opening-hours"];
    assert_eq!(agent.models.all(), ["embedded"]);
    assert!(agent.tools.contains_key("search_knowledge"));
    assert!(!agent.playbooks.is_empty() && !agent.knowledge.is_empty());
    assert!(explain(agent).contains("change anything anywhere"));
}

#[test]
fn a_second_agent_leaves_the_first_and_the_settings_alone() {
    let folder = TempDir::new().unwrap();
    scaffold(folder.path(), "first").unwrap();
    let settings = folder.path().join("mainstay.toml");
    fs::write(&settings, "# mine\n").unwrap();
    assert_eq!(scaffold(folder.path(), "second").unwrap().len(), 4);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "# mine\n");
    assert_eq!(load(folder.path()).unwrap().config.agents.len(), 2);

    let instructions = folder.path().join("agents/first/instructions.md");
    fs::write(&instructions, "mine").unwrap();
    assert!(matches!(scaffold(folder.path(), "first"), Err(ScaffoldError::Exists(_))));
    assert_eq!(fs::read_to_string(instructions).unwrap(), "mine");
}

#[test]
fn a_name_cannot_leave_the_folder_or_the_rules() {
    let folder = TempDir::new().unwrap();
    let long = "a".repeat(65);
    for name in ["", "..", "../x", "a/b", "/x", "Returns", "1st", "a b", "ä", "a\u{0}", "-a", long.as_str()] {
        assert!(matches!(scaffold(folder.path(), name), Err(ScaffoldError::Name(_))), "{name:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_commented_out_is_a_configuration_too() {
    let folder = TempDir::new().unwrap();
    scaffold(folder.path(), "shop").unwrap();
    for file in ["mainstay.toml", "agents/shop/agent.toml", "agents/shop/playbooks.toml"] {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        // A comment that is a setting starts with a key, a table or the rest of one.
        let is_setting =
            |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let uncommented: Vec<&str> =
            text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line)).collect();
        fs::write(&path, uncommented.join("\n")).unwrap();
    }
    // The playbook's tool is one that the example of a first agent does not have.
    let said = load(folder.path()).map(|_| ()).unwrap_err();
    let messages: Vec<&str> = said.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["there is no tool `get_order`"], "{said}");
}
