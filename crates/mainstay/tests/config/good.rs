//! A configuration in which everything occurs means what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mainstay::config::agent::{AgentConfig, InjectionAction, Risk, TextAction, ToolKind};
use mainstay::config::explain::explain;
use mainstay::config::secret::{SecretRef, Setting};
use mainstay::config::server::{ServerConfig, TlsConfig};
use mainstay::config::settings::{ProviderKind, SourceConfig};
use mainstay::config::telemetry::{Content, Dialect, ExporterConfig, Protocol, TelemetryConfig};
use mainstay_core::guard::Mode;
use mainstay_core::money::MicroUsd;
use mainstay_core::rollout::{Audience, Autonomy, Phase};
use mainstay_core::tool::{Binding, Effect};
use serde_json::json;

use super::{configs, copy_of, expect_file, load};

fn returns() -> AgentConfig {
    let loaded = load(&configs().join("good")).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    loaded.config.agents["returns"].clone()
}

#[test]
fn what_mainstay_toml_says_is_there() {
    let root = configs().join("good");
    let config = load(&root).unwrap().config;
    assert_eq!(config.store_url, Setting::Text(format!("sqlite:{}", root.join("mainstay.db").display())));
    assert_eq!(config.lease, Duration::from_secs(45));
    assert_eq!(config.providers["openai"].kind, ProviderKind::OpenAi);
    assert_eq!(config.providers["openai"].api_key, Some(SecretRef::Env("OPENAI_API_KEY".into())));
    assert_eq!(config.providers["local"].base_url.as_ref().unwrap().as_str(), "http://127.0.0.1:8081/v1");
    assert_eq!(config.models["small"].price.output, MicroUsd(2_000_000));
    // A cache without a price of its own costs what input costs: never less than it may.
    assert_eq!(config.models["careful"].price.cached_input, MicroUsd(3_000_000));
    assert_eq!(config.models["embedded"].provider, "embedded");
    assert_eq!(config.sources["shop"], SourceConfig::Sqlite { path: root.join("shop.db") });
    let SourceConfig::Http { headers, .. } = &config.sources["shop_api"] else { panic!("http") };
    assert_eq!(headers[0], ("authorization".into(), Setting::Secret(SecretRef::Env("SHOP_API_TOKEN".into()))));
}

#[test]
fn what_is_said_of_the_server_is_there() {
    let root = configs().join("good");
    let server = load(&root).unwrap().config.server;
    assert_eq!(
        server,
        ServerConfig {
            listen: "0.0.0.0:7443".parse().unwrap(),
            tls: Some(TlsConfig { certificate: root.join("tls/cert.pem"), private_key: root.join("tls/key.pem") }),
            pepper: Some(SecretRef::File(root.join("pepper"))),
            max_connections: 512,
            max_body: 1024 * 1024,
            at_work: 128,
            waiting: 64,
            drain: Duration::from_secs(60),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(20),
        }
    );
    let silent = load(&configs().join("base")).unwrap().config.server;
    assert!(silent.listen.ip().is_loopback(), "who says nothing is reached by nobody else");
    assert_eq!(silent, ServerConfig::default());
}

#[test]
fn what_is_said_of_telemetry_is_there() {
    let root = configs().join("good");
    let telemetry = load(&root).unwrap().config.telemetry;
    assert_eq!(
        (telemetry.service_name.as_str(), telemetry.spool_bytes, telemetry.queue),
        ("shop-agents", 16 << 20, 1024)
    );
    let url = |text: &str| text.parse().unwrap();
    let of_phoenix = ExporterConfig {
        dialect: Dialect::OpenInference,
        protocol: Protocol::Http,
        endpoint: url("http://127.0.0.1:6006/v1/traces"),
        auth_endpoint: None,
        api_key: None,
        public_key: None,
        headers: vec![],
        project: Some("shop".into()),
        content: Content::Full,
        sample: 0.25,
        allow_private: true,
        timeout: Duration::from_secs(5),
    };
    assert_eq!(telemetry.exporters["phoenix"], of_phoenix);
    let collector = &telemetry.exporters["collector"];
    assert_eq!((collector.dialect, collector.protocol), (Dialect::Otel, Protocol::Grpc));
    assert_eq!(collector.headers[0], ("x-team".into(), Setting::Text("support".into())));
    assert_eq!(
        collector.headers[1],
        ("authorization".into(), Setting::Secret(SecretRef::Env("COLLECTOR_TOKEN".into())))
    );

    let of_langfuse = ExporterConfig {
        dialect: Dialect::Langfuse,
        endpoint: url("https://cloud.langfuse.com/api/public/otel/v1/traces"),
        api_key: Some(SecretRef::Env("LANGFUSE_SECRET_KEY".into())),
        public_key: Some("pk-lf-0001".into()),
        project: None,
        content: Content::Redacted,
        sample: 1.0,
        allow_private: false,
        timeout: Duration::from_secs(10),
        ..of_phoenix
    };
    assert_eq!(telemetry.exporters["langfuse"], of_langfuse, "what is not said is careful");
    assert_eq!(telemetry.exporters["langsmith"].project.as_deref(), Some("shop agents"));
    let agentops = &telemetry.exporters["agentops"];
    assert_eq!(agentops.endpoint, url("https://otlp.agentops.ai/v1/traces"));
    assert_eq!(agentops.auth_endpoint, Some(url("https://api.agentops.example/v3/auth/token")));
    assert_eq!(telemetry.exporters.len(), 5);

    assert_eq!(load(&configs().join("base")).unwrap().config.telemetry, TelemetryConfig::default());
    assert!(TelemetryConfig::default().exporters.is_empty(), "nothing leaves the house unasked");
}

