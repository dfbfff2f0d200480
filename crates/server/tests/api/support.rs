//! An installation with the shop's agent, served on a free port, and a client that checks every answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mainstay::access::{AuditEvent, AuditFilter, Role};
use mainstay::{Mainstay, NewKey};
use mainstay_server::{ApiSettings, CancellationToken, listen, router};
use mainstay_shop::service::{DATABASE, Shop, ShopOptions};
use mainstay_shop::{data, files};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

use crate::document::Document;

/// The shop's agent, and the same under a second name.
pub(crate) const AGENT: &str = "returns";
pub(crate) const OTHER_AGENT: &str = "exchanges";
pub(crate) const CUSTOMER: &str = data::known::CUSTOMER;

/// A served installation.
pub(crate) struct House {
    pub(crate) mainstay: Arc<Mainstay>,
    pub(crate) shop: Shop,
    pub(crate) stop: CancellationToken,
    pub(crate) address: std::net::SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    document: Document,
    _listening: DropGuard,
    _tasks: TaskTracker,
    _folder: TempDir,
}

/// A request about to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::post_bytes(path, body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn post_bytes(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, path: path.into(), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let known =
            ["authorization", "content-type", "idempotency-key", "last-event-id", "traceparent", "host", "origin"];
        let name = known.into_iter().find(|known| *known == name).unwrap();
        self.headers.push((name, value.into()));
        self
    }
}

impl Answer {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A key's description; the rest is as everybody's.
pub(crate) struct KeyOf<'k> {
    pub(crate) roles: &'k [Role],
    pub(crate) tenant: Option<&'k str>,
    pub(crate) agents: &'k [&'k str],
    pub(crate) requests_per_minute: Option<u32>,
}

