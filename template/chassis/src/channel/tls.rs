//! The TLS files of the client.

use std::{fmt::Display, io, path::PathBuf, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use crate::{
    file::{self, Error},
    io::Ahead,
    tls::{
        certificates, chain,
        protocol::{H2, cryptography},
    },
};

/// The PEM files of a TLS client. They are read anew for each connection.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The CA that the server's certificate must come from.
    pub cafile: PathBuf,
    /// The client's own certificate and private key, for mutual TLS.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Speaks TLS with a service, as which it demands a certificate.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
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

    /// What demands a certificate for `host`, whatever address it connects to.
    pub(super) fn connector(&self, host: &str) -> Result<Connector, Error> {
        let for_host = |error: &dyn Display| {
            let reason = format!("can't be used for {host}: {error}");
            Error::content(&self.cafile, reason)
        };
        let ca = certificates::authorities(&self.cafile, &file::read(&self.cafile)?)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| for_host(&error))?;
        let mut roots = RootCertStore::empty();
        // In the bundle of a system there may be some that nobody can use.
        roots.add_parsable_certificates(ca);
        let config = ClientConfig::builder_with_provider(cryptography())
            .with_safe_default_protocol_versions()
            .map_err(|error| for_host(&error))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((certfile, keyfile)) => {
                let (cert, key) = (file::read(certfile)?, file::read(keyfile)?);
                let (chain, key) = chain::with_key((certfile, &cert), (keyfile, &key))?;
                config.with_client_auth_cert(chain, key).map_err(|error| {
                    let reason = format!("can't be used with {}: {error}", certfile.display());
                    Error::content(keyfile, reason)
                })?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(Connector {
            config: config.into(),
            name,
        })
    }
}

impl Connector {
    pub(super) async fn connect(&self, tcp: TcpStream) -> io::Result<TlsStream<Ahead<TcpStream>>> {
        let connector = TlsConnector::from(self.config.clone());
        // rustls reads 4 KiB at a time.
        let tcp = Ahead::new(Vec::new(), tcp);
        let tls = connector.connect(self.name.clone(), tcp).await?;
        if tls.get_ref().1.alpn_protocol() == Some(H2) {
            Ok(tls)
        } else {
            Err(io::Error::other("it does not speak HTTP/2 over TLS (ALPN)"))
        }
    }
}
