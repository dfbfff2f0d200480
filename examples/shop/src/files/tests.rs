use std::collections::BTreeSet;
use std::path::PathBuf;

use regex::{Regex, RegexBuilder};
use toml::{Table, Value};

use super::*;
use crate::data::{COUNTRY_NAMES, DEFAULT_SEED, ShopData};
use crate::requests::{RequestKind, requests};
use crate::service::Shop;

fn text(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).unwrap().1
}

fn parsed(path: &str) -> Table {
    text(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn insensitive(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).case_insensitive(true).build().unwrap()
}

fn playbooks() -> Vec<Value> {
    parsed("agents/returns/playbooks.toml")["playbook"].as_array().unwrap().clone()
}

/// A slot of a playbook, as the embedded provider reads it.
struct Slot(Regex);

impl Slot {
    fn of(intent: &str, name: &str) -> Self {
        let playbook = playbooks().into_iter().find(|playbook| playbook["intent"].as_str() == Some(intent)).unwrap();
        Self(insensitive(playbook["slots"][name]["pattern"].as_str().unwrap()))
    }

    /// The first group of the first match, or the whole match.
    fn find<'t>(&self, request: &'t str) -> Option<&'t str> {
        let captures = self.0.captures(request)?;
        Some(captures.get(1).or_else(|| captures.get(0))?.as_str())
    }
}

#[test]
fn the_files_compiled_in_are_exactly_those_in_the_folder() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("agent");
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    assert_eq!(found, FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
}

#[tokio::test]
async fn the_written_folder_names_the_running_shop_and_holds_its_token_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    crate::data::generate(1, &folder.path().join("shop.db")).await.unwrap();
    let shop = Shop::start(folder.path(), ShopOptions::default()).await.unwrap();
    write_agent(folder.path(), &shop.base_url, shop.token(), None).unwrap();
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let settings: Table = read(SETTINGS).parse().unwrap();
    assert_eq!(settings["sources"]["shop_api"]["http"]["base_url"].as_str(), Some(shop.base_url.as_str()));
    assert_eq!(read(TOKEN), format!("Bearer {}", shop.token()));
    assert!(!read(SETTINGS).contains(shop.token()));
    assert_eq!(read(AGENT), text(AGENT));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(TOKEN)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // The shop can be started again where the agent looks for it.
    let options = shop_options(folder.path()).unwrap();
    let (base_url, token) = (shop.base_url.clone(), shop.token().to_owned());
    shop.stop().await;
    let again = Shop::start(folder.path(), options).await.unwrap();
    assert_eq!((again.base_url.as_str(), again.token()), (base_url.as_str(), token.as_str()));
}

#[test]
fn a_live_model_stands_behind_the_embedded_one_in_every_tier() {
    let folder = tempfile::tempdir().unwrap();
    let price = ModelPrice { input: "0.25".into(), cached_input: "0.025".into(), output: "2.00".into() };
    for (kind, name, base_url) in [
        (ModelKind::OpenAi, "openai", None),
        (ModelKind::Anthropic, "anthropic", None),
        (ModelKind::Compatible, "compatible", Some("http://127.0.0.1:8081/v1".to_owned())),
    ] {
        let model = ExtraModel {
            kind,
            base_url: base_url.clone(),
            model: "a \"model\"\\".into(),
            price: Some(price.clone()),
            alone: false,
        };
        write_agent(folder.path(), "http://127.0.0.1:1", "t", Some(&model)).unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap().parse::<Table>().unwrap();
        let settings = read(SETTINGS);
        let provider = &settings["providers"]["live"][name];
        assert_eq!(provider.get("api_key").is_some(), base_url.is_none());
        assert_eq!(provider.get("base_url").and_then(Value::as_str), base_url.as_deref());
        assert_eq!(settings["models"]["live"]["model"].as_str(), Some("a \"model\"\\"));
        assert_eq!(settings["models"]["live"]["price"]["output"].as_str(), Some("2.00"));
        for tier in ["simple", "medium", "complex"] {
            let models: Vec<_> = read(AGENT)["models"][tier]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
            assert_eq!(models, ["embedded", "live"]);
        }
    }
    let nowhere =
        ExtraModel { kind: ModelKind::Compatible, base_url: None, model: "m".into(), price: None, alone: false };
    assert!(write_agent(folder.path(), "http://127.0.0.1:1", "t", Some(&nowhere)).is_err());
}

