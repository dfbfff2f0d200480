//! Two tenants, four roles, every call: who gets what, who gets nothing, and that every refusal is noted.

use std::collections::BTreeMap;

use mainstay::access::Role;
use mainstay_shop::data::known;
use serde_json::{Value, json};

use crate::support::{AGENT, Answer, CUSTOMER, Call, House, KeyOf, OTHER_AGENT, where_is};

const TENANTS: [&str; 2] = ["north", "south"];

/// What belongs to a tenant.
struct Things {
    keys: BTreeMap<Role, String>,
    ended: String,
    approval: String,
}

async fn things(house: &House, tenant: &str) -> Things {
    let mut keys = BTreeMap::new();
    for role in Role::ALL {
        let of = KeyOf { roles: &[role], tenant: Some(tenant), ..KeyOf::default() };
        keys.insert(role, house.key(&format!("{tenant} {}", role.as_str()), of).await);
    }
    let (caller, reviewer) = (&keys[&Role::Caller], &keys[&Role::Reviewer]);
    let (ended, approval) = house.parked(caller, None).await;
    let decision = Call::post(format!("/v1/approvals/{approval}/decision"), &json!({"decision": "reject"}));
    assert_eq!(house.call(decision.key(reviewer)).await.status, 200);
    house.ended(caller, &ended).await;
    Things { keys, ended, approval }
}

