//! The TLS files of the client.

use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::failure::root_cause;
use crate::file::{self, Error};

/// The PEM files of a TLS client. They are read anew for each connection.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The CA that the server's certificate must come from.
    pub cafile: PathBuf,
    /// The client's own certificate and private key, for mutual TLS.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Of flags that demand a CA with TLS, and a key with a certificate: none
    /// without a CA.
    pub(crate) fn new(
        cafile: Option<PathBuf>,
        certfile: Option<PathBuf>,
        privkeyfile: Option<PathBuf>,
    ) -> Option<Self> {
        Some(Self {
            cafile: cafile?,
            identity: certfile.zip(privkeyfile),
        })
    }

    /// Makes `endpoint` demand a certificate for `host`, whatever address it connects to.
    pub(super) fn apply(&self, endpoint: Endpoint, host: &str) -> Result<Endpoint, Error> {
        let ca = read(&self.cafile, "CERTIFICATE")?;
        let config = ClientTlsConfig::new()
            .domain_name(host)
            .ca_certificate(Certificate::from_pem(ca));
        // Applied step by step: only so is it known which file is at fault.
        let with_ca = endpoint
            .clone()
            .tls_config(config.clone())
            .map_err(|error| {
                let reason = format!("is no CA for {host}: {}", root_cause(&error));
                Error::content(&self.cafile, reason)
            })?;
        let Some((certfile, keyfile)) = &self.identity else {
            return Ok(with_ca);
        };
        let identity = Identity::from_pem(
            read(certfile, "CERTIFICATE")?,
            read(keyfile, "PRIVATE KEY")?,
        );
        endpoint
            .tls_config(config.identity(identity))
            .map_err(|error| {
                let cert = certfile.display();
                let reason = format!("is not the key of {cert}: {}", root_cause(&error));
                Error::content(keyfile, reason)
            })
    }
}

/// Reads a PEM file that must hold a `section`.
fn read(path: &Path, section: &str) -> Result<Vec<u8>, Error> {
    let pem = file::read(path)?;
    let end = format!("{section}-----");
    if pem.windows(end.len()).any(|bytes| bytes == end.as_bytes()) {
        Ok(pem)
    } else {
        let reason = format!("holds no PEM section {section}");
        Err(Error::content(path, reason))
    }
}
