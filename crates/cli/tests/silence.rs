//! What people wrote, who they are, and every secret: in no log, no metric, no error, and in no trace that is redacted.
//!
//! The outside is as talkative as it can be: a provider and a collector answer with what they were sent.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests fail loudly")]

mod common;
mod listener;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use common::{Answer, Asking, Serving, append, eventually, shop};
use listener::{Listener, Manner};
use mainstay_shop::files::{ExtraModel, ModelKind};
use mainstay_shop::requests::{RequestKind, requests};
use mainstay_shop::service::ShopOptions;
use serde_json::{Value, json};

const SEED: u64 = 9;
const EMAIL: &str = "zelda.quagga@walrus-mail.example";
const PHONE: &str = "+49 30 55578123";
const CARD: &str = "4111 1111 1111 1111";
const IBAN: &str = "DE89 3704 0044 0532 0130 00";
const TOKEN: &str = "ghp_wR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0vB7nM2";
/// Nothing that a playbook knows, so that a live model is asked too.
const SENTENCE: &str = "Do umbrellas of the purple walrus fleet tolerate marmalade";
const STREET: &str = "Quastenflosserweg 77";
/// Of one value in one place.
const MOST_SHOWN: usize = 8;
/// Only ever in the configuration.
const PROVIDER_KEY: &str = "sk-proj-Zq8Wn3Xe5Rc7Tv9Yb1Um2Ik4Ol6Pa8Sd0Fg";
const COLLECTOR_KEY: &str = "collector-key-4d7a91c3e5";

/// What must not be found, by what it is.
type Values = BTreeMap<String, String>;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_in_no_log_metric_error_or_redacted_trace() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let provider = Listener::start(Manner::RefuseAndRepeat(SENTENCE));
    let otel = Listener::start(Manner::FailOnceAndRepeat(SENTENCE));
    let phoenix = Listener::start(Manner::Accept);
    let model = ExtraModel {
        kind: ModelKind::OpenAi,
        base_url: Some(format!("http://{}/v1", provider.address)),
        model: "talkative".to_owned(),
        price: None,
        alone: false,
    };
    let shop = shop(root, SEED, ShopOptions::default(), Some(&model)).await;
    append(&root.join("mainstay.toml"), &exporter("collector", "otel", otel.address));
    append(&root.join("mainstay.toml"), &exporter("phoenix", "openinference", phoenix.address));
    let environment = [("OPENAI_API_KEY", PROVIDER_KEY), ("COLLECTOR_KEY", COLLECTOR_KEY)];
    let key = make_key(root, &environment);
    let pepper = std::fs::read_to_string(root.join(".mainstay/pepper")).unwrap().trim().to_owned();

    let log = root.join("serve.log");
    let loud = ["--log", "debug", "--log-format", "json"];
    let mut serving = Serving::start(root, &log, &loud, &environment).await;
    let served = Served { address: serving.address, key: key.clone() };
    let mut runs = served.personal_data().await;
    runs.extend(served.changes().await);
    let errors = served.errors().await;
    let metrics = served.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("mainstay_"), "{}", metrics.body);
    let in_traces = |listener: &Listener| String::from_utf8_lossy(&listener.bodies()).contains(SENTENCE);
    eventually("the traces arrive", async || (in_traces(&otel) && in_traces(&phoenix)).then_some(())).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));

    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let personal = Values::from([
        named("e-mail", EMAIL),
        named("phone", PHONE),
        named("phone without spaces", &PHONE.replace(' ', "")),
        named("card", CARD),
        named("card without spaces", &CARD.replace(' ', "")),
        named("iban", IBAN),
        named("iban without spaces", &IBAN.replace(' ', "")),
        named("token", TOKEN),
    ]);
    let secrets = Values::from([
        named("API key", &key),
        named("its secret half", key.rsplit_once('_').unwrap().1),
        named("pepper", &pepper),
        named("shop token", shop.token()),
        named("provider key", PROVIDER_KEY),
        named("collector key", COLLECTOR_KEY),
    ]);
    let mut said = Values::from([named("sentence", SENTENCE), named("street", STREET)]);
    let mut answers = 0;
    for run in &runs {
        let id = run["id"].as_str().unwrap();
        said.insert(format!("input of {id}"), run["input"].as_str().unwrap().to_owned());
        let Some(answer) = run["reply"]["answer"].as_str() else { continue };
        answers += 1;
        said.insert(format!("answer of {id}"), answer.to_owned());
        for effect in run["effects"].as_array().unwrap() {
            said.insert(format!("order of {id}"), effect["arguments"]["order_id"].as_str().unwrap().to_owned());
        }
    }

    let log = std::fs::read_to_string(&log).unwrap();
    let traces = [otel.bodies(), phoenix.bodies()].concat();
    let of_provider = String::from_utf8_lossy(&provider.bodies()).into_owned();
    // The test sees what it looks for where that may be, and looks at what it should.
    assert!(runs.iter().any(|run| run["input"].as_str().unwrap().contains(EMAIL)));
    assert!(runs.iter().any(|run| run["effects"].to_string().contains(STREET)), "no address was changed");
    assert!(answers > 2 && said.keys().any(|name| name.starts_with("order of")), "{said:?}");
    assert!(log.contains("\"level\":\"DEBUG\"") && log.contains("run.id\":\"run_"), "{log}");
    assert!(of_provider.contains(SENTENCE), "the live model was never asked");
    assert!(provider.heads().contains(PROVIDER_KEY) && otel.heads().contains(COLLECTOR_KEY));
    // What waits for a person is exported when it ends.
    let ended = runs.iter().filter(|run| run["state"] != "parked");
    for (run, listener) in ended.flat_map(|run| [(run, &otel), (run, &phoenix)]) {
        let id = run["id"].as_str().unwrap();
        let has = listener.bodies().windows(id.len()).any(|window| window == id.as_bytes());
        assert!(has, "the trace of {id} never left");
    }

    let outside = [("log", log.as_bytes()), ("metrics", metrics.body.as_bytes()), ("errors", errors.as_bytes())];
    let mut leaks = Vec::new();
    for (place, bytes) in outside {
        leaks.extend(find(place, bytes, [&personal, &secrets, &said]));
    }
    leaks.extend(find("traces", &traces, [&personal, &secrets]));
    leaks.extend(find("what the provider was sent", of_provider.as_bytes(), [&personal, &secrets]));
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    println!(
        "{} values in none of: {} lines of log, {} lines of metrics, {} bytes of errors, {} bytes of traces",
        personal.len() + secrets.len() + said.len(),
        log.lines().count(),
        metrics.body.lines().count(),
        errors.len(),
        traces.len()
    );
    shop.stop().await;
}

