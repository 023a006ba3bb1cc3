//! Files of certificates: the chain that a peer is shown, and the CAs that it has to come from.

use std::path::Path;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{
    algorithm::Algorithm,
    encoding::{self, Wanted},
    pem::{self, at},
    x509::Certificate,
};
use crate::file::Error;

/// A certificate, and the line of its BEGIN.
pub(super) type Placed = (usize, CertificateDer<'static>);

/// All that the file at `path` holds, at least one.
pub(super) fn read(path: &Path, text: &[u8]) -> Result<Vec<Placed>, Error> {
    encoding::check(path, text, Wanted::Certificates)?;
    let mut certificates = Vec::new();
    for section in pem::sections(path, text)? {
        if section.label != "CERTIFICATE" {
            let (label, remedy) = (section.label, remedy(path, section.label));
            let reason = format!("{label}, where a CERTIFICATE is expected: {remedy}");
            return Err(at(path, section.line, reason));
        }
        let certificate = CertificateDer::from(section.der(path)?.1);
        parse(path, section.line, &certificate)?;
        certificates.push((section.line, certificate));
    }
    if certificates.is_empty() {
        return Err(Error::content(path, "holds no certificate (PEM)"));
    }
    Ok(certificates)
}

/// The CAs in the file at `path`, whose certificates peers have to show.
pub(crate) fn authorities(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = read(path, text)?;
    let mut unusable = None;
    let mut usable = false;
    for (line, certificate) in &certificates {
        let parsed = parse(path, *line, certificate)?;
        // A certificate that issued itself may be trusted as it is, CA or not.
        if !parsed.is_ca && !parsed.is_self_issued() {
            let reason = "a certificate that a CA issued, and not the CA's own: name that one \
                          (openssl x509 -noout -issuer tells its name)";
            return Err(at(path, *line, reason));
        }
        let algorithm = Algorithm::of_public(parsed.public_key).unwrap_or(Algorithm::Unknown);
        if algorithm.is_verified() {
            usable = true;
        } else {
            unusable.get_or_insert((*line, algorithm));
        }
    }
    match unusable {
        // Among others, such as in the bundle of a system, it does no harm.
        Some((line, algorithm)) if !usable => {
            let reason = format!(
                "the CA has {algorithm}, whose signatures can't be verified here; use one with \
                 RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519: \
                 openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout ca.key -out ca.pem"
            );
            Err(at(path, line, reason))
        }
        _ => Ok(certificates.into_iter().map(|(_, it)| it).collect()),
    }
}

pub(super) fn parse<'a>(path: &Path, line: usize, der: &'a [u8]) -> Result<Certificate<'a>, Error> {
    Certificate::parse(der).map_err(|error| {
        let file = path.display();
        let reason =
            format!("not a certificate ({error}); openssl x509 -noout -text -in {file} says more");
        at(path, line, reason)
    })
}

/// What to do about a section that has another `label`.
fn remedy(path: &Path, label: &str) -> String {
    let file = path.display();
    if label == "TRUSTED CERTIFICATE" || label == "X509 CERTIFICATE" {
        format!("openssl x509 -in {file} -out {file}.plain")
    } else if label == "PKCS7" || label == "CMS" {
        format!("openssl pkcs7 -print_certs -in {file} -out {file}.plain")
    } else if label.ends_with("CERTIFICATE REQUEST") {
        "a CA makes a certificate of it: openssl x509 -req -CA ca.pem -CAkey ca.key".into()
    } else if label.ends_with("PRIVATE KEY") {
        format!("the key belongs in a file of its own: openssl pkey -in {file} -out {file}.key")
    } else {
        format!(
            "openssl crl2pkcs7 -nocrl -certfile {file} | openssl pkcs7 -print_certs -out {file}.plain"
        )
    }
}
