//! The few fields of a certificate that rustls keeps to itself.

use std::time::SystemTime;

use der::{
    Decode, Reader, SliceReader, Tag,
    asn1::{GeneralizedTime, UtcTime},
};

use super::asn1::{next, sequence, whole};

/// basicConstraints and subjectAltName of RFC 5280, sections 4.2.1.9 and 4.2.1.6.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// What a certificate says (RFC 5280, section 4.1).
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// Whether it is one of before extensions: it names no host that anybody looks at.
    pub(super) is_of_version_1: bool,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The SubjectPublicKeyInfo.
    pub(super) public_key: &'a [u8],
    /// Whether it may issue others.
    pub(super) is_ca: bool,
    /// The GeneralNames that it is for, beside its subject.
    pub(super) alternative_names: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads the DER of a certificate.
    pub(super) fn parse(certificate: &'a [u8]) -> der::Result<Self> {
        let mut certificate = whole(certificate)?;
        let mut fields = sequence(&mut certificate)?;
        let reader = &mut fields;
        let is_of_version_1 = !Tag::peek(reader)?.is_context_specific();
        if !is_of_version_1 {
            reader.tlv_bytes()?; // version
        }
        reader.tlv_bytes()?; // serialNumber
        reader.tlv_bytes()?; // signature
        let issuer = reader.tlv_bytes()?;
        let mut validity = sequence(reader)?;
        let not_before = time(&mut validity)?;
        let not_after = time(&mut validity)?;
        let subject = reader.tlv_bytes()?;
        let public_key = reader.tlv_bytes()?;
        let (mut is_ca, mut alternative_names) = (false, None);
        while !reader.is_finished() {
            let (tag, content) = next(reader)?;
            // The unique identifiers, which nobody uses, are [1] and [2].
            if tag.number().value() == 3 {
                is_ca = says_ca(content)?;
                alternative_names = extension(content, SUBJECT_ALT_NAME)?;
            }
        }
        Ok(Self {
            issuer,
            subject,
            is_of_version_1,
            not_before,
            not_after,
            public_key,
            is_ca,
            alternative_names,
        })
    }

    /// Whether it was issued by who it is for, as a root is.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// One end of a validity: until 2049 in two digits, and in four from then on.
fn time(validity: &mut SliceReader<'_>) -> der::Result<SystemTime> {
    Ok(match Tag::peek(validity)? {
        Tag::UtcTime => UtcTime::decode(validity)?.to_system_time(),
        _ => GeneralizedTime::decode(validity)?.to_system_time(),
    })
}

fn says_ca(extensions: &[u8]) -> der::Result<bool> {
    let Some(value) = extension(extensions, BASIC_CONSTRAINTS)? else {
        return Ok(false);
    };
    let mut constraints = whole(value)?;
    // FALSE is the default, and is left away.
    Ok(!constraints.is_finished() && next(&mut constraints)? == (Tag::Boolean, &[0xff]))
}

/// The value of the one of `extensions` that has this `name`.
fn extension<'a>(extensions: &'a [u8], name: &[u8]) -> der::Result<Option<&'a [u8]>> {
    let mut extensions = whole(extensions)?;
    while !extensions.is_finished() {
        let mut extension = sequence(&mut extensions)?;
        let (_, found) = next(&mut extension)?;
        let (mut tag, mut value) = next(&mut extension)?;
        if tag == Tag::Boolean {
            (tag, value) = next(&mut extension)?; // after `critical`
        }
        if found == name && tag == Tag::OctetString {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use humantime::format_rfc3339;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    fn expiring(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn reads_both_forms_of_a_time() {
        for year in [1999, 2049, 2050, 9999] {
            let der = expiring(year);
            let time = Certificate::parse(&der).unwrap().not_after;
            let expected = format!("{year}-02-03T00:00:00Z");
            assert_eq!(format_rfc3339(time).to_string(), expected);
        }
    }

    #[test]
    fn tells_a_ca_from_what_it_issues() {
        let key = || KeyPair::generate().unwrap();
        for (is_ca, expected) in [
            (IsCa::NoCa, false),
            (IsCa::ExplicitNoCa, false),
            (IsCa::Ca(BasicConstraints::Unconstrained), true),
            (IsCa::Ca(BasicConstraints::Constrained(0)), true),
        ] {
            let mut params = CertificateParams::new(["ca".into()]).unwrap();
            params.is_ca = is_ca;
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, "CA");
            let ca = CertifiedIssuer::self_signed(params, key()).unwrap();
            let der = ca.der();
            let parsed = Certificate::parse(der).unwrap();
            assert_eq!(parsed.is_ca, expected);
            assert!(parsed.is_self_issued());

            let mut params = CertificateParams::new(["leaf".into()]).unwrap();
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, "leaf");
            let key = key();
            let leaf = params.signed_by(&key, &ca).unwrap();
            let parsed = Certificate::parse(leaf.der()).unwrap();
            assert!(!parsed.is_ca && !parsed.is_self_issued());
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let certificate = expiring(2030);
        for length in [0, 1, 10, 50, certificate.len() - 1] {
            Certificate::parse(&certificate[..length]).unwrap_err();
        }
        Certificate::parse(b"nothing of the kind").unwrap_err();
        Certificate::parse(&[&certificate[..], b"!"].concat()).unwrap_err();
    }
}