#[test]
fn what_the_page_on_configuration_shows_is_one() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md")).unwrap();
    let shown = |heading: &str| {
        let section = page.split_once(heading).unwrap().1;
        section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
    };
    let folder = copy_of("base");
    let agent = folder.path().join("agents/returns");
    fs::create_dir(&agent).unwrap();
    fs::write(agent.join("agent.toml"), shown("\n## agent.toml\n") + &shown("\n### Rollout\n")).unwrap();
    fs::write(agent.join("instructions.md"), "You answer.").unwrap();
    fs::create_dir(agent.join("knowledge")).unwrap();
    fs::write(agent.join("knowledge/page.md"), "# Returns\n\n30 days.").unwrap();
    let settings = ["\n## mainstay.toml\n", "\n### Server\n", "\n### Telemetry\n"].map(shown).concat();
    fs::write(folder.path().join("mainstay.toml"), settings).unwrap();
    let loaded = load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.telemetry.exporters.len(), 2);
    assert!(loaded.config.server.tls.is_some());
}

#[test]
fn hosted_services_have_their_addresses() {
    let folder = copy_of("base");
    let settings = "[telemetry.exporters.a]\ndialect = \"langsmith\"\napi_key = { env = \"KEY\" }\n\
                    [telemetry.exporters.b]\ndialect = \"agentops\"\napi_key = { env = \"KEY\" }\n";
    let path = folder.path().join("mainstay.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{settings}")).unwrap();
    let exporters = load(folder.path()).unwrap().config.telemetry.exporters;
    assert_eq!(exporters["a"].endpoint.as_str(), "https://api.smith.langchain.com/otel/v1/traces");
    assert_eq!(exporters["a"].auth_endpoint, None);
    let token = exporters["b"].auth_endpoint.as_ref().unwrap();
    assert_eq!(token.as_str(), "https://api.agentops.ai/v3/auth/token");
}

#[test]
fn what_agent_toml_says_is_there() {
    let agent = returns();
    assert_eq!((agent.risk, agent.escalation.as_str()), (Risk::Limited, "support-oncall"));
    assert_eq!(agent.models.all(), ["embedded", "small", "careful"]);
    assert_eq!((agent.input.pii.card, agent.input.pii.iban), (Some(TextAction::Block), None));
    assert_eq!(agent.input.history_tokens, 1500);
    assert_eq!(load(&configs().join("base")).unwrap().config.agents["helper"].input.history_tokens, 2000);
    assert_eq!(agent.input.injection.mode, Mode::Observe);
    assert_eq!(agent.input.injection.action, InjectionAction::Escalate);
    assert_eq!(agent.limits.usd_per_run, MicroUsd(50_000));
    assert_eq!(agent.limits.run_time, Duration::from_secs(120));
    assert_eq!((agent.approval_time, agent.cache), (Duration::from_secs(4 * 3600), Some(Duration::from_secs(86_400))));
    assert_eq!(agent.rollout.phase, Phase::Pilot);
    assert_eq!(agent.rollout.audience, Audience::Only(BTreeSet::from(["c-1001".into(), "c-1002".into()])));
    assert_eq!(agent.rollout.autonomy, Autonomy::Propose);
    assert_eq!(agent.output.leaks, Mode::Observe);
    assert_eq!(agent.rules.len(), 2);
    let documents: Vec<&str> = agent.knowledge.iter().map(|document| document.path.as_str()).collect();
    assert_eq!(documents, ["policy/carriers.csv", "returns.md"]);
    assert_eq!(agent.playbooks.len(), 2);
    assert!(agent.playbooks[0].slots[0].pattern.is_match("it is w1234567"), "case does not matter");
}

