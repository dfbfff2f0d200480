//! What tests of a served demo share: the shop with its agent, the real binary as a server, and requests to it.
//!
//! Requests are written to the socket by hand: what is sent and what comes back is exactly what the tests look at.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use mainstay_shop::data;
use mainstay_shop::files::{self, ExtraModel};
use mainstay_shop::service::{DATABASE, Shop, ShopOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo's installation in `folder`, with its shop at work.
pub(crate) async fn shop(folder: &Path, seed: u64, options: ShopOptions, model: Option<&ExtraModel>) -> Shop {
    data::generate(seed, &folder.join(DATABASE)).await.unwrap();
    let shop = Shop::start(folder, options).await.unwrap();
    files::write_agent(folder, &shop.base_url, shop.token(), model).unwrap();
    // A dead process's runs are free after this time, and a lost call is believed lost after twice its own.
    insert(&folder.join("mainstay.toml"), "[store]\n", "lease = \"1s\"\n");
    let agent = folder.join("agents/returns/agent.toml");
    insert(&agent, "[tools.refund]\n", "timeout = \"2s\"\n");
    insert(&agent, "[tools.change_address]\n", "timeout = \"2s\"\n");
    shop
}

fn insert(file: &Path, after: &str, what: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(after));
    std::fs::write(file, text.replace(after, &format!("{after}{what}"))).unwrap();
}

pub(crate) fn append(file: &Path, what: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text + what).unwrap();
}

/// `mainstay serve` as a process of its own. Dropping it kills it.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Starts it and waits until it listens; what it prints, on either output, is added to `log`.
    pub(crate) async fn start(root: &Path, log: &Path, extra: &[&str], environment: &[(&str, &str)]) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let before = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mainstay"))
            .args(["-C".as_ref(), root.as_os_str()])
            .args(extra)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::from(file.try_clone().unwrap()))
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap();
        let log = PathBuf::from(log);
        let address = eventually("the server listens", async || {
            let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()[before..]).into_owned();
            let address = text.split_once("listening on http://")?.1.split_once(';')?.0.parse().unwrap();
            Some(address)
        });
        Self { child, address: address.await }
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the server ends", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until there is something to see.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        tick.tick().await;
        if let Some(seen) = look().await {
            return seen;
        }
    }
    unreachable!("{what}: not within {PATIENCE:?}")
}

/// A request, sent on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: String,
    /// Whole lines, without their ends.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Asking<'_> {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn post(path: impl Into<String>, body: impl ToString) -> Self {
        let headers = vec!["content-type: application/json".to_owned()];
        Self { method: "POST", path: path.into(), headers, body: body.to_string() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    pub(crate) async fn send(&self, to: SocketAddr) -> Outcome {
        timeout(PATIENCE, self.exchange(to)).await.expect("no answer and no end of the connection")
    }

    async fn exchange(&self, to: SocketAddr) -> Outcome {
        let Ok(mut stream) = TcpStream::connect(to).await else { return Outcome::NotConnected };
        let Self { method, path, headers, body } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
        for header in headers {
            text.push_str(&format!("{header}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let mut bytes = Vec::new();
        if stream.write_all(text.as_bytes()).await.is_ok() {
            // A connection that breaks leaves what came before.
            let _ = stream.read_to_end(&mut bytes).await;
        }
        read_answer(&bytes).map_or(Outcome::Cut, Outcome::Answered)
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Nobody listens.
    NotConnected,
    /// The connection ended before a whole answer had come.
    Cut,
    Answered(Answer),
}

impl Outcome {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answered(answer) => answer,
            other => unreachable!("no answer: {other:?}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text at `key` of the body; empty where there is none.
    pub(crate) fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_default().to_owned()
    }
}

/// A whole answer, or nothing.
pub(crate) fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    (body.len() == length?).then(|| Answer { status, body: body.to_owned() })
}
