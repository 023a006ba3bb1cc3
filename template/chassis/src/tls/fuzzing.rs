//! TLS files for a fuzzer: see [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc)]

use std::path::Path;

use humantime::format_rfc3339_seconds;

use super::{algorithm::Algorithm, certificates, chain, x509::Certificate};
use crate::file::Error;

/// A file that may hold certificates, a key or CAs.
pub fn pem(data: &[u8]) {
    let path = Path::new("a.pem");
    let file = (path, data);
    let read = certificates::read(path, data);
    for told in [
        read.map(drop),
        certificates::authorities(path, data).map(drop),
        chain::with_key(file, file).map(drop),
    ] {
        tells(told);
    }
}

/// The DER of a certificate or of a key, up to when it expires.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = Certificate::parse(data) {
        format_rfc3339_seconds(certificate.not_after).to_string();
        // Fails or not.
        let _ = Algorithm::of_public(certificate.public_key);
    }
    for read in [
        Algorithm::of_public,
        Algorithm::of_pkcs8,
        Algorithm::of_pkcs1,
        Algorithm::of_sec1,
    ] {
        if let Ok(algorithm) = read(data) {
            assert!(!algorithm.signs() || algorithm.is_verified());
        }
    }
}

/// What is wrong with a file is told in one sentence, whatever stands in there.
fn tells(told: Result<(), Error>) {
    if let Err(error) = told {
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}
