//! Files that hold what they should, but not as PEM: each is told by its first bytes.

use std::path::Path;

use der::Tag;

use super::asn1::{next, whole};
use crate::file::Error;

/// What is wanted of a file.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Wanted {
    Certificates,
    Key,
}

/// Refuses `bytes`, which stand in the file at `path`, if they are not text.
pub(super) fn check(path: &Path, bytes: &[u8], wanted: Wanted) -> Result<(), Error> {
    let file = path.display();
    let reason = match bytes {
        _ if bytes.trim_ascii().is_empty() => "is empty".into(),
        [0xef, 0xbb, 0xbf, ..] => {
            format!("begins with a byte order mark: sed -i '1s/^\\xEF\\xBB\\xBF//' {file}")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => format!(
            "is UTF-16, with a byte order mark: iconv -f UTF-16 -t UTF-8 {file} > {file}.pem"
        ),
        _ => match binary(bytes) {
            Some(command) => {
                let command = command(wanted);
                format!("is binary (DER) and not PEM: {command} -in {file} -out {file}.pem")
            }
            None => return Ok(()),
        },
    };
    Err(Error::content(path, reason))
}

/// How to make PEM of `bytes`, if they are DER.
fn binary(bytes: &[u8]) -> Option<fn(Wanted) -> &'static str> {
    let mut content = whole(bytes).ok()?;
    Some(match next(&mut content).ok()? {
        // The version of PKCS#12.
        (Tag::Integer, [3]) => |wanted| match wanted {
            Wanted::Certificates => "openssl pkcs12 -nokeys",
            Wanted::Key => "openssl pkcs12 -nocerts -nodes",
        },
        (Tag::Integer, _) => |_| "openssl pkey -inform DER",
        // The content type of PKCS#7.
        (Tag::ObjectIdentifier, _) => |_| "openssl pkcs7 -inform DER -print_certs",
        _ => |_| "openssl x509 -inform DER",
    })
}
