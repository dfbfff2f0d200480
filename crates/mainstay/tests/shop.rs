//! The shop's own pages go through the guards untouched: what an agent must read, it can read.

use mainstay_core::guard::{Channel, Guard, Verdict};
use mainstay_guards::injection::{Action, Injection, InjectionSettings};
use mainstay_guards::secrets::{self, Secrets, SecretsSettings};
use mainstay_shop::files::FILES;

#[tokio::test]
async fn no_page_of_the_knowledge_base_is_taken_for_an_attack() {
    let guards: [Box<dyn Guard>; 2] = [
        Box::new(Injection::new(InjectionSettings::new(Action::Block))),
        Box::new(Secrets::new(SecretsSettings { action: secrets::Action::Block })),
    ];
    let pages = FILES.iter().filter(|(path, _)| path.starts_with("agents/returns/knowledge/"));
    let parts = pages.flat_map(|(path, text)| text.split("\n\n").chain([*text]).map(move |part| (path, part)));
    let mut read = 0;
    for (path, part) in parts {
        for guard in &guards {
            let verdict = guard.inspect(part, Channel::Document).await.unwrap();
            assert_eq!(verdict, Verdict::Pass, "{} in {path}: {part}", guard.name());
        }
        read += 1;
    }
    assert!(read > 50, "{read} parts");
}
