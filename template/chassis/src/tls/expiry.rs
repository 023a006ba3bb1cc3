//! When a certificate expires: the one field of X.509 that rustls keeps to itself.

use std::time::SystemTime;

use der::{
    DateTime, Decode, Header, Reader, SliceReader, Tag,
    asn1::{GeneralizedTime, UtcTime},
};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// When the first certificate of `chain` expires.
pub(super) fn of_chain(chain: &[CertificateDer<'_>]) -> der::Result<SystemTime> {
    let far = DateTime::INFINITY.to_system_time();
    chain.iter().try_fold(far, |first, certificate| {
        Ok(first.min(not_after(certificate)?))
    })
}

/// `notAfter` of RFC 5280, section 4.1.
fn not_after(certificate: &[u8]) -> der::Result<SystemTime> {
    let reader = &mut SliceReader::new(certificate)?;
    enter(reader)?; // Certificate
    enter(reader)?; // tbsCertificate
    if Tag::peek(reader)?.is_context_specific() {
        reader.tlv_bytes()?; // version
    }
    reader.tlv_bytes()?; // serialNumber
    reader.tlv_bytes()?; // signature
    reader.tlv_bytes()?; // issuer
    enter(reader)?; // validity
    reader.tlv_bytes()?; // notBefore
    Ok(match Tag::peek(reader)? {
        // Until 2049 in two digits, and in four from then on.
        Tag::UtcTime => UtcTime::decode(reader)?.to_system_time(),
        _ => GeneralizedTime::decode(reader)?.to_system_time(),
    })
}

fn enter(sequence: &mut SliceReader<'_>) -> der::Result<()> {
    Header::decode(sequence)?.tag().assert_eq(Tag::Sequence)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use humantime::format_rfc3339;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn expiring(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().into()
    }

    #[test]
    fn reads_both_forms_of_a_time() {
        for year in [1999, 2049, 2050, 9999] {
            let time = not_after(&expiring(year)).unwrap();
            let expected = format!("{year}-02-03T00:00:00Z");
            assert_eq!(format_rfc3339(time).to_string(), expected);
        }
    }

    #[test]
    fn a_chain_expires_with_its_first_certificate() {
        let chain = [expiring(2070), expiring(2030), expiring(2060)];
        assert_eq!(of_chain(&chain), not_after(&chain[1]));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let certificate = expiring(2030);
        for length in [0, 1, 10, 50] {
            not_after(&certificate[..length]).unwrap_err();
        }
        not_after(b"Hello, world!").unwrap_err();
    }
}
