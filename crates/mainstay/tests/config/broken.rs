//! Broken configurations: each folder in `configs/broken` is laid over `configs/base`, and what is said about it is compared
//! word for word with its `expected.txt`. A file called `remove` lists what the base loses.
//!
//! `MAINSTAY_BLESS=1` writes the files anew; read what you bless.

use std::fs;
use std::path::{Path, PathBuf};

use super::{configs, copy, copy_of, is_blessing, load};

#[test]
fn every_broken_configuration_is_described_exactly() {
    let cases = folders(&configs().join("broken"));
    assert!(cases.len() >= 35, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let said = describe(case);
        let expected = case.join("expected.txt");
        if is_blessing() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("== {}\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as in expected.txt:\n{}", wrong.join("\n"));
}

/// What is said about the base with the files of `case` in it.
fn describe(case: &Path) -> String {
    let folder = copy_of("base");
    if let Ok(list) = fs::read_to_string(case.join("remove")) {
        for path in list.lines() {
            let path = folder.path().join(path);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
    copy(case, folder.path());
    match load(folder.path()) {
        Err(problems) => problems.to_string(),
        Ok(loaded) => format!("no problems, {} warnings\n\n{}", loaded.warnings.len(), loaded.warnings),
    }
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn the_base_of_the_cases_is_fine_so_each_case_is_about_what_it_changes() {
    let loaded = load(&configs().join("base")).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
}

#[test]
fn everything_that_is_wrong_in_all_files_is_said_at_once_and_in_order() {
    let folder = copy_of("base");
    let append = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::write(&path, fs::read_to_string(&path).unwrap() + text).unwrap();
    };
    append("mainstay.toml", "\n[sources.shop_api.http.more]\n[stor]\n");
    append("agents/helper/agent.toml", "\n[budget]\nusd_per_day = 3\n[cache]\nexact = \"x\"\n");
    fs::write(folder.path().join("agents/helper/instructions.md"), "").unwrap();
    fs::create_dir_all(folder.path().join("agents/another")).unwrap();
    let problems = load(folder.path()).unwrap_err();
    let places: Vec<(String, usize)> =
        problems.iter().map(|problem| (problem.file.clone(), problem.at.as_ref().map_or(0, |at| at.line))).collect();
    let expected = [
        ("mainstay.toml", 16),
        ("mainstay.toml", 17),
        ("agents/another/agent.toml", 0),
        ("agents/helper/agent.toml", 11),
        ("agents/helper/agent.toml", 13),
        ("agents/helper/instructions.md", 0),
    ];
    assert_eq!(places, expected.map(|(file, line)| (file.to_owned(), line)));
}

#[test]
fn a_key_that_nobody_reads_is_a_problem_in_every_table() {
    let files = ["mainstay.toml", "agents/returns/agent.toml", "agents/returns/playbooks.toml"];
    let mut tables = 0;
    for file in files {
        let text = fs::read_to_string(configs().join("good").join(file)).unwrap();
        let headers =
            text.match_indices("]\n").filter(|(at, _)| text[..*at].rsplit('\n').next().unwrap().starts_with('['));
        let headers = headers.map(|(at, _)| (at + 2, "zzz = 1\n"));
        // A body is whatever the API wants.
        let inline = text.match_indices("{ ").filter(|(at, _)| {
            let line = text[..*at].rsplit('\n').next().unwrap();
            !line.starts_with("body")
        });
        let inline = inline.map(|(at, _)| (at + 2, "zzz = 1, "));
        for (at, unknown) in headers.chain(inline).chain([(0, "zzz = 1\n")]) {
            let folder = copy_of("good");
            fs::write(folder.path().join(file), format!("{}{unknown}{}", &text[..at], &text[at..])).unwrap();
            let said = super::problems(folder.path());
            assert!(said.contains("`zzz`"), "{file} at byte {at}:\n{said}");
            tables += 1;
        }
    }
    assert!(tables > 60, "{tables}");
}
