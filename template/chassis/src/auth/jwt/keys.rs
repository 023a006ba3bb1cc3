//! The file of keys that tokens are signed with: a JWKS (RFC 7517).

use std::{path::PathBuf, time::Duration};

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse},
};
use tracing::debug;

use super::{crypto::RSA_BYTES, verified::Verified};
use crate::{
    file::{self, Error},
    reload::Source,
};

/// The keys, and what they have verified.
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
    pub(super) verified: Verified,
}

/// A key, and what tokens may be that it has signed.
pub(super) struct Key {
    /// Its name (`kid`).
    pub(super) id: Option<String>,
    pub(super) public: DecodingKey,
    pub(super) validation: Validation,
}

/// The file, and what tokens have to say.
pub(super) struct KeysFile {
    pub(super) path: PathBuf,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) leeway: Duration,
}

impl Source for KeysFile {
    type Content = Vec<u8>;
    type Loaded = Keys;

    const NAME: &'static str = "the file of --jwt-keys";

    fn read(&self) -> Result<Vec<u8>, Error> {
        file::read(&self.path)
    }

    fn load(&self, content: &Vec<u8>) -> Result<Keys, Error> {
        let unusable = |reason: String| Error::content(&self.path, reason);
        let set: JwkSet = serde_json::from_slice(content).map_err(|error| {
            unusable(format!(
                "is no JWKS, as in {{\"keys\": [{{\"kty\": …}}]}}: {error}"
            ))
        })?;
        let mut keys = Vec::new();
        for (index, jwk) in set.keys.iter().enumerate() {
            let number = index + 1;
            match self.key(jwk) {
                Ok(Some(key)) => keys.push(key),
                Ok(None) => {
                    let file = self.path.display();
                    debug!("{file} key {number} is not one that signatures are verified with here");
                }
                Err(reason) => return Err(unusable(format!("key {number} {reason}"))),
            }
        }
        if keys.is_empty() {
            return Err(unusable(
                "holds no key to verify signatures with: \
                 RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519"
                    .into(),
            ));
        }
        let verified = Verified::default();
        Ok(Keys { keys, verified })
    }
}

impl KeysFile {
    /// `jwk` as a key, or none where it is for something else, or what is wrong with it.
    fn key(&self, jwk: &Jwk) -> Result<Option<Key>, String> {
        let is_for_signatures = jwk.common.public_key_use.as_ref();
        let operations = jwk.common.key_operations.as_ref();
        if is_for_signatures.is_some_and(|it| *it != PublicKeyUse::Signature)
            || operations.is_some_and(|it| !it.contains(&KeyOperations::Verify))
        {
            return Ok(None);
        }
        let possible = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
            AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
                &[Algorithm::ES256]
            }
            AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P384 => {
                &[Algorithm::ES384]
            }
            AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
                &[Algorithm::EdDSA]
            }
            // Whoever can verify by it can sign by it, too.
            AlgorithmParameters::OctetKey(_) => {
                return Err(
                    "is a shared secret (oct); give the public key of a pair instead".into(),
                );
            }
            _ => return Ok(None),
        };
        let algorithms = match jwk.common.key_algorithm.map(|it| it.to_string().parse()) {
            None => possible.to_vec(),
            Some(Ok(algorithm)) if possible.contains(&algorithm) => vec![algorithm],
            Some(_) => return Ok(None),
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|error| format!("can't be used: {error}"))?;
        check_size(&key, algorithms[0])?;
        let mut validation = Validation::new(algorithms[0]);
        validation.algorithms = algorithms;
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let id = jwk.common.key_id.clone();
        Ok(Some(Key {
            id,
            public: key,
            validation,
        }))
    }
}

/// Else each token would seem to be one that it has not signed.
fn check_size(key: &DecodingKey, algorithm: Algorithm) -> Result<(), String> {
    let (bytes, right) = match (key.kind(), algorithm) {
        (DecodingKeyKind::RsaModulusExponent { n, .. }, _) => (n.len(), RSA_BYTES),
        (DecodingKeyKind::SecretOrDer(point), Algorithm::ES256) => (point.len(), 65..=65),
        (DecodingKeyKind::SecretOrDer(point), Algorithm::ES384) => (point.len(), 97..=97),
        (DecodingKeyKind::SecretOrDer(point), _) => (point.len(), 32..=32),
    };
    if right.contains(&bytes) {
        return Ok(());
    }
    let (least, most) = right.into_inner();
    Err(format!(
        "has {bytes} bytes, where {least} to {most} are needed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC: &str = r#""kty": "EC", "crv": "P-256", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#;

    fn load(keys: &str) -> Result<Vec<Key>, String> {
        let file = KeysFile {
            path: "keys.json".into(),
            issuer: "issuer".into(),
            audience: "audience".into(),
            leeway: Duration::ZERO,
        };
        let text = format!(r#"{{"keys": [{keys}]}}"#);
        let loaded = file.load(&text.into_bytes());
        loaded.map(|it| it.keys).map_err(|error| error.to_string())
    }

    fn refusal(keys: &str) -> String {
        load(keys).err().unwrap()
    }

    #[test]
    fn a_key_verifies_only_what_it_is_for() {
        let algorithms = |more: &str| {
            load(&format!("{{{EC}{more}}}"))
                .unwrap()
                .remove(0)
                .validation
                .algorithms
        };
        assert_eq!(algorithms(""), [Algorithm::ES256]);
        assert_eq!(
            algorithms(r#", "alg": "ES256", "use": "sig""#),
            [Algorithm::ES256]
        );
        let n = "A".repeat(342);
        let rsa = |more: &str| {
            load(&format!(
                r#"{{"kty": "RSA", "n": "{n}", "e": "AQAB"{more}}}"#
            ))
        };
        let any = rsa("").unwrap().remove(0).validation.algorithms;
        assert_eq!(any, AlgorithmFamily::Rsa.algorithms());
        let one = rsa(r#", "alg": "PS256""#)
            .unwrap()
            .remove(0)
            .validation
            .algorithms;
        assert_eq!(one, [Algorithm::PS256]);
        assert!(rsa(r#", "alg": "HS256""#).is_err());
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        for other in [
            r#", "use": "enc""#,
            r#", "alg": "ES384""#,
            r#", "alg": "ECDH-ES""#,
            r#", "key_ops": ["sign"]"#,
        ] {
            let other = format!("{{{EC}{other}}}");
            assert!(refusal(&other).contains("holds no key"), "{other}");
            let both = format!(r#"{other}, {{{EC}, "kid": "a"}}, {{"kty": "AKP"}}"#);
            let keys = load(&both).unwrap();
            let [key] = &keys[..] else {
                panic!("{}", keys.len())
            };
            assert_eq!(key.id.as_deref(), Some("a"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        assert!(refusal("").contains("keys.json holds no key"));
        assert!(refusal("7").contains("keys.json is no JWKS"));
        let shared = refusal(r#"{"kty": "oct", "k": "c2VjcmV0"}"#);
        assert!(shared.contains("key 1 is a shared secret"), "{shared}");
        let weak = refusal(r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB"}"#);
        assert!(
            weak.contains("key 1 has 3 bytes, where 256 to 1024"),
            "{weak}"
        );
        let cut = refusal(r#"{"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}"#);
        assert!(cut.contains("key 1 has 3 bytes, where 32 to 32"), "{cut}");
    }
}