/// A call, its word in the audit trail, and its status by role: caller, reviewer, operator, auditor.
type Row = (Call, &'static str, [u16; 4]);

/// All calls on these things; `foreign` is the status of what is out of reach.
fn rows(run: &str, approval: &str, is_own: bool) -> Vec<Row> {
    let of = |own: u16| if is_own { own } else { 404 };
    let start = json!({"input": where_is(known::SHIPPED), "principal": CUSTOMER});
    let mut rows = vec![
        (Call::get(format!("/v1/runs/{run}")), "run.read", [of(200); 4]),
        (Call::get(format!("/v1/runs/{run}/events")), "run.read", [of(200); 4]),
        (Call::get(format!("/v1/runs/{run}/trace")), "run.trace", [403, of(200), of(200), of(200)]),
        (Call::post_bytes(format!("/v1/runs/{run}/cancel"), ""), "run.cancel", [of(409), 403, of(409), 403]),
        (
            Call::post(format!("/v1/runs/{run}/feedback"), &json!({"rating": 0})),
            "run.feedback",
            [of(201), of(201), 403, 403],
        ),
        (Call::get(format!("/v1/approvals/{approval}")), "approval.read", [403, of(200), of(200), of(200)]),
        (
            Call::post(format!("/v1/approvals/{approval}/decision"), &json!({"decision": "approve"})),
            "approval.decide",
            [403, of(409), 403, 403],
        ),
        (Call::get(format!("/v1/effects?run={run}")), "effect.read", [403, of(200), of(200), of(200)]),
    ];
    if is_own {
        rows.extend([
            (Call::get("/v1/agents"), "agent.read", [200; 4]),
            (Call::get(format!("/v1/agents/{AGENT}")), "agent.read", [200; 4]),
            (Call::post(format!("/v1/agents/{AGENT}/runs"), &start), "run.start", [200, 403, 403, 403]),
            (Call::get("/v1/runs"), "run.read", [200; 4]),
            (Call::get("/v1/approvals?state=all"), "approval.read", [403, 200, 200, 200]),
            (Call::get("/v1/audit"), "audit.read", [403, 403, 403, 200]),
            (Call::get("/metrics"), "metrics.read", [403, 403, 200, 200]),
            (Call::get("/healthz"), "", [200; 4]),
            (Call::get("/readyz"), "", [200; 4]),
            (Call::get("/openapi.json"), "", [200; 4]),
            (Call::get("/docs/errors/forbidden"), "", [200; 4]),
        ]);
    } else {
        let elsewhere = json!({"input": "Hello", "principal": CUSTOMER, "tenant": "nowhere"});
        rows.extend([
            (Call::post(format!("/v1/agents/{AGENT}/runs"), &elsewhere), "run.start", [403; 4]),
            (Call::get("/v1/runs?tenant=nowhere"), "run.read", [403; 4]),
            (Call::get("/v1/approvals?tenant=nowhere"), "approval.read", [403; 4]),
            (Call::get("/v1/audit?tenant=nowhere"), "audit.read", [403; 4]),
        ]);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_gets_what_its_tenant_and_role_allow_and_every_refusal_is_noted() {
    let house = House::open().await;
    let mut all = BTreeMap::new();
    for tenant in TENANTS {
        all.insert(tenant, things(&house, tenant).await);
    }
    // (who, what) -> how often they were refused
    let mut refusals: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut calls = 0;
    for (tenant, own) in &all {
        for (owner, of) in &all {
            let is_own = tenant == owner;
            for (call, action, statuses) in rows(&of.ended, &of.approval, is_own) {
                for (role, status) in Role::ALL.into_iter().zip(statuses) {
                    let answer = house.call(call.clone().key(&own.keys[&role])).await;
                    let what = format!("{tenant} {}: {} {}", role.as_str(), call.method, call.path);
                    assert_eq!(answer.status, status, "{what}: {}", answer.text);
                    calls += 1;
                    let is_late = status == 409 && action == "approval.decide";
                    if status == 403 || (!is_own && status == 404) || is_late {
                        *refusals.entry((format!("{tenant} {}", role.as_str()), action)).or_default() += 1;
                    }
                    if !is_own && status == 404 {
                        let mut unknown = call.clone().key(&own.keys[&role]);
                        let path = unknown.path.replace(&of.ended, &nobodys("run"));
                        unknown.path = path.replace(&of.approval, &nobodys("apr"));
                        same(&answer, &house.call(unknown).await, &what);
                    }
                }
            }
        }
    }
    let expected: usize = refusals.values().sum();
    let events = house.audited(expected, |event| !event.allowed).await;
    let mut noted: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for event in &events {
        let tenant = event.actor.split(' ').next().unwrap();
        assert_eq!(event.tenant, tenant, "a refusal is noted where it came from");
        *noted.entry((event.actor.clone(), event.action.as_str())).or_default() += 1;
    }
    assert_eq!(noted, refusals);
    println!("isolation: {calls} calls, {expected} refused, all of them noted");
}

fn nobodys(kind: &str) -> String {
    format!("{kind}_0199{}", "0".repeat(28))
}

/// Fails when two answers differ in anything but what names the request itself.
fn same(foreign: &Answer, unknown: &Answer, what: &str) {
    let plain = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        headers.remove("date");
        (answer.status, format!("{headers:?}"), answer.text.clone())
    };
    assert_eq!(plain(foreign), plain(unknown), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_only_what_is_the_tenants_and_the_trail_is_the_tenants_too() {
    let house = House::open().await;
    let all = house.key("everything", KeyOf::default()).await;
    let mut keys = Vec::new();
    for tenant in TENANTS {
        keys.push(house.key(tenant, KeyOf { tenant: Some(tenant), ..KeyOf::default() }).await);
        house.parked(&all, Some(tenant)).await;
    }
    for (tenant, key) in TENANTS.into_iter().zip(&keys) {
        let runs = house.call(Call::get("/v1/runs").key(key)).await;
        assert_eq!(runs.json["runs"].as_array().unwrap().len(), 1);
        assert_eq!(runs.json["runs"][0]["tenant"], tenant);
        let waiting = house.call(Call::get("/v1/approvals").key(key)).await;
        assert_eq!(waiting.json["approvals"].as_array().unwrap().len(), 1);
        assert_eq!(waiting.json["approvals"][0]["tenant"], tenant);
        let must_name_one = house.call(Call::get("/v1/effects").key(key)).await;
        assert_eq!(must_name_one.code(), "request_invalid");
        house.call(Call::get("/v1/runs?tenant=elsewhere").key(key)).await;
    }
    house.audited(2, |event| !event.allowed).await;
    for (tenant, key) in TENANTS.into_iter().zip(&keys) {
        let trail = house.call(Call::get("/v1/audit").key(key)).await;
        let events = trail.json["events"].as_array().unwrap();
        assert!(!events.is_empty() && events.iter().all(|event| event["tenant"] == tenant), "{}", trail.text);
    }
    let whole = house.call(Call::get("/v1/runs").key(&all)).await;
    assert_eq!(whole.json["runs"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_one_agent_does_not_know_that_there_are_others() {
    let house = House::open().await;
    let all = house.key("everything", KeyOf::default()).await;
    let narrow = house.key("narrow", KeyOf { agents: &[OTHER_AGENT], ..KeyOf::default() }).await;
    let (run, approval) = house.parked(&all, None).await;
    for path in ["/v1/runs?agent=returns", "/v1/approvals?agent=returns", "/v1/runs?agent=nobody"] {
        let list = house.call(Call::get(path).key(&narrow)).await;
        assert!(list.json.as_object().unwrap().values().all(|value| value.is_null() || value == &json!([])), "{path}");
    }
    let agents = house.call(Call::get("/v1/agents").key(&narrow)).await;
    let names: Vec<&Value> = agents.json["agents"].as_array().unwrap().iter().map(|agent| &agent["name"]).collect();
    assert_eq!(names, [&json!(OTHER_AGENT)]);
    for path in ["/v1/runs", "/v1/approvals"] {
        let list = house.call(Call::get(path).key(&narrow)).await;
        let page = list.json.as_object().unwrap();
        assert!(page.values().all(|value| value.is_null() || value == &json!([])), "{path}: {}", list.text);
    }
    let body = json!({"input": "Hello", "principal": CUSTOMER});
    let pairs = [
        (Call::post("/v1/agents/returns/runs", &body), Call::post("/v1/agents/nobody/runs", &body)),
        (Call::get("/v1/agents/returns"), Call::get("/v1/agents/nobody")),
        (Call::get(format!("/v1/runs/{run}")), Call::get(format!("/v1/runs/{}", nobodys("run")))),
        (Call::get(format!("/v1/approvals/{approval}")), Call::get(format!("/v1/approvals/{}", nobodys("apr")))),
        (Call::get(format!("/v1/runs/{run}")), Call::get("/v1/runs/not-an-id")),
    ];
    for (foreign, unknown) in pairs {
        let what = foreign.path.clone();
        let (foreign, unknown) = (house.call(foreign.key(&narrow)).await, house.call(unknown.key(&narrow)).await);
        assert_eq!(foreign.status, 404, "{what}");
        same(&foreign, &unknown, &what);
    }
    house.audited(5, |event| event.actor == "narrow" && !event.allowed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_two_agents_pages_through_the_runs_of_both() {
    let house = House::open().await;
    let both = house.key("both", KeyOf { agents: &[AGENT, OTHER_AGENT], ..KeyOf::default() }).await;
    let mut ids = Vec::new();
    for agent in [AGENT, OTHER_AGENT, OTHER_AGENT, AGENT] {
        let body = json!({"input": where_is(known::SHIPPED), "principal": CUSTOMER});
        let answer = house.call(Call::post(format!("/v1/agents/{agent}/runs"), &body).key(&both)).await;
        ids.push(answer.json["id"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    let mut found = Vec::new();
    let mut path = "/v1/runs?limit=3".to_owned();
    for _ in 0..2 {
        let page = house.call(Call::get(&path).key(&both)).await.json;
        found.extend(page["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        path = format!("/v1/runs?limit=3&cursor={}", page["next"].as_str().unwrap_or("run_none"));
    }
    assert_eq!(found, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_never_brings_in_what_somebody_else_said() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let ask = async |tenant: &str, principal: &str, agent: &str| {
        let body = json!({
            "input": where_is(known::SHIPPED), "principal": principal, "tenant": tenant, "conversation": "the same",
        });
        let answer = house.call(Call::post(format!("/v1/agents/{agent}/runs"), &body).key(&key)).await;
        let run = answer.json["id"].as_str().unwrap().parse().unwrap();
        house.mainstay.run(run).await.unwrap().unwrap().context.history.len()
    };
    assert_eq!(ask("north", CUSTOMER, AGENT).await, 0);
    assert_eq!(ask("north", CUSTOMER, AGENT).await, 2, "their own turn is remembered");
    assert_eq!(ask("north", "c-1002", AGENT).await, 0, "another principal");
    assert_eq!(ask("south", CUSTOMER, AGENT).await, 0, "another tenant");
    assert_eq!(ask("north", CUSTOMER, OTHER_AGENT).await, 0, "another agent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_stays_in_its_tenant() {
    let house = House::open().await;
    let key = house.key("app", KeyOf::default()).await;
    let origin = async |tenant: &str, principal: &str| {
        let body = json!({"input": "How long does a repair take?", "principal": principal, "tenant": tenant});
        let answer = house.call(Call::post(format!("/v1/agents/{OTHER_AGENT}/runs"), &body).key(&key)).await;
        assert_eq!(answer.json["state"], "answered", "{}", answer.text);
        answer.json["reply"]["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!(origin("north", CUSTOMER).await, "model");
    assert_eq!(origin("north", "c-1002").await, "cache", "what rests on pages is the tenant's");
    assert_eq!(origin("south", CUSTOMER).await, "model", "another tenant");
}