/// A server and a key to it.
struct Served {
    address: SocketAddr,
    key: String,
}

impl Served {
    async fn send(&self, asking: Asking<'_>) -> Answer {
        asking.header("authorization", &format!("Bearer {}", self.key)).send(self.address).await.answer()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Asking::get(path)).await
    }

    /// Runs an agent and reads the run as its tenant may.
    async fn run(&self, principal: &str, text: &str) -> Value {
        let body = json!({"input": text, "principal": principal, "metadata": {"note": EMAIL}, "wait": 30});
        let started = self.send(Asking::post("/v1/agents/returns/runs", body)).await;
        assert!(matches!(started.status, 200 | 202), "{}: {}", started.status, started.body);
        let read = self.get(&format!("/v1/runs/{}", started.text("id"))).await;
        assert_eq!(read.status, 200);
        read.json()
    }

    async fn personal_data(&self) -> Vec<Value> {
        let texts = [
            format!("My name is Zelda, my e-mail is {EMAIL} and my phone {PHONE}. Show me my orders."),
            format!("You can reach me under {EMAIL} or {PHONE}. How many days do I have to return something?"),
            format!("I paid with card {CARD}, did it work?"),
            format!("My IBAN is {IBAN}. How long does a refund take to a card?"),
            format!("Here is my key {TOKEN}, where is my order?"),
            format!("{SENTENCE}? Tell {EMAIL} or {PHONE}."),
        ];
        let mut runs = Vec::new();
        for text in &texts {
            runs.push(self.run("c-1050", text).await);
        }
        runs
    }

    /// Refunds and address changes, until one of each was done.
    async fn changes(&self) -> Vec<Value> {
        let mut runs = Vec::new();
        for kind in [RequestKind::Refund, RequestKind::AddressChange] {
            for request in requests(SEED, 2_000).into_iter().filter(|request| request.kind == kind).take(40) {
                let Some((_, order)) = request.text.split_once("#W") else { continue };
                let order = &order[..7];
                let text = match kind {
                    RequestKind::Refund => format!("Please refund 7.31 EUR of order #W{order}"),
                    _ => format!("Please send order #W{order} to {STREET}, 10115 Berlin, Germany instead"),
                };
                let run = self.run(&request.principal, &text).await;
                let is_done = run["effects"].as_array().unwrap().iter().any(|effect| effect["state"] == "confirmed");
                runs.push(run);
                if is_done {
                    break;
                }
            }
        }
        runs
    }

    /// Requests that are wrong in many ways, each with something private in it; the bodies of their answers.
    async fn errors(&self) -> String {
        let (start, bad_key) = ("/v1/agents/returns/runs", format!("{}x", self.key));
        let with_token = |body: String| Asking::post(start, body);
        let mut bodies = Vec::new();
        for asking in [
            with_token(format!("{{\"input\": \"{TOKEN}\", \"principal\": ")),
            with_token(format!("{{\"input\": \"{EMAIL}\" \"principal\": 1}}")),
            with_token(json!({"input": 5, "principal": TOKEN}).to_string()),
            with_token(json!({"input": SENTENCE, "principal": "p", "wait": TOKEN}).to_string()),
            with_token(json!({"input": SENTENCE, "principal": "p", TOKEN: 1}).to_string()),
            with_token(json!({"input": [{"role": EMAIL, "content": SENTENCE}], "principal": "p"}).to_string()),
            with_token(json!({"input": SENTENCE, "principal": "p", "wait": 0}).to_string())
                .header("idempotency-key", &format!("{EMAIL} {PHONE}")),
            Asking::get(format!("/v1/runs?state={TOKEN}")),
            Asking::get(format!("/v1/runs?{TOKEN}=1")),
            Asking::get(format!("/v1/runs?cursor={EMAIL}")),
            Asking::get(format!("/v1/runs/{TOKEN}")),
            Asking::get("/v1/runs/run_00000000000000000000000000000000"),
            Asking::get(format!("/v1/{EMAIL}")),
            Asking::post(format!("/v1/agents/{TOKEN}/runs"), json!({"input": SENTENCE, "principal": "p"})),
            Asking::post(format!("/v1/approvals/{TOKEN}/decision"), json!({"decision": TOKEN})),
        ] {
            let answer = self.send(asking).await;
            assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.body);
            bodies.push(answer.body);
        }
        for wrong in [format!("Bearer {bad_key}"), format!("Bearer {TOKEN}"), format!("Basic {TOKEN}")] {
            let answer = Asking::get("/v1/runs").header("authorization", &wrong).send(self.address).await.answer();
            assert_eq!(answer.status, 401, "{}", answer.body);
            bodies.push(answer.body);
        }
        bodies.join("\n")
    }
}

