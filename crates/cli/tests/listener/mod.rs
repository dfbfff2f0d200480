//! A web server that keeps what it is sent and answers in one of a few manners.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

/// How it answers. What it repeats is the body from this text on, and the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 200 and nothing else.
    Accept,
    /// 503 to the first request with this text, repeating it; 200 to all others.
    FailOnceAndRepeat(&'static str),
    /// 401 to all, repeating it.
    RefuseAndRepeat(&'static str),
}

type Received = Vec<(String, Vec<u8>)>;

#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    /// Heads and bodies.
    received: Arc<Mutex<Received>>,
}

impl Listener {
    pub(crate) fn start(manner: Manner) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Self { address: socket.local_addr().unwrap(), received: Arc::default() };
        let here = listener.clone();
        thread::spawn(move || {
            for stream in socket.incoming().map_while(Result::ok) {
                let here = here.clone();
                thread::spawn(move || here.serve(&stream, manner));
            }
        });
        listener
    }

    /// The bodies of all requests, one after the other.
    pub(crate) fn bodies(&self) -> Vec<u8> {
        self.received.lock().unwrap().iter().flat_map(|(_, body)| body).copied().collect()
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> String {
        self.received.lock().unwrap().iter().map(|(head, _)| head.as_str()).collect()
    }

    fn serve(&self, stream: &TcpStream, manner: Manner) {
        let mut reader = BufReader::new(stream);
        while let Some((head, body)) = read(&mut reader) {
            let text = String::from_utf8_lossy(&body).into_owned();
            let repeat = |at: usize| {
                let sent = format!("{} {head}", text[at..].chars().take(80).collect::<String>());
                json!({"error": {"message": sent, "type": sent, "code": sent}}).to_string()
            };
            let (status, body) = {
                let mut received = self.received.lock().unwrap();
                let is_in = |what: &str, body: &[u8]| body.windows(what.len()).any(|window| window == what.as_bytes());
                let answer = match manner {
                    Manner::RefuseAndRepeat(what) => ("401 Unauthorized", repeat(text.find(what).unwrap_or(0))),
                    Manner::FailOnceAndRepeat(what) => match text.find(what) {
                        Some(at) if !received.iter().any(|(_, body)| is_in(what, body)) => {
                            ("503 Service Unavailable", repeat(at))
                        }
                        _ => ("200 OK", String::new()),
                    },
                    Manner::Accept => ("200 OK", String::new()),
                };
                received.push((head.clone(), body));
                answer
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// One request; nothing at the end of the connection.
fn read(reader: &mut impl std::io::BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
