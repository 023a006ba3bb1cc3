//! The TLS files of the client.

use std::path::PathBuf;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::failure::root_cause;
use crate::{
    file::{self, Error},
    tls::{certificates, chain},
};

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
        let ca = file::read(&self.cafile)?;
        // tonic reads all of them again, and passes over what it does not understand.
        certificates::authorities(&self.cafile, &ca)?;
        let config = ClientTlsConfig::new()
            .domain_name(host)
            .ca_certificate(Certificate::from_pem(ca));
        // Applied step by step: only so is it known which file is at fault.
        let with_ca = endpoint
            .clone()
            .tls_config(config.clone())
            .map_err(|error| {
                let reason = format!("can't be used for {host}: {}", root_cause(&error));
                Error::content(&self.cafile, reason)
            })?;
        let Some((certfile, keyfile)) = &self.identity else {
            return Ok(with_ca);
        };
        let (cert, key) = (file::read(certfile)?, file::read(keyfile)?);
        chain::check((certfile, &cert), (keyfile, &key))?;
        let identity = Identity::from_pem(cert, key);
        endpoint
            .tls_config(config.identity(identity))
            .map_err(|error| {
                let cert = certfile.display();
                let reason = format!("can't be used with {cert}: {}", root_cause(&error));
                Error::content(keyfile, reason)
            })
    }
}