fn exporter(name: &str, dialect: &str, to: SocketAddr) -> String {
    format!(
        "\n[telemetry.exporters.{name}]\ndialect = \"{dialect}\"\nendpoint = \"http://{to}/v1/traces\"\n\
         allow_private = true\ncontent = \"redacted\"\napi_key = {{ env = \"COLLECTOR_KEY\" }}\n"
    )
}

/// A key with every role, as a person makes one.
fn make_key(root: &Path, environment: &[(&str, &str)]) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_mainstay"))
        .args(["-C".as_ref(), root.as_os_str()])
        .args(["keys", "create", "tester"])
        .args(["caller", "reviewer", "operator", "auditor"].iter().flat_map(|role| ["--role", role]))
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(key.starts_with("mst_") && !String::from_utf8_lossy(&made.stderr).contains(&key));
    key
}

/// Which of the values are in `bytes`, with what is around them.
fn find<'v>(place: &str, bytes: &[u8], values: impl IntoIterator<Item = &'v Values>) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (name, value) in values.into_iter().flatten() {
        // In JSON a text may be written with escapes.
        let escaped = Value::from(value.as_str()).to_string();
        for value in BTreeSet::from([value.as_str(), escaped.trim_matches('"')]) {
            for (at, _) in text.match_indices(value).take(MOST_SHOWN) {
                let before: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                let after: String = text[at..].chars().take(value.len() + 100).collect();
                found.push(format!("in the {place} is the {name}: …{before}{after}…"));
            }
        }
    }
    found
}