#[test]
fn a_tool_is_shown_to_the_model_without_what_the_runtime_sets() {
    let refund = &returns().tools["refund"];
    assert_eq!((refund.effect, refund.trusted, refund.shared), (Effect::Write, false, false));
    assert_eq!(refund.bound[0].from, Binding::PrincipalId);
    assert_eq!(
        refund.spec.parameters,
        json!({
            "type": "object",
            "properties": {
                "order_id": {"type": "string", "pattern": "^#W[0-9]{7}$", "maxLength": 4000},
                "amount": {"type": "number", "minimum": 0.01, "maximum": 500},
            },
            "required": ["order_id", "amount"],
            "additionalProperties": false,
        })
    );
    assert!(refund.schema.check(&json!({"order_id": "#W1234567", "amount": 5})).is_ok());
    assert!(refund.schema.check(&json!({"order_id": "#W1234567", "amount": 5, "user_id": "c-2"})).is_err());
    assert!(refund.claims[1].is_match("Your Refund Has Been sent"));
    assert_eq!(refund.facts, [("order".to_owned(), "get_order".to_owned())]);
    assert_eq!(refund.probe.as_ref().unwrap().tool, "get_order");
    let ToolKind::Http { body: Some(body), path, .. } = &refund.kind else { panic!("http") };
    assert_eq!(path, "/orders/{order_id}/refund");
    assert_eq!(body, &json!({"amount": "{amount}", "customer": "{user_id}", "note": {"by": "mainstay"}}));
}

#[test]
fn the_version_changes_with_everything_that_decides_what_the_agent_does_and_with_nothing_else() {
    let version = |change: &dyn Fn(&Path)| {
        let folder = copy_of("good");
        change(folder.path());
        load(folder.path()).unwrap().config.agents["returns"].version.clone()
    };
    let replace = |file: &'static str, from: &'static str, to: &'static str| {
        move |root: &Path| {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(root.join(file), text.replace(from, to)).unwrap();
        }
    };
    let same = version(&|_| {});
    assert_eq!(same.len(), 64);
    assert_eq!(same, returns().version, "wherever the folder is");
    assert_eq!(same, version(&replace("mainstay.toml", "\"30s\"", "\"31s\"")), "a timeout decides no answer");
    assert_eq!(same, version(&replace("mainstay.toml", "\"2.00\"", "\"2.01\"")), "nor does a price");
    assert_eq!(same, version(&replace("mainstay.toml", "\"qwen\"", "\"llama\"")), "nor a model of others");

    let mut versions = BTreeSet::from([same]);
    let changes: [&dyn Fn(&Path); 9] = [
        &replace("agents/returns/agent.toml", "max_rows = 20", "max_rows = 21"),
        &replace("agents/returns/instructions.md", "brief", "short"),
        &replace("agents/returns/playbooks.toml", "track my parcel", "track my order"),
        &replace("agents/returns/answer.schema.json", "\"minLength\": 1", "\"minLength\": 2"),
        &replace("agents/returns/knowledge/returns.md", "30 days", "40 days"),
        &replace("mainstay.toml", "gpt-5-mini", "gpt-5-nano"),
        &replace("mainstay.toml", "claude.anthropic]", "claude.openai]"),
        &|root| fs::write(root.join("agents/returns/knowledge/new.txt"), "new").unwrap(),
        &|root| {
            let knowledge = root.join("agents/returns/knowledge");
            fs::rename(knowledge.join("returns.md"), knowledge.join("policy/returns.md")).unwrap();
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert!(versions.insert(version(change)), "change {index} does not show");
    }
}

#[test]
fn an_agent_is_explained_in_plain_words() {
    let agent = returns();
    let said = explain(&agent).replace(&agent.version[..12], "VERSION");
    expect_file(&configs().join("good.explained.txt"), &said);
}

#[test]
fn an_agent_that_changes_nothing_says_so() {
    let agent = load(&configs().join("base")).unwrap().config.agents["helper"].clone();
    let said = explain(&agent);
    assert!(said.contains("It can never\n  - call any tool\n  - change anything anywhere\n"), "{said}");
}
