//! A file with a private key: exactly one, not encrypted, of a kind that ring signs with.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};

use super::{
    algorithm::Algorithm,
    encoding::{self, Wanted},
    pem::{self, at},
};
use crate::file::Error;

/// A private key, as it was read and as it signs.
pub(super) type Key = (PrivateKeyDer<'static>, Arc<dyn SigningKey>);

/// The key in the file at `path`.
pub(super) fn read(path: &Path, text: &[u8]) -> Result<Key, Error> {
    encoding::check(path, text, Wanted::Key)?;
    let file = path.display();
    let mut found = None;
    for section in pem::sections(path, text)? {
        let line = section.line;
        match section.label {
            // What openssl writes in front of an EC key, and repeats in it.
            "EC PARAMETERS" => continue,
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" if !section.encrypted => {}
            label if section.encrypted || label == "ENCRYPTED PRIVATE KEY" => {
                let reason = format!(
                    "the private key is encrypted, and nobody here knows its passphrase: \
                     openssl pkey -in {file} -out {file}.plain"
                );
                return Err(at(path, line, reason));
            }
            "OPENSSH PRIVATE KEY" => {
                let reason = format!("a key of OpenSSH: ssh-keygen -p -m PKCS8 -f {file}");
                return Err(at(path, line, reason));
            }
            label => {
                let reason = format!(
                    "{label}, where a PRIVATE KEY is expected: \
                     openssl pkey -in {file} -out {file}.key keeps the key alone, if there is one"
                );
                return Err(at(path, line, reason));
            }
        }
        if let Some((first, _)) = found.replace((line, section)) {
            let reason = format!(
                "a second private key, after that of line {first}: keep the one that belongs to \
                 the certificate (openssl pkey -in {file} -out {file}.key takes the first)"
            );
            return Err(at(path, line, reason));
        }
    }
    let Some((_, section)) = found else {
        return Err(Error::content(path, "holds no private key (PEM)"));
    };
    let (kind, der) = section.der(path)?;
    let key = PrivateKeyDer::from_pem(kind, der)
        .ok_or_else(|| Error::content(path, "holds no private key (PEM)"))?;
    let signing = any_supported_type(&key).map_err(|_| unusable(path, &key))?;
    Ok((key, signing))
}

/// Why ring does not take `key`.
fn unusable(path: &Path, key: &PrivateKeyDer<'_>) -> Error {
    let algorithm = match key {
        PrivateKeyDer::Pkcs1(der) => Algorithm::of_pkcs1(der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(der) => Algorithm::of_sec1(der.secret_sec1_der()),
        PrivateKeyDer::Pkcs8(der) => Algorithm::of_pkcs8(der.secret_pkcs8_der()),
        _ => Ok(Algorithm::Unknown),
    };
    let file = path.display();
    let reason = match algorithm {
        Ok(algorithm) if !algorithm.signs() => format!(
            "is {algorithm}, which can't be used; RSA of 2048 to 4096 bits, P-256, P-384 and \
             Ed25519 can. A new key: openssl genpkey -algorithm EC \
             -pkeyopt ec_paramgen_curve:P-256 -out {file}, and the request of a certificate for \
             it: openssl req -new -key {file}"
        ),
        Ok(algorithm) => {
            format!("is {algorithm}, but damaged: openssl pkey -in {file} -check -noout says how")
        }
        Err(_) => {
            format!("is no private key, or damaged: openssl pkey -in {file} -check -noout says how")
        }
    };
    Error::content(path, reason)
}
