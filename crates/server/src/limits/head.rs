//! A request's head: what two readers could understand in two ways is refused.
//!
//! hyper has already refused what is no HTTP at all, and bounded the head's size. This is about heads that are
//! well-formed and still say two things, so that a proxy before us may have believed the other one.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, IF_MATCH, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version};

/// Headers that mean one thing, once.
static ONCE: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    IF_MATCH,
    TRANSFER_ENCODING,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
];

/// What is wrong with a head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// A header that may be there once is there more often.
    #[error("the header `{name}` is there more than once")]
    Repeated {
        /// The header.
        name: HeaderName,
    },
    /// A header that we read holds bytes outside visible ASCII.
    #[error("the header `{name}` holds more than visible ASCII")]
    NotText {
        /// The header.
        name: HeaderName,
    },
    /// The body's length is given both ways, so its end could be in two places.
    #[error("both `content-length` and `transfer-encoding` are there")]
    TwoLengths,
    /// HTTP/1.1 demands a `Host`.
    #[error("the header `host` is missing or is no host")]
    NoHost,
}

/// Checks a request's head.
///
/// # Errors
///
/// [`HeadFault`]: the request should be refused and its connection closed.
pub fn check_head(head: &Parts) -> Result<(), HeadFault> {
    for name in &ONCE {
        let mut values = head.headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() {
            return Err(HeadFault::Repeated { name: name.clone() });
        }
        if value.to_str().is_err() {
            return Err(HeadFault::NotText { name: name.clone() });
        }
    }
    if head.headers.contains_key(CONTENT_LENGTH) && head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(HeadFault::TwoLengths);
    }
    match head.headers.get(HOST) {
        Some(host) => authority(host).map(|_| ()).ok_or(HeadFault::NoHost),
        None if head.version == Version::HTTP_11 => Err(HeadFault::NoHost),
        None => Ok(()),
    }
}

/// Whether the caller asked for this machine itself: `localhost` or a loopback address, with any port.
///
/// A listener that trusts whoever can reach loopback must check this: a page of any site can have its own name resolve
/// to 127.0.0.1, and then the person's browser talks to us on the page's behalf, under the page's name.
pub fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(authority) = headers.get(HOST).and_then(authority) else { return false };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    (!authority.as_str().contains('@') && !authority.host().is_empty()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(headers: &[(&str, &[u8])]) -> Result<(), HeadFault> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        check_head(&request.into_parts().0)
    }

    fn is_local(host: &str) -> bool {
        is_local_host(&HeaderMap::from_iter([(HOST, host.parse().unwrap())]))
    }

    #[test]
    fn a_head_that_says_two_things_is_refused() {
        assert_eq!(check(&[("host", b"a:80"), ("content-length", b"3"), ("accept", b"a"), ("accept", b"b")]), Ok(()));
        for name in ["authorization", "host", "idempotency-key", "content-length"] {
            let twice = check(&[("host", b"a"), (name, b"1"), (name, b"1")]);
            assert!(matches!(twice, Err(HeadFault::Repeated { .. })), "{name}: {twice:?}");
        }
        let both = check(&[("host", b"a"), ("content-length", b"3"), ("transfer-encoding", b"chunked")]);
        assert_eq!(both, Err(HeadFault::TwoLengths));
    }

    #[test]
    fn a_header_that_we_read_is_visible_ascii() {
        let fault = check(&[("host", b"a"), ("idempotency-key", b"k\xff")]);
        assert!(matches!(fault, Err(HeadFault::NotText { .. })), "{fault:?}");
        assert_eq!(check(&[("host", b"a"), ("x-other", b"k\xff")]), Ok(()));
    }

    #[test]
    fn there_is_one_host_and_it_is_a_host() {
        for host in [&b""[..], b"a b", b"user@a", b":80"] {
            assert_eq!(check(&[("host", host)]), Err(HeadFault::NoHost), "{host:?}");
        }
        assert_eq!(check(&[]), Err(HeadFault::NoHost));
    }

    #[test]
    fn a_name_that_merely_resolves_to_this_machine_is_not_local() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:80", "[::1]"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", ""] {
            assert!(!is_local(host), "{host}");
        }
        assert!(!is_local_host(&HeaderMap::new()));
    }
}