#[test]
fn every_knowledge_page_has_an_owner_and_is_due_for_review_after_the_demos_day() {
    let field = |text: &str, patterns: [&str; 3]| -> Option<String> {
        patterns.iter().find_map(|pattern| {
            let found = RegexBuilder::new(pattern).multi_line(true).build().unwrap().captures(text)?;
            Some(found[1].to_owned())
        })
    };
    let pages: Vec<_> = FILES.iter().filter(|(path, _)| path.contains("/knowledge/")).collect();
    assert!((10..=20).contains(&pages.len()), "{}", pages.len());
    for extension in [".md", ".html", ".csv", ".txt"] {
        assert!(pages.iter().any(|(path, _)| path.ends_with(extension)), "{extension}");
    }
    for (path, text) in pages {
        let owner = [
            r"^owner: (\S+@\S+)$",
            r#"name="owner" content="(\S+@\S+)""#,
            r"(?i)owner(?: of this page:)? (\S+@[a-z.]+[a-z])",
        ];
        assert!(field(text, owner).is_some_and(|owner| owner.ends_with("@alderwren.example")), "{path}");
        let due =
            [r"^review_by: ([\d-]+)$", r#"name="review_by" content="([\d-]+)""#, r"(?i)review by (\d{4}-\d\d-\d\d)"];
        let due = field(text, due).unwrap_or_else(|| panic!("{path} is never reviewed"));
        assert!(due.len() == 10 && due.as_str() > "2026-12-01", "{path}: {due}");
    }
}

#[test]
fn every_query_about_orders_binds_the_customer_so_that_nobody_sees_anothers_order() {
    let agent = parsed(AGENT);
    let mut about_orders = 0;
    for (name, tool) in agent["tools"].as_table().unwrap() {
        let Some(query) = tool.get("sql").map(|sql| sql["query"].as_str().unwrap()) else { continue };
        if query.contains("orders") {
            about_orders += 1;
            assert!(query.contains("user_id = :user_id") && !query.contains(" or "), "{name}");
            assert_eq!(tool["args"]["user_id"]["from"].as_str(), Some("principal.id"), "{name}");
        }
    }
    assert_eq!(about_orders, 2);
}

#[tokio::test]
async fn the_queries_of_the_agent_run_on_the_shops_data_and_hide_other_customers_orders() {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    crate::data::generate(DEFAULT_SEED, &path).await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).read_only(true)).await.unwrap();
    let agent = parsed(AGENT);
    let rows = async |tool: &str, binds: &[&str]| {
        let query = agent["tools"][tool]["sql"]["query"].as_str().unwrap();
        let names = [":order_id", ":pattern", ":user_id"].into_iter().filter(|name| query.contains(name));
        let numbered =
            (1..).zip(names).fold(query.to_owned(), |query, (n, name)| query.replace(name, &format!("${n}")));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(numbered));
        for value in binds {
            query = query.bind((*value).to_owned());
        }
        query.fetch_all(&pool).await.unwrap().len()
    };
    use crate::data::known;
    assert_eq!(rows("get_order", &[known::SMALL, "c-1001"]).await, 1);
    assert_eq!(rows("get_order", &[known::OTHERS, "c-1001"]).await, 0);
    assert_eq!(rows("get_order", &[known::OTHERS, "c-1002"]).await, 1);
    assert_eq!(rows("list_orders", &["c-1001"]).await, 1);
    assert_eq!(rows("list_orders", &["c-9999"]).await, 0);
    assert_eq!(rows("search_products", &["%rain jacket%%%"]).await, 6);
    assert_eq!(rows("search_products", &["%hovercraft%"]).await, 0);
}

