//! The PEM files of a server, made into what the handshake needs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use humantime::format_rfc3339_seconds;
use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};
use tracing::{info, warn};

use super::expiry;
use crate::file::{self, Error};

/// The files that a TLS server can't do without, and the one that it can.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) ca: Option<PathBuf>,
}

/// What the files hold.
#[derive(Eq, PartialEq)]
pub(super) struct Pems {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

/// Who the server is, and whom it lets in.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// When the first certificate of the chain expires.
    pub(crate) expires: SystemTime,
}

impl Files {
    pub(super) fn read(&self) -> Result<Pems, Error> {
        Ok(Pems {
            cert: file::read(&self.cert)?,
            key: file::read(&self.key)?,
            ca: self.ca.as_deref().map(file::read).transpose()?,
        })
    }

    /// Makes `pems`, which were read from these files, into an identity, and
    /// logs what an operator has to know of it.
    pub(super) fn load(&self, pems: &Pems) -> Result<Identity, Error> {
        // ring, because it builds with nothing but a C compiler.
        let builder =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(|error| unusable(&self.cert, error))?;
        let builder = match self.ca.as_deref().zip(pems.ca.as_deref()) {
            Some((path, ca)) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path, ca)? {
                    roots.add(root).map_err(|error| unusable(path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder(roots.into())
                    .build()
                    .map_err(|error| unusable(path, error))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.cert, &pems.cert)?;
        let expires = expiry::of_chain(&chain).map_err(|error| unusable(&self.cert, error))?;
        let key = PrivateKeyDer::from_pem_slice(&pems.key)
            .map_err(|error| not_pem(&self.key, "unencrypted private key", error))?;
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => Error::content(
                    &self.key,
                    format_args!("is not the key of {}", self.cert.display()),
                ),
                rustls::Error::General(_) => unusable(&self.key, error),
                error => unusable(&self.cert, error),
            })?;
        // All that gRPC speaks.
        config.alpn_protocols = vec![b"h2".to_vec()];
        self.tell(expires);
        Ok(Identity {
            config: config.into(),
            expires,
        })
    }

    fn tell(&self, expires: SystemTime) {
        let (cert, time) = (self.cert.display(), format_rfc3339_seconds(expires));
        if expires < SystemTime::now() {
            warn!("{cert} has expired: {time}");
        } else {
            info!("{cert} expires {time}");
        }
        file::warn_if_open(&self.key);
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(path, "certificate", error))?;
    if certificates.is_empty() {
        return Err(not_pem(path, "certificate", pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn not_pem(path: &Path, wanted: &str, error: pem::Error) -> Error {
    match error {
        pem::Error::NoItemsFound => Error::content(path, format_args!("holds no {wanted} (PEM)")),
        error => Error::content(path, format_args!("is not valid PEM: {error}")),
    }
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::content(path, format_args!("can't be used: {error}"))
}
