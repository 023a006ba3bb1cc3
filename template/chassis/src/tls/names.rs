//! Whom a certificate is for: the names that the caller who shows it goes by.

use std::fmt::Write;

use der::{Reader, SliceReader, Tag};

use super::{
    asn1::{next, sequence, whole},
    x509::Certificate,
};

/// GeneralName of RFC 5280, section 4.2.1.6.
const DNS_NAME: u32 = 2;
const URI: u32 = 6;

/// The attributes that RFC 4514, section 3, has a short name for, by the DER of their types.
const ATTRIBUTES: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 9], "STREET"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 25], "DC"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 1], "UID"),
];

/// The names that the certificate `der` is for: a SPIFFE id as it is, `dns:` with each DNS
/// name in lower case, `subject:` with its subject as RFC 4514 writes it.
pub(crate) fn of(der: &[u8]) -> der::Result<Vec<String>> {
    let certificate = Certificate::parse(der)?;
    let (mut dns, mut uris) = (Vec::new(), Vec::new());
    if let Some(names) = certificate.alternative_names {
        let mut names = whole(names)?;
        while !names.is_finished() {
            let (tag, content) = next(&mut names)?;
            // Both are IA5Strings; what isn't is nobody's name.
            let Some(text) = graphic(content) else {
                continue;
            };
            match tag.number().value() {
                DNS_NAME => dns.push(format!("dns:{}", text.to_ascii_lowercase())),
                URI => uris.push(text.to_owned()),
                _ => {}
            }
        }
    }
    let mut names = Vec::new();
    // One that has several URIs is nobody's SPIFFE id (X509-SVID, section 2).
    if let [uri] = &uris[..]
        && uri.starts_with("spiffe://")
    {
        names.append(&mut uris);
    }
    names.append(&mut dns);
    let subject = subject(certificate.subject)?;
    if !subject.is_empty() {
        names.push(format!("subject:{subject}"));
    }
    Ok(names)
}

fn graphic(text: &[u8]) -> Option<&str> {
    let text = str::from_utf8(text).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

/// A Name as RFC 4514 has it: last things first, as in `CN=orders,O=Example`.
fn subject(name: &[u8]) -> der::Result<String> {
    let mut relative_names = whole(name)?;
    let mut parts = Vec::new();
    while !relative_names.is_finished() {
        let (tag, set) = next(&mut relative_names)?;
        tag.assert_eq(Tag::Set)?;
        let mut attributes = SliceReader::new(set)?;
        let mut part = Vec::new();
        while !attributes.is_finished() {
            part.push(attribute(sequence(&mut attributes)?)?);
        }
        parts.push(part.join("+"));
    }
    parts.reverse();
    Ok(parts.join(","))
}

/// A type and its value, as in `CN=orders`.
fn attribute(mut attribute: SliceReader<'_>) -> der::Result<String> {
    let (_, kind) = next(&mut attribute)?;
    let value = attribute.tlv_bytes()?;
    let short = ATTRIBUTES.iter().find(|(known, _)| *known == kind);
    let (tag, text) = next(&mut SliceReader::new(value)?)?;
    let is_text = matches!(tag, Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
    Ok(match (short, str::from_utf8(text)) {
        (Some((_, short)), Ok(text)) if is_text => format!("{short}={}", escaped(text)),
        // Others, and those of unusual types, as their DER (section 2.4).
        _ => value
            .iter()
            .fold(format!("{}=#", dotted(kind)), |mut all, byte| {
                let _ = write!(all, "{byte:02x}");
                all
            }),
    })
}

/// An object identifier in numbers, as in `2.5.4.5` (X.690, section 8.19).
fn dotted(kind: &[u8]) -> String {
    let (mut numbers, mut number) = (Vec::new(), 0_u64);
    for byte in kind {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first.to_string());
                number -= 40 * first;
            }
            numbers.push(number.to_string());
            number = 0;
        }
    }
    numbers.join(".")
}

/// A value with what means something in a name escaped (RFC 4514, section 2.4), as well as
/// what a terminal would take for a command.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (index, char) in value.chars().enumerate() {
        let special = "\"+,;<>\\=".contains(char)
            || char == '#' && index == 0
            || char == ' ' && (index == 0 || index == last);
        if special {
            text.push('\\');
            text.push(char);
        } else if char.is_control() {
            for byte in char.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(text, "\\{byte:02x}");
            }
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn names(subject: &[(DnType, &str)], alternative: Vec<SanType>) -> Vec<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.subject_alt_names = alternative;
        let key = KeyPair::generate().unwrap();
        of(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn uri(uri: &str) -> SanType {
        SanType::URI(uri.try_into().unwrap())
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    #[test]
    fn a_certificate_has_the_names_of_all_kinds() {
        let subject = [
            (DnType::OrganizationName, "Example, Inc."),
            (DnType::CommonName, "orders"),
        ];
        let alternative = vec![
            dns("Orders.example.org"),
            uri("spiffe://example.org/orders"),
            dns("orders"),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ];
        assert_eq!(
            names(&subject, alternative),
            [
                "spiffe://example.org/orders",
                "dns:orders.example.org",
                "dns:orders",
                r"subject:CN=orders,O=Example\, Inc.",
            ]
        );
        assert_eq!(names(&[], Vec::new()), [""; 0]);
    }

    #[test]
    fn of_several_uris_none_is_a_spiffe_id() {
        let both = vec![uri("spiffe://a/b"), uri("https://example.org")];
        assert_eq!(names(&[], both), [""; 0]);
        assert_eq!(names(&[], vec![uri("https://example.org")]), [""; 0]);
    }

    #[test]
    fn a_subject_is_written_so_that_it_can_mean_one_thing_only() {
        let subject = [(DnType::CommonName, " a=b+CN=c\\\u{1b}[31mü ")];
        assert_eq!(
            names(&subject, Vec::new()),
            ["subject:CN=\\ a\\=b\\+CN\\=c\\\\\\1b[31mü\\ "]
        );
        let unusual = [(DnType::CustomDnType(vec![2, 5, 4, 5]), "7")];
        assert_eq!(names(&unusual, Vec::new()), ["subject:2.5.4.5=#0c0137"]);
    }
}
