//! TLS by rustls: a certificate chain and its key, which can be replaced while serving.
//!
//! Offered are TLS 1.2 and 1.3 with ring, and HTTP/1.1. Absent on purpose: certificates of clients, several names.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// No certificate chain or key is larger.
const LARGEST_PEM: u64 = 1024 * 1024;

/// What is wrong with a certificate chain or a key. A key's text is in none of it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is far larger than any certificate.
    #[error("{} is larger than a megabyte, so it is no PEM file of a certificate or a key", .file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// What should be PEM is not well-formed.
    #[error("the {part} is not well-formed PEM")]
    NotPem {
        /// `certificate chain` or `private key`, with its file if it has one.
        part: String,
    },
    /// There is no section of the right kind.
    #[error("the {part} has no PEM section {sections}")]
    Missing {
        /// `certificate chain` or `private key`, with its file if it has one.
        part: String,
        /// Which sections would do.
        sections: &'static str,
    },
    /// The key is not the certificate's.
    #[error("the {key} is not the key of the first certificate of the {chain}")]
    OtherKey {
        /// The chain, with its file if it has one.
        chain: String,
        /// The key, with its file if it has one.
        key: String,
    },
    /// rustls cannot use the certificate or the key, for example because of an old algorithm.
    #[error("the {chain} and the {key} cannot be used")]
    Unusable {
        /// The chain, with its file if it has one.
        chain: String,
        /// The key, with its file if it has one.
        key: String,
        /// What rustls said.
        #[source]
        source: rustls::Error,
    },
    /// The protocol versions cannot be set up.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// What a TLS listener shows and signs with. A clone is a handle on the same.
#[derive(Clone)]
pub struct Tls {
    identity: Arc<Identity>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// From a chain (the server's own certificate first) and its key, both PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`], if either cannot be used or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::with(certified(&Part::bytes("certificate chain", chain), &Part::bytes("private key", key))?)
    }

    /// From PEM files, read now. Reading blocks the thread for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the file.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::with(certified(&Part::file("certificate chain", chain)?, &Part::file("private key", key)?)?)
    }

    /// Reads renewed files. New connections see them; if they cannot be used, everything stays as it is.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the file.
    pub fn replace(&self, chain: &Path, key: &Path) -> Result<(), TlsError> {
        let renewed = certified(&Part::file("certificate chain", chain)?, &Part::file("private key", key)?)?;
        *self.identity.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(renewed);
        Ok(())
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.clone()).accept(stream).await
    }

    fn with(certified: CertifiedKey) -> Result<Self, TlsError> {
        let identity = Arc::new(Identity(RwLock::new(Arc::new(certified))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(identity.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { identity, config: Arc::new(config) })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls")
    }
}

struct Identity(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity")
    }
}

/// A chain or a key as it was given, and how to call it in an error.
struct Part {
    name: String,
    pem: Vec<u8>,
}

impl Part {
    fn bytes(name: &str, pem: &[u8]) -> Self {
        Self { name: name.to_owned(), pem: pem.to_vec() }
    }

    fn file(name: &str, file: &Path) -> Result<Self, TlsError> {
        let unreadable = |source| TlsError::Unreadable { file: file.to_owned(), source };
        if std::fs::metadata(file).map_err(unreadable)?.len() > LARGEST_PEM {
            return Err(TlsError::TooLarge { file: file.to_owned() });
        }
        let pem = std::fs::read(file).map_err(unreadable)?;
        Ok(Self { name: format!("{name} {}", file.display()), pem })
    }

    /// The reader's own error may quote what it read, so it is not kept.
    fn fault(&self, error: &PemError, sections: &'static str) -> TlsError {
        match error {
            PemError::NoItemsFound => TlsError::Missing { part: self.name.clone(), sections },
            _ => TlsError::NotPem { part: self.name.clone() },
        }
    }
}

fn certified(chain: &Part, key: &Part) -> Result<CertifiedKey, TlsError> {
    const CERTIFICATES: &str = "`CERTIFICATE`";
    const KEYS: &str = "`PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY` (without a passphrase)";
    let certificates = CertificateDer::pem_slice_iter(&chain.pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| chain.fault(&error, CERTIFICATES))?;
    if certificates.is_empty() {
        return Err(chain.fault(&PemError::NoItemsFound, CERTIFICATES));
    }
    let private = PrivateKeyDer::from_pem_slice(&key.pem).map_err(|error| key.fault(&error, KEYS))?;
    let (chain, key) = (chain.name.clone(), key.name.clone());
    CertifiedKey::from_der(certificates, private, &rustls::crypto::ring::default_provider()).map_err(|source| {
        match source {
            rustls::Error::InconsistentKeys(_) => TlsError::OtherKey { chain, key },
            source => TlsError::Unusable { chain, key, source },
        }
    })
}