impl Default for KeyOf<'_> {
    fn default() -> Self {
        Self { roles: &Role::ALL, tenant: None, agents: &[], requests_per_minute: None }
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(ApiSettings::default()).await
    }

    pub(crate) async fn open_with(settings: ApiSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(shop_data().await, folder.path().join(DATABASE)).unwrap();
        let shop = Shop::start(folder.path(), ShopOptions::default()).await.unwrap();
        files::write_agent(folder.path(), &shop.base_url, shop.token(), None).unwrap();
        second_agent(folder.path());
        let mainstay = Arc::new(Mainstay::open(folder.path()).await.unwrap());
        mainstay.watch();
        let stop = settings.stop.clone();
        let listener = listen::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = TaskTracker::new();
        let app = router(Arc::clone(&mainstay), settings);
        // What the API is told to stop by is not what the listener is: requests still come while it drains.
        let listening = CancellationToken::new();
        tasks.spawn(listen::serve(app, listener, listen::ListenSettings::default(), listening.clone()));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut house = Self {
            mainstay,
            shop,
            stop,
            _listening: listening.drop_guard(),
            address,
            client,
            document: Document::default(),
            _tasks: tasks,
            _folder: folder,
        };
        let document = house.send(Call::get("/openapi.json")).await;
        house.document = Document::new(document.json);
        house
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// A new key's text.
    pub(crate) async fn key(&self, name: &str, of: KeyOf<'_>) -> String {
        let new = NewKey {
            name: name.to_owned(),
            roles: of.roles.to_vec(),
            tenant: of.tenant.map(str::to_owned),
            agents: of.agents.iter().map(|&agent| agent.to_owned()).collect(),
            requests_per_minute: of.requests_per_minute,
            usd_per_day: None,
        };
        let (_, text) = self.mainstay.create_key(new).await.unwrap();
        // That there are no keys is believed for a second.
        text.expose().to_owned()
    }

    /// Sends, and holds the answer against the document.
    pub(crate) async fn call(&self, call: Call) -> Answer {
        let answer = self.send(call.clone()).await;
        self.document.check(&call, &answer);
        answer
    }

    async fn send(&self, call: Call) -> Answer {
        self.send_to(self.address, call).await
    }

    /// Sends to another address, and holds the answer against nothing.
    pub(crate) async fn send_to(&self, address: std::net::SocketAddr, call: Call) -> Answer {
        let mut request = Request::builder().method(&call.method).uri(format!("http://{address}{}", call.path));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let response = self.client.request(request.body(Full::new(call.body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let is_json = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let json = if is_json && !text.is_empty() { serde_json::from_str(&text).unwrap() } else { Value::Null };
        Answer { status: head.status, headers: head.headers, text, json }
    }

    /// An answer whose body is still coming.
    pub(crate) async fn open_stream(&self, call: Call) -> (StatusCode, hyper::body::Incoming) {
        let mut request = Request::builder().method(&call.method).uri(format!("http://{}{}", self.address, call.path));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let response = self.client.request(request.body(Full::new(call.body)).unwrap()).await.unwrap();
        (response.status(), response.into_body())
    }

    /// Starts a run and gives the answer.
    pub(crate) async fn start(&self, key: &str, body: &Value) -> Answer {
        self.call(Call::post(format!("/v1/agents/{AGENT}/runs"), body).key(key)).await
    }

    /// A run that is parked on an approval: the run's id and the approval's.
    pub(crate) async fn parked(&self, key: &str, tenant: Option<&str>) -> (String, String) {
        let mut body = json!({"input": refund(data::known::LARGE), "principal": CUSTOMER});
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        let answer = self.start(key, &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        (answer.json["id"].as_str().unwrap().to_owned(), answer.json["approval"].as_str().unwrap().to_owned())
    }

    /// The run once it has ended.
    pub(crate) async fn ended(&self, key: &str, run: &str) -> Value {
        // The event stream ends with the run: no polling.
        let (status, body) = self.open_stream(Call::get(format!("/v1/runs/{run}/events")).key(key)).await;
        assert_eq!(status, 200);
        tokio::time::timeout(Duration::from_secs(20), body.collect()).await.unwrap().unwrap();
        let answer = self.call(Call::get(format!("/v1/runs/{run}")).key(key)).await;
        assert!(!answer.json["reply"].is_null(), "{}", answer.text);
        answer.json
    }

    /// The audit trail, oldest first, once it holds at least `count` events that fit.
    pub(crate) async fn audited(&self, count: usize, fits: impl Fn(&AuditEvent) -> bool) -> Vec<AuditEvent> {
        let filter = AuditFilter { limit: 1000, ..AuditFilter::default() };
        for _ in 0..200 {
            let mut events = self.mainstay.audit(&filter).await.unwrap();
            events.retain(&fits);
            if events.len() >= count {
                events.reverse();
                return events;
            }
            // They are written behind our back, in batches; nothing tells when.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let all = self.mainstay.audit(&filter).await.unwrap();
        panic!("fewer than {count} events fit: {all:#?}");
    }
}

pub(crate) fn refund(order: &str) -> String {
    format!("I want a refund for order {order}")
}

pub(crate) fn where_is(order: &str) -> String {
    format!("Where is my order {order}?")
}

/// The same agent once more, under another name.
fn second_agent(folder: &std::path::Path) {
    let (from, to) = (folder.join("agents").join(AGENT), folder.join("agents").join(OTHER_AGENT));
    std::fs::create_dir_all(to.join("knowledge")).unwrap();
    for file in std::fs::read_dir(&from).unwrap().chain(std::fs::read_dir(from.join("knowledge")).unwrap()) {
        let file = file.unwrap().path();
        if file.is_file() {
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replacen("name = \"returns\"", "name = \"exchanges\"", 1);
            std::fs::write(to.join(file.strip_prefix(&from).unwrap()), text).unwrap();
        }
    }
}

/// The shop's data, made once.
async fn shop_data() -> PathBuf {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let make = || async {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shop-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(DATABASE);
        data::generate(7, &path).await.unwrap();
        path
    };
    MADE.get_or_init(make).await.clone()
}
