//! The PEM files of a server, made into what the handshake needs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use der::DateTime;
use humantime::format_rfc3339_seconds;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, pki_types::CertificateDer, server::WebPkiClientVerifier,
};
use tracing::{info, warn};

use super::{
    certificates, chain,
    protocol::{H2, cryptography},
    x509::Certificate,
};
use crate::{
    file::{self, Error},
    reload::Source,
};

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

impl Source for Files {
    type Content = Pems;
    type Loaded = Identity;

    const NAME: &'static str = "the TLS files";

    fn read(&self) -> Result<Pems, Error> {
        Ok(Pems {
            cert: file::read(&self.cert)?,
            key: file::read(&self.key)?,
            ca: self.ca.as_deref().map(file::read).transpose()?,
        })
    }

    /// Makes `pems`, which were read from these files, into an identity, and
    /// logs what an operator has to know of it.
    fn load(&self, pems: &Pems) -> Result<Identity, Error> {
        let builder = ServerConfig::builder_with_provider(cryptography())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&self.cert, error))?;
        let builder = match self.ca.as_deref().zip(pems.ca.as_deref()) {
            Some((path, ca)) => {
                let mut roots = RootCertStore::empty();
                for root in certificates::authorities(path, ca)? {
                    roots.add(root).map_err(|error| unusable(path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder(roots.into())
                    .build()
                    .map_err(|error| unusable(path, error))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let (chain, key) = chain::with_key((&self.cert, &pems.cert), (&self.key, &pems.key))?;
        let (begins, expires) = validity(&chain).map_err(|error| unusable(&self.cert, error))?;
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&self.cert, error))?;
        config.alpn_protocols = vec![H2.to_vec()];
        self.tell(begins, expires);
        Ok(Identity {
            config: config.into(),
            expires,
        })
    }
}

impl Files {
    fn tell(&self, begins: SystemTime, expires: SystemTime) {
        let (cert, time) = (self.cert.display(), format_rfc3339_seconds(expires));
        let now = SystemTime::now();
        if expires < now {
            warn!("{cert} has expired: {time}");
        } else if begins > now {
            let time = format_rfc3339_seconds(begins);
            warn!("{cert} is not valid before {time}: is the clock of this machine right?");
        } else {
            info!("{cert} expires {time}");
        }
        file::warn_if_open(&self.key);
    }
}

/// When the last certificate of `chain` begins to be valid, and when the first expires.
fn validity(chain: &[CertificateDer<'_>]) -> der::Result<(SystemTime, SystemTime)> {
    let all = (SystemTime::UNIX_EPOCH, DateTime::INFINITY.to_system_time());
    chain
        .iter()
        .try_fold(all, |(begins, expires), certificate| {
            let certificate = Certificate::parse(certificate)?;
            Ok((
                begins.max(certificate.not_before),
                expires.min(certificate.not_after),
            ))
        })
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::content(path, format_args!("can't be used: {error}"))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn valid(from: i32, to: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(to, 2, 3);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().into()
    }

    #[test]
    fn a_chain_is_valid_while_all_its_certificates_are() {
        let chain = [valid(2010, 2070), valid(2009, 2030), valid(2011, 2060)];
        let [.., second, third] = chain.each_ref().map(|it| Certificate::parse(it).unwrap());
        let expected = (third.not_before, second.not_after);
        assert_eq!(validity(&chain), Ok(expected));
    }
}
