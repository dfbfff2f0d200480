//! Relative links of our own pages lead somewhere. Links to other hosts are not asked for: CI has no network.
//!
//! Pages that are data (an agent's `knowledge/`, files of tests) are not ours to check.

use crate::tidy::tree::{File, Tree};
use crate::tidy::violation::Violation;

/// Finds links to files or headings that are not there.
pub(crate) fn check(file: &File, tree: &Tree) -> Vec<Violation> {
    if ["knowledge", "tests", "templates"].iter().any(|folder| file.path.contains(&format!("{folder}/"))) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, target) in targets(&file.text) {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        if path.contains(':') {
            continue; // another host, or mail
        }
        let resolved = if path.is_empty() { Some(file.path.clone()) } else { resolve(&file.path, path) };
        let Some(resolved) = resolved.filter(|resolved| tree.has(resolved)) else {
            let what = format!("the link to `{target}` leads nowhere");
            found.push(Violation::new(&file.path, line, what, "links are relative to the page's own folder"));
            continue;
        };
        let headings = tree.text(&resolved).filter(|_| resolved.ends_with(".md")).map(headings);
        if !anchor.is_empty() && headings.is_some_and(|headings| !headings.iter().any(|heading| heading == anchor)) {
            let what = format!("`{resolved}` has no heading `#{anchor}`");
            found.push(Violation::new(
                &file.path,
                line,
                what,
                "anchors are headings in lower case, with `-` for blanks",
            ));
        }
    }
    found
}

/// `path` as seen from the folder of `page`; `None` when it leaves the repository.
fn resolve(page: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    (!path.starts_with('/')).then(|| parts.join("/"))
}

/// Link targets outside code: `[text](target)` and `[name]: target`.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let definition = line.split_once("]: ").filter(|(name, _)| name.starts_with('[') && !name.contains(']'));
        if let Some((_, target)) = definition {
            found.extend(target.split_whitespace().next().map(|target| (number, target)));
            continue;
        }
        // Inside backticks is code.
        for part in line.split('`').step_by(2) {
            for after in part.split("](").skip(1) {
                let target = after.split(')').next().and_then(|target| target.split_whitespace().next());
                found.extend(target.map(|target| (number, target)));
            }
        }
    }
    found
}

/// The lines outside code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The anchors of a page's headings, as the usual renderers make them.
fn headings(text: &str) -> Vec<String> {
    let anchor = |heading: &str| {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
        kept.map(|character| if character == ' ' { '-' } else { character }).collect()
    };
    let heading = |line: &str| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then(|| anchor(text))
    };
    prose(text).filter_map(|(_, line)| heading(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::violation::places;

    fn found(text: &str) -> Vec<String> {
        let tree =
            Tree::of(&[("docs/a.md", text), ("docs/errors/b.md", "# `b` is it\n## What to do\n"), ("LICENSE.md", "x")]);
        places(&check(&tree.files()[0].clone(), &tree))
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found_with_its_line() {
        assert_eq!(found("x\n[gone](errors/c.md)"), ["docs/a.md:2: the link to `errors/c.md` leads nowhere"]);
        assert_eq!(found("[out](../../etc/passwd)").len(), 1);
        assert_eq!(found("[b](errors/b.md#why)"), ["docs/a.md:1: `docs/errors/b.md` has no heading `#why`"]);
        assert_eq!(found("[ref]\n\n[ref]: gone.md").len(), 1);
    }

    #[test]
    fn links_to_files_folders_headings_and_other_hosts_are_left_alone() {
        let text = "# Top\n[a](errors/b.md) [b](errors) ![c](../LICENSE.md) [d](#top) [e](errors/b.md#what-to-do)\n\
                    [f](https://x.example/y) [g](mailto:a@b.example) [h](errors/b.md#b-is-it) `[i](gone.md)`\n\
                    ```\n[j](gone.md)\n```\n";
        assert_eq!(found(text), [""; 0]);
    }
}
