//! The API on a socket, as `[server]` of `mainstay.toml` says.

use std::net::SocketAddr;
use std::sync::Arc;

use mainstay::Mainstay;
use mainstay_core::error::StoreError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::error::ApiError;
use crate::limits::BodyLimits;
use crate::listen::{self, ListenError, ListenSettings, Tls, TlsError};
use crate::router;
use crate::shared::ApiSettings;
use crate::shed::AdmissionSettings;

/// Why nothing could be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Without keys everybody who reaches the address could do everything.
    #[error("without API keys only a loopback address can be listened on, and {0} is none")]
    Open(SocketAddr),
    /// The socket cannot be had, or a setting makes no sense.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate cannot be used.
    #[error("the certificate cannot be used")]
    Tls(#[from] TlsError),
    /// The store cannot be used.
    #[error("the run store cannot be used")]
    Store(#[from] StoreError),
}

impl ServeError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Open(_) => Some("make a key first: `mainstay keys create`; or listen on 127.0.0.1"),
            Self::Listen(ListenError::Bind { .. }) => {
                Some("is another process listening there? choose another `--listen`")
            }
            Self::Listen(ListenError::Setting { .. }) | Self::Tls(_) => Some("see `[server]` in docs/config.md"),
            Self::Store(_) => Some("see docs/errors/store_unavailable.md"),
        }
    }
}

/// A socket that is listened on, and what will be served there.
pub struct Server {
    mainstay: Arc<Mainstay>,
    listener: TcpListener,
    address: SocketAddr,
    settings: ListenSettings,
    is_open: bool,
}

impl Server {
    /// Listens on `listen`, or where the configuration says. Nothing is answered before [`Server::serve`].
    ///
    /// # Errors
    ///
    /// [`ServeError`]; above all [`ServeError::Open`] while no key was made and the address is not a loopback one.
    pub async fn bind(mainstay: Arc<Mainstay>, listen: Option<SocketAddr>) -> Result<Self, ServeError> {
        let config = mainstay.server();
        let address = listen.unwrap_or(config.listen);
        let is_open = !mainstay.has_keys().await?;
        if is_open && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::Open(address));
        }
        let tls = config.tls.as_ref().map(|tls| Tls::from_files(&tls.certificate, &tls.private_key)).transpose()?;
        let when_full = serde_json::to_string(&ApiError::Overloaded(1).body()).unwrap_or_default();
        let settings = ListenSettings {
            connections: config.max_connections,
            head: config.header_timeout,
            body: config.body_timeout,
            drain: config.drain,
            tls,
            when_full,
            ..ListenSettings::default()
        };
        let listener = listen::bind(address).await?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Self { mainstay, listener, address, settings, is_open })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// True when there were no keys, so that everybody on this machine may do everything.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Serves until `stop` is cancelled, and then until what is at work has ended or `drain` is over. Says how many
    /// requests were cut.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`] when a setting makes no sense.
    pub async fn serve(self, stop: CancellationToken) -> Result<usize, ServeError> {
        let config = self.mainstay.server();
        let api = ApiSettings {
            admission: AdmissionSettings {
                at_work: config.at_work,
                waiting: config.waiting,
                ..AdmissionSettings::default()
            },
            body: BodyLimits { bytes: config.max_body, whole: config.body_timeout, ..BodyLimits::default() },
            listener: Some(Arc::clone(&self.settings.counts)),
            stop: stop.clone(),
            ..ApiSettings::default()
        };
        let router = router(Arc::clone(&self.mainstay), api);
        Ok(listen::serve(router, self.listener, self.settings, stop).await?.cut)
    }
}