#[test]
fn every_intent_has_a_dozen_different_examples_and_every_pattern_compiles() {
    let mut seen = BTreeSet::new();
    for playbook in playbooks() {
        let intent = playbook["intent"].as_str().unwrap();
        let examples = playbook["examples"].as_array().unwrap();
        assert!(examples.len() >= 12, "{intent}");
        for example in examples {
            assert!(seen.insert(example.as_str().unwrap().to_owned()), "twice: {example:?}");
        }
        for (_, slot) in playbook.get("slots").and_then(Value::as_table).into_iter().flatten() {
            insensitive(slot["pattern"].as_str().unwrap());
        }
        let answers = playbook["answers"].as_array().unwrap();
        assert!(answers.last().unwrap().get("when").is_none() || intent.starts_with("order_status"), "{intent}");
    }
}

#[test]
fn an_answer_claims_an_effect_only_where_the_call_was_done() {
    let agent = parsed(AGENT);
    let claims: Vec<Regex> = ["refund", "change_address"]
        .into_iter()
        .flat_map(|tool| agent["tools"][tool]["claims"].as_array().unwrap().clone())
        .map(|pattern| insensitive(pattern.as_str().unwrap()))
        .collect();
    let claim = |text: &str| claims.iter().any(|claim| claim.is_match(text));
    for playbook in playbooks() {
        let intent = playbook["intent"].as_str().unwrap();
        let mut after_failures = false;
        for answer in playbook["answers"].as_array().unwrap() {
            let when = answer.get("when").and_then(Value::as_str).unwrap_or_default();
            let failed = when.contains(".error)") && !when.contains("get_order") && !when.contains("note_for_team");
            let done = after_failures && !failed;
            assert_eq!(claim(answer["text"].as_str().unwrap()), done, "{intent}: {answer:?}");
            after_failures |= when == "has(refund.error)" || when == "has(change_address.error)";
        }
    }
    for (path, text) in FILES.iter().filter(|(path, _)| path.contains("/knowledge/")) {
        for sentence in text.split(['.', '\n']) {
            assert!(!claim(sentence), "{path} would be taken for a claim: {sentence}");
        }
    }
    for said in [
        "Your money was refunded yesterday.",
        "I've just issued a full refund.",
        "A refund of 20 EUR has been issued.",
        "Ich habe Ihnen 20 EUR erstattet.",
        "Ihre Lieferadresse wurde geändert.",
        "We have updated your delivery address.",
    ] {
        assert!(claim(said), "{said}");
    }
}

#[test]
fn a_sum_is_understood_as_written_or_not_at_all() {
    let [amount, euros, sum, wish, order_id, second] =
        ["amount", "euros", "sum", "wish", "order_id", "second"].map(|name| Slot::of("refund", name));
    for (request, in_amount, in_euros, in_sum) in [
        ("refund 20 EUR of #W1234567", Some("20"), None, true),
        ("refund 19,90€ of #W1234567", Some("19,90"), None, true),
        ("please pay back 1.200,50 euros for W1234567", Some("1.200,50"), None, true),
        ("refund €20 on #W1234567", None, Some("20"), true),
        ("refund -20 EUR on #W1234567", None, None, true),
        ("refund half of #W1234567", None, None, true),
        ("refund #W1234567 please, I bought it 10 days ago", None, None, false),
        ("refund #W1234567", None, None, false),
    ] {
        assert_eq!(amount.find(request), in_amount, "{request}");
        assert_eq!(euros.find(request), in_euros, "{request}");
        assert_eq!(sum.find(request).is_some(), in_sum, "{request}");
        assert!(wish.find(request).is_some() && order_id.find(request) == Some("W1234567"), "{request}");
    }
    assert_eq!(wish.find("where is #W1234567"), None);
    assert_eq!(second.find("refund #W1234567 and #W7654321"), Some("W7654321"));
    assert_eq!(second.find("refund #W1234567"), None);
}

