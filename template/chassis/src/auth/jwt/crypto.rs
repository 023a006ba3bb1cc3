//! Signatures, verified by ring, which rustls links anyway.

use std::ops::RangeInclusive;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result, new_error},
    signature,
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

/// Bytes of the modulus of an RSA key.
pub(super) const RSA_BYTES: RangeInclusive<usize> = 256..=1024;

static RING: CryptoProvider = CryptoProvider {
    // Nobody signs here.
    signer_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has tokens verified by ring, unless the service has chosen something else.
pub(super) fn install() {
    if CryptoProvider::try_get_default().is_none() {
        // Fails only where another thread was faster.
        let _ = RING.install_default();
    }
}

/// An algorithm, and a key that is for it.
enum Verifier {
    Rsa {
        algorithm: Algorithm,
        parameters: &'static RsaParameters,
        key: RsaPublicKeyComponents<Vec<u8>>,
    },
    Curve {
        algorithm: Algorithm,
        key: UnparsedPublicKey<Vec<u8>>,
    },
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if algorithm.family() != key.family() {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    Ok(Box::new(match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Verifier::Rsa {
            algorithm,
            parameters: rsa(algorithm)?,
            key: RsaPublicKeyComponents {
                n: n.clone(),
                e: e.clone(),
            },
        },
        DecodingKeyKind::SecretOrDer(point) => Verifier::Curve {
            algorithm,
            key: UnparsedPublicKey::new(curve(algorithm)?, point.clone()),
        },
    }))
}

fn rsa(algorithm: Algorithm) -> Result<&'static RsaParameters> {
    Ok(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    })
}

fn curve(algorithm: Algorithm) -> Result<&'static dyn VerificationAlgorithm> {
    Ok(match algorithm {
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &ED25519,
        _ => return Err(new_error(ErrorKind::InvalidAlgorithm)),
    })
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let verified = match self {
            Self::Rsa {
                parameters, key, ..
            } => key.verify(parameters, message, signature),
            Self::Curve { key, .. } => key.verify(message, signature),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { algorithm, .. } | Self::Curve { algorithm, .. } => *algorithm,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    use jsonwebtoken::crypto::verify;
    use ring::{
        rand::SystemRandom,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
            Ed25519KeyPair, KeyPair,
        },
    };

    use super::*;

    const MESSAGE: &[u8] = b"header.claims";

    // Of a key that openssl made, and of MESSAGE, as `openssl dgst` signs it.
    const N: &str = "0Vt-k_cdtJo61Xb4-6q29PU4ZFoXsoxrTjqUn1FILXW-RoSQf8X5gKTU8VzSbkCvdL_hZyKLuCbG76YpPTb_mB\
        rZx9mqBWcLXkXbxbfSjEWXaBkT_kVwSuVQfYEHxk_RbrpGHqj87S5Fom4bQVUnwyQ5kWMqeW-ZUG2tUEINpXf2\
        FzCeMuokWd11TJ8MmvFv616rnbL3qK_YMV3G6b6uuDC3fqGzItEEYYb9rUe5MLreMwII_eOklOWgz7BPsyhl8h\
        AodvcJzT5rmyOLCtKmXFyQK-PToF44O5LwDW9-fkugXQ2icXv5_79ouPcvOJ4KPKbMU0DqkOoDbPvM7J5w4Q";
    const RS256: &str = "wlR1pL3ECo0xlWgzl3uFbHpr2Oi31bWB9rEfT9Tw0eoohC6JmLtJHDk9w87tVBy8SSfd8YPmDhaQlqEL34vhE6\
        zt2UtULsjgf0jn29KZ8_glIslE8NEEIPAWFdFi15sIy88hb-g3CKVA3EfC9j1vSMjOAB7OJ-ujgYV3LiS4vi9c\
        TtqkDEfVEcTUjjlX2oyRTPHU3p2qE1xu8yB_HmiGdqyboJ-AkNXObkErX2pgyA9hdUC0fPB7MbV833qLSMdmJ4\
        HRHOEsUfmOwjHEz1oBf7nE2nhg6wUGwWUfmh1MfvNoTYbGUN236yXsgSiBTGRCtJm2nlnCY6oZ3W2MWHAvzA";
    const PS256: &str = "NbRxUGarLBV0ICbO7ZDb6kngGQ6W_zORHPUO950nxMkLeQ7d2W-8tas2t0PgtvU3ADZP8v_HFqTfAsjzqkPa0V\
        136BzcQ2gnPlhs8z-5LH8tOZE18Mw3_NFkHSBZPi-JhB5-bHYWzPd0saSp5H2HRNQsxoDzxPAhK1ZXmqdS_QZ6\
        jqpQf1PQ7ZzOrR844Xn45a3mefHy6sOOeTcW3rYsQOGONGD8uZ7jBwDJja4qDdeEsYyDv47RlWmWoChAgRUGVz\
        e4O6Vx5WflUi8pFwUX_r7jX526TYg4bZ1XM0Z1yHKV9MG3GV0QtdAF8s352OUbJrwuoYY7AUiziimKXGWf9w";

    #[track_caller]
    fn check(key: &DecodingKey, algorithm: Algorithm, signature: &str) {
        install();
        assert!(verify(signature, MESSAGE, key, algorithm).unwrap());
        assert!(!verify(signature, b"header.others", key, algorithm).unwrap());
        let torn = format!("{}AAAA", &signature[..signature.len() - 4]);
        assert!(!verify(&torn, MESSAGE, key, algorithm).unwrap());
        assert!(!verify("", MESSAGE, key, algorithm).unwrap());
        // Else a public key could be taken for a shared secret.
        for other in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(verify(signature, MESSAGE, key, other).is_err());
        }
    }

    #[test]
    fn rsa_signatures_are_verified() {
        let key = DecodingKey::from_rsa_components(N, "AQAB").unwrap();
        check(&key, Algorithm::RS256, RS256);
        check(&key, Algorithm::PS256, PS256);
        assert!(!verify(RS256, MESSAGE, &key, Algorithm::PS256).unwrap());
        assert!(!verify(RS256, MESSAGE, &key, Algorithm::RS384).unwrap());
    }

    #[test]
    fn signatures_on_curves_are_verified() {
        let random = SystemRandom::new();
        for (signing, algorithm) in [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384),
        ] {
            let pair = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(signing, pair.as_ref(), &random).unwrap();
            let signature = BASE64.encode(pair.sign(&random, MESSAGE).unwrap());
            let key = DecodingKey::from_ec_der(pair.public_key().as_ref());
            check(&key, algorithm, &signature);
        }
        let pair = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
        let signature = BASE64.encode(pair.sign(MESSAGE));
        let key = DecodingKey::from_ed_der(pair.public_key().as_ref());
        check(&key, Algorithm::EdDSA, &signature);
    }
}
