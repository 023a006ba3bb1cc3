//! Who issues tokens, good ones and bad ones.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING as ES256, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://login.example.org";
pub const AUDIENCE: &str = "orders";

/// Who issues tokens: a key and its name.
pub struct Issuer {
    id: &'static str,
    key: EcdsaKeyPair,
}

impl Issuer {
    pub fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ES256, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ES256, key.as_ref(), &random).unwrap();
        Self { id, key }
    }

    /// Its public key.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|half| BASE64.encode(half));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.id, "use": "sig"})
    }

    /// A token with this header and these claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|it| BASE64.encode(it.to_string()));
        let message = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature.unwrap()))
    }

    /// A token of the usual kind that says this.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(
            &json!({"alg": "ES256", "typ": "JWT", "kid": self.id}),
            claims,
        )
    }

    /// Tokens that are not good, and the labels of what is wrong with them.
    pub fn bad_tokens(&self) -> Vec<(&'static str, String)> {
        let good = self.token(&claims(&json!({})));
        let (unsigned, _) = good.rsplit_once('.').unwrap();
        let (head, payload) = unsigned.split_once('.').unwrap();
        let signature = good.rsplit('.').next().unwrap();
        let header = |header: Value| BASE64.encode(header.to_string());
        let other = BASE64.encode(claims(&json!({"sub": "root"})).to_string());
        // As somebody would sign who has the public key alone.
        let by_secret = {
            let key = self.key.public_key();
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
            let message = format!("{}.{payload}", header(json!({"alg": "HS256", "kid": "a"})));
            let tag = hmac::sign(&key, message.as_bytes());
            format!("{message}.{}", BASE64.encode(tag))
        };
        let none = header(json!({"alg": "none", "kid": "a"}));
        let long = self.token(&claims(&json!({"x": "x".repeat(12 * 1024)})));
        assert!(long.len() > 16 * 1024);
        let say = |changes| self.token(&claims(&changes));
        vec![
            ("expired", say(json!({"exp": now() - 60}))),
            ("not_yet_valid", say(json!({"nbf": now() + 60}))),
            ("audience", say(json!({"aud": "others"}))),
            ("issuer", say(json!({"iss": "https://login.example.com"}))),
            ("claims", say(json!({"exp": null}))),
            ("claims", say(json!({"exp": "never"}))),
            ("claims", say(json!({"nbf": "never"}))),
            ("claims", say(json!({"aud": null}))),
            ("claims", say(json!({"iss": null}))),
            ("signature", Self::new(self.id).token(&claims(&json!({})))),
            ("signature", format!("{unsigned}.")),
            ("signature", format!("{head}.{other}.{signature}")),
            ("malformed_token", unsigned.into()),
            ("algorithm", by_secret),
            (
                "algorithm",
                self.sign(&json!({"alg": "RS256", "kid": "a"}), &claims(&json!({}))),
            ),
            ("malformed_token", format!("{none}.{payload}.")),
            ("malformed_token", format!("{none}.{payload}.{signature}")),
            (
                "malformed_token",
                self.sign(
                    &json!({"alg": "ES256", "kid": "a", "crit": ["x"]}),
                    &claims(&json!({})),
                ),
            ),
            (
                "unknown_key",
                self.sign(&json!({"alg": "ES256", "kid": "b"}), &claims(&json!({}))),
            ),
            ("malformed_token", long),
            ("malformed_token", "nonsense".into()),
            ("malformed_token", "..".into()),
        ]
    }
}

/// What a good token says, but for `changes`, of which null is for what it does not say.
pub fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": now() + 600,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Writes the keys of `issuers`, as a whole.
pub fn publish(file: &Path, issuers: &[&Issuer]) {
    let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    let new = file.with_extension("new");
    fs::write(&new, json!({ "keys": keys }).to_string()).unwrap();
    fs::rename(new, file).unwrap();
}
