//! A chain of certificates and the private key of its first: who somebody is.

use std::path::Path;

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{certificates, key, pem::at};
use crate::file::Error;

/// A file, and what was read from it.
pub(crate) type Read<'a> = (&'a Path, &'a [u8]);

/// The chain in the file `cert`, and in the file `key` the private key of its first certificate.
pub(crate) fn with_key(
    (cert, chain): Read<'_>,
    (key, secret): Read<'_>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates::read(cert, chain)?;
    if let Some((line, first)) = chain.first()
        && certificates::parse(cert, *line, first)?.is_of_version_1
    {
        let reason = "a certificate of version 1, which names no host that clients look at; with \
                      such names it is of version 3: openssl x509 -req … -extfile <(echo \
                      subjectAltName=DNS:localhost)";
        return Err(at(cert, *line, reason));
    }
    let (private, signing) = key::read(key, secret)?;
    // ring tells the public part of each key that it takes.
    if let Some(public) = signing.public_key() {
        let mut owner = None;
        for (index, (line, certificate)) in chain.iter().enumerate() {
            let certificate = certificates::parse(cert, *line, certificate)?;
            if certificate.public_key == &*public {
                owner = Some((index, *line));
                break;
            }
        }
        let (key_name, cert_name) = (key.display(), cert.display());
        match owner {
            Some((0, _)) => {}
            Some((_, line)) => {
                let reason = format!(
                    "the certificate of {key_name} has to be the first of the chain: \
                     move it to the top"
                );
                return Err(at(cert, line, reason));
            }
            None => {
                let reason = format!(
                    "is not the key of {cert_name}: openssl pkey -in {key_name} -pubout and \
                     openssl x509 -in {cert_name} -noout -pubkey have to print the same"
                );
                return Err(Error::content(key, reason));
            }
        }
    }
    let chain = chain.into_iter().map(|(_, certificate)| certificate);
    Ok((chain.collect(), private))
}
