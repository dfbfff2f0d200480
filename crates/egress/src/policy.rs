//! Where a client may go, and how much of everything it takes.

use std::time::Duration;

use url::{Host, Url};

use crate::error::EgressError;

/// What a [`crate::Client`] may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The hosts that may be called: `api.example.com` (any port), `api.example.com:8443` (that port), or
    /// `*.example.com` (every name below it, any port, but not `example.com` itself). Empty means none.
    pub allowed_hosts: Vec<String>,
    /// True lets calls reach addresses that are not public.
    pub allow_private: bool,
    /// Limit for DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence between two pieces of a streamed body. Before the first piece only the deadline counts.
    pub idle_timeout: Duration,
    /// Largest body of an answer, in bytes.
    pub max_response_bytes: usize,
    /// False opens a connection per request, for servers that close theirs without saying so.
    pub reuse_connections: bool,
    /// What is spoken on a connection.
    pub protocol: Protocol,
}

/// The HTTP that a client speaks. There is no negotiation and no falling back: a server that speaks another one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: asked for by ALPN over TLS, taken for granted without. The client says `te: trailers`, as gRPC wants it.
    Http2,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allow_private: false,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(20),
            max_response_bytes: 8 * 1024 * 1024,
            reuse_connections: true,
            protocol: Protocol::default(),
        }
    }
}

impl Policy {
    /// The default policy for one API: exactly the host and port of `base_url`.
    pub fn for_base_url(base_url: &str) -> Result<Self, EgressError> {
        let url = parse(base_url)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(EgressError::InvalidUrl("it has no host"));
        };
        Ok(Self { allowed_hosts: vec![format!("{host}:{port}")], ..Self::default() })
    }
}

/// A policy that no client can be built from.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not a host, `host:port` or `*.suffix`.
    #[error("`{0}` is not a host, `host:port` or `*.suffix`")]
    HostPattern(String),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The allow-list, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<Pattern>);

#[derive(Clone, Debug)]
enum Pattern {
    Exact { host: String, port: Option<u16> },
    Below { suffix: String },
}

impl Hosts {
    pub(crate) fn parse(patterns: &[String]) -> Result<Self, PolicyError> {
        let parse = |text: &String| pattern(text).ok_or_else(|| PolicyError::HostPattern(text.clone()));
        patterns.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn allow(&self, url: &Url) -> bool {
        let Some(name) = url.host_str() else { return false };
        self.0.iter().any(|pattern| match pattern {
            Pattern::Exact { host, port } => {
                host == name && port.is_none_or(|port| url.port_or_known_default() == Some(port))
            }
            Pattern::Below { suffix } => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
        })
    }
}

fn pattern(text: &str) -> Option<Pattern> {
    if let Some(suffix) = text.strip_prefix("*.") {
        return match host(suffix)? {
            Host::Domain(domain) => Some(Pattern::Below { suffix: format!(".{domain}") }),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        };
    }
    // A port is what follows the last colon outside of an IPv6 address's brackets.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            (name, Some(port.parse().ok().filter(|_| digits)?))
        }
        _ => (text, None),
    };
    host(name).map(|host| Pattern::Exact { host: host.to_string(), port })
}

fn host(text: &str) -> Option<Host> {
    let plain = |domain: &String| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        !domain.is_empty() && domain.bytes().all(known)
    };
    Host::parse(text).ok().filter(|host| !matches!(host, Host::Domain(domain) if !plain(domain)))
}

/// Parses an absolute `http` or `https` URL without user information.
pub(crate) fn parse(text: &str) -> Result<Url, EgressError> {
    let url = Url::parse(text).map_err(|_| EgressError::InvalidUrl("it does not parse"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EgressError::InvalidUrl("its scheme is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::InvalidUrl("it holds user information"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(patterns: &[&str], url: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|&text| text.to_owned()).collect();
        Hosts::parse(&patterns).unwrap().allow(&parse(url).unwrap())
    }

    #[test]
    fn an_exact_host_allows_itself_and_nothing_that_looks_like_it() {
        let patterns = ["api.example.com"];
        assert!(allows(&patterns, "https://api.example.com/x"));
        assert!(allows(&patterns, "https://API.Example.com:8443/x"));
        for other in [
            "https://example.com",
            "https://x.api.example.com",
            "https://api.example.com.evil.test",
            "https://evil.test/api.example.com",
            "https://api.example.com./x",
            "https://api.example.org",
        ] {
            assert!(!allows(&patterns, other), "{other}");
        }
    }

    #[test]
    fn a_port_in_the_pattern_is_the_only_port() {
        assert!(allows(&["api.example.com:443"], "https://api.example.com/"));
        assert!(!allows(&["api.example.com:443"], "http://api.example.com/"));
        assert!(!allows(&["api.example.com:443"], "https://api.example.com:444/"));
        assert!(allows(&["[::1]:8080"], "http://[0:0::1]:8080/"));
        assert!(allows(&["[::1]"], "http://[::1]:9/"));
        assert!(allows(&["127.0.0.1:80"], "http://2130706433/"));
    }

    #[test]
    fn a_suffix_allows_names_below_it_but_not_itself() {
        let patterns = ["*.Example.com"];
        assert!(allows(&patterns, "https://a.example.com"));
        assert!(allows(&patterns, "https://a.b.example.com"));
        assert!(!allows(&patterns, "https://example.com"));
        assert!(!allows(&patterns, "https://evilexample.com"));
        assert!(!allows(&[], "https://example.com"));
    }

    #[test]
    fn patterns_that_are_no_hosts_are_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "https://a.example",
            "a.example/x",
            "a.example:",
            "a.example:99999",
            "a b",
            "a@b",
            "a.example:+80",
            "*.10.0.0.1",
        ] {
            assert!(Hosts::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
