//! Names to addresses, addresses to connections: where private addresses are refused and connecting gets its limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::address;
use crate::policy::{Policy, PolicyError, Protocol};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Boxed<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// TCP and TLS (Mozilla's roots) over the filtering resolver, bounded in time as a whole.
pub(crate) fn connector(policy: &Policy) -> Result<Bounded<HttpsConnector<HttpConnector<Resolver>>>, PolicyError> {
    let mut http = HttpConnector::new_with_resolver(Resolver { allow_private: policy.allow_private });
    http.enforce_http(false);
    http.set_nodelay(true);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(Arc::new(rustls::crypto::ring::default_provider()))
        .map_err(PolicyError::Tls)?
        .https_or_http();
    let https = match policy.protocol {
        Protocol::Http1 => https.enable_http1().wrap_connector(http),
        Protocol::Http2 => https.enable_http2().wrap_connector(http),
    };
    Ok(Bounded { inner: https, limit: policy.connect_timeout })
}

/// The name has addresses, but none that may be called.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
pub(crate) struct NoPublicAddress;

/// Resolves names and drops what is not public. The connection goes to exactly these addresses: there is no second
/// look-up that could answer differently.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Boxed<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            public_only(found, allow_private).map(Vec::into_iter)
        })
    }
}

fn public_only(found: Vec<SocketAddr>, allow_private: bool) -> io::Result<Vec<SocketAddr>> {
    let any = !found.is_empty();
    let kept: Vec<SocketAddr> =
        found.into_iter().filter(|found| allow_private || address::is_public(found.ip())).collect();
    if any && kept.is_empty() { Err(io::Error::other(NoPublicAddress)) } else { Ok(kept) }
}

/// Puts one limit on DNS, TCP and TLS together; the connector's own covers TCP only.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<C> {
    inner: C,
    limit: Duration,
}

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
    C::Response: 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Boxed<C::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.inner.call(to);
        let limit = self.limit;
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("connecting took longer than {limit:?}").into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_public_and_private_addresses_keeps_only_the_public_ones() {
        let mixed: Vec<SocketAddr> = vec!["8.8.8.8:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert_eq!(public_only(mixed.clone(), false).unwrap(), mixed[..1]);
        assert_eq!(public_only(mixed.clone(), true).unwrap(), mixed);
        assert!(public_only(mixed[1..].to_vec(), false).is_err());
        assert!(public_only(Vec::new(), false).unwrap().is_empty());
    }
}