#[test]
fn who_says_that_they_want_no_money_gets_none() {
    let unsure = [Slot::of("refund", "unsure"), Slot::of("refund_de", "unsure")];
    for request in [
        "I do NOT want a refund for #W1234567, I just want to know when it came",
        "Please refund #W1234567. Actually no, don't, I'll keep it.",
        "don't refund #W1234567 yet, don't send the money",
        "If I returned #W1234567, would I get my money?",
        "Ich möchte keine Erstattung für #W1234567",
    ] {
        assert!(unsure.iter().all(|slot| slot.find(request).is_some()), "{request}");
    }
    for request in [
        "I am not happy with #W1234567, I want my money back",
        "I don't want #W1234567 any more, please refund it",
        "It does not fit, please return my money for #W1234567",
        "die ware aus #W1234567 gefällt mir nicht, ich möchte das geld zurück",
    ] {
        assert!(unsure.iter().all(|slot| slot.find(request).is_none()), "{request}");
    }
}

#[test]
fn a_question_about_the_policy_is_not_answered_with_a_question_for_an_order_number() {
    for intent in ["order_status", "refund", "change_address", "cancel_order", "exchange", "damaged_article"] {
        let mine = Slot::of(intent, "mine");
        for request in requests(DEFAULT_SEED, 400).iter().filter(|request| request.kind == RequestKind::Knowledge) {
            let is_about_them = request.text.contains(" my ");
            assert_eq!(mine.find(&request.text).is_some(), is_about_them, "{intent}: {}", request.text);
        }
        assert!(mine.find("where is my order").is_some() && mine.find("status #W1234567").is_some());
    }
    let greeting = Slot::of("thanks_and_hello", "greeting");
    assert!(greeting.find("Thank you very much, that is all").is_some());
    assert!(greeting.find("Can you help me with my maths homework?").is_none());
}

#[test]
fn every_address_of_the_shop_is_read_back_from_a_request_in_its_four_parts() {
    let parts = ["street", "postcode", "city", "country"].map(|name| Slot::of("change_address", name));
    let mut addresses: Vec<_> = ShopData::new(DEFAULT_SEED).customers.into_iter().map(|one| one.address).collect();
    // One of each street and town is enough.
    addresses.sort_by(|one, other| (&one.city, &one.street).cmp(&(&other.city, &other.street)));
    addresses.dedup_by(|one, other| one.city == other.city);
    for address in addresses {
        let crate::data::Address { street, postcode, city, country } = &address;
        for request in [
            format!("I want to change the address of #W1234567 to {street}, {postcode} {city}, {country}"),
            format!("Neue Adresse für #W1234567: {street}, {postcode} {city}, {country}"),
            format!("Bitte #W1234567 an {street}, {postcode} {city}, {country}. Danke!"),
        ] {
            let read = parts.each_ref().map(|part| part.find(&request).unwrap_or("nothing"));
            assert_eq!(read, [street, postcode, city, *country], "{request}");
        }
    }
}

#[test]
fn the_articles_and_countries_of_the_shop_are_known_to_the_playbooks() {
    let article = Slot::of("product_search", "product");
    for product in &ShopData::new(DEFAULT_SEED).products {
        let request = format!("do you have {}", product.noun);
        let found = article.find(&request).unwrap_or_else(|| panic!("{request}"));
        assert!(product.name.to_lowercase().contains(&found.to_lowercase()), "{found} in {}", product.name);
    }
    let country = Slot::of("change_address", "country");
    for name in COUNTRY_NAMES {
        assert_eq!(country.find(&format!("to X 1, 12345 Y, {name}")), Some(name));
    }
    let wish = Slot::of("refund", "wish");
    for request in requests(DEFAULT_SEED, 400).iter().filter(|request| request.kind == RequestKind::Refund) {
        assert!(wish.find(&request.text).is_some(), "{}", request.text);
    }
}
