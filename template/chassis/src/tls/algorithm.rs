//! Which algorithm a key is for, and whether ring has it.

use std::fmt;

use der::{Reader, Result, SliceReader, Tag};

use super::asn1::{next, sequence, whole};

/// A key by its algorithm: "an RSA key of 2048 bits".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Algorithm {
    Rsa { bits: usize },
    Named(&'static str),
    Unknown,
}

/// rsaEncryption of RFC 8017, id-ecPublicKey of RFC 5480.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

const P256: Algorithm = Algorithm::Named("a P-256 key");
const P384: Algorithm = Algorithm::Named("a P-384 key");
const ED25519: Algorithm = Algorithm::Named("an Ed25519 key");

/// The object identifiers of the others: RFC 5480, 5639, 8017, 8410, 3279, 9881.
const NAMES: [(&[u8], Algorithm); 10] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], P256),
    (&[0x2b, 0x81, 4, 0, 0x22], P384),
    (&[0x2b, 0x65, 0x70], ED25519),
    (&[0x2b, 0x81, 4, 0, 0x23], Algorithm::Named("a P-521 key")),
    (
        &[0x2b, 0x81, 4, 0, 0x0a],
        Algorithm::Named("a secp256k1 key"),
    ),
    (
        &[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7],
        Algorithm::Named("a brainpoolP256r1 key"),
    ),
    (&[0x2b, 0x65, 0x71], Algorithm::Named("an Ed448 key")),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10],
        Algorithm::Named("an RSA-PSS key"),
    ),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1],
        Algorithm::Named("a DSA key"),
    ),
    (
        &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12],
        Algorithm::Named("an ML-DSA-65 key"),
    ),
];

impl Algorithm {
    /// That of a private key in PKCS#8 (RFC 5958).
    pub(super) fn of_pkcs8(der: &[u8]) -> Result<Self> {
        let mut info = whole(der)?;
        info.tlv_bytes()?; // version
        let algorithm = sequence(&mut info)?;
        let (_, key) = next(&mut info)?;
        Self::of(algorithm, || Self::of_pkcs1(key))
    }

    /// That of an RSA private key in PKCS#1 (RFC 8017).
    pub(super) fn of_pkcs1(der: &[u8]) -> Result<Self> {
        let mut key = whole(der)?;
        key.tlv_bytes()?; // version
        Self::rsa(key)
    }

    /// That of an EC private key in SEC 1 (RFC 5915).
    pub(super) fn of_sec1(der: &[u8]) -> Result<Self> {
        let mut key = whole(der)?;
        key.tlv_bytes()?; // version
        key.tlv_bytes()?; // privateKey
        let (_, parameters) = next(&mut key)?;
        Self::curve(&mut SliceReader::new(parameters)?)
    }

    /// That of the public key in a certificate (RFC 5280, section 4.1.2.7).
    pub(super) fn of_public(der: &[u8]) -> Result<Self> {
        let mut info = whole(der)?;
        let algorithm = sequence(&mut info)?;
        let (_, key) = next(&mut info)?;
        // A BIT STRING begins with how many bits of its last byte are unused.
        Self::of(algorithm, || {
            Self::rsa(whole(key.get(1..).unwrap_or_default())?)
        })
    }

    fn of(mut identifier: SliceReader<'_>, rsa: impl FnOnce() -> Result<Self>) -> Result<Self> {
        match next(&mut identifier)? {
            (_, RSA) => rsa(),
            (_, EC) => Self::curve(&mut identifier),
            (_, other) => Ok(Self::named(other)),
        }
    }

    fn curve(parameters: &mut SliceReader<'_>) -> Result<Self> {
        // Or it is written out, by its parameters.
        Ok(match next(parameters)? {
            (Tag::ObjectIdentifier, curve) => Self::named(curve),
            _ => Self::Unknown,
        })
    }

    fn named(identifier: &[u8]) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == identifier);
        known.map_or(Self::Unknown, |(_, algorithm)| *algorithm)
    }

    /// The modulus comes next.
    fn rsa(mut key: SliceReader<'_>) -> Result<Self> {
        let (tag, modulus) = next(&mut key)?;
        tag.assert_eq(Tag::Integer)?;
        let zeros: u32 = match modulus.iter().position(|byte| *byte != 0) {
            Some(first) => modulus[first].leading_zeros() + 8 * u32::try_from(first).unwrap_or(0),
            None => 0,
        };
        let bits = modulus.len() * 8 - zeros as usize;
        Ok(Self::Rsa { bits })
    }

    /// Whether ring signs with such a key.
    pub(super) fn signs(self) -> bool {
        match self {
            Self::Rsa { bits } => (2048..=4096).contains(&bits),
            named => [P256, P384, ED25519].contains(&named),
        }
    }

    /// Whether ring verifies what such a key has signed.
    pub(super) fn is_verified(self) -> bool {
        match self {
            Self::Rsa { bits } => (2048..=8192).contains(&bits),
            named => named.signs(),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "an RSA key of {bits} bits"),
            Self::Named(name) => f.write_str(name),
            Self::Unknown => f.write_str("a key of an unknown algorithm"),
        }
    }
}
