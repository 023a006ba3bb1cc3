//! Bearer tokens: JWTs (RFC 7519) whose signatures one of a set of keys has to verify, as
//! RFC 6750 has them sent and refused, and RFC 8725 recommends to look at them.
//!
//! | file       | its concern                                           |
//! |------------|-------------------------------------------------------|
//! | `keys`     | the file of keys, and what each may verify            |
//! | `crypto`   | signatures, verified by ring                          |
//! | `verified` | tokens that were verified before                      |

mod crypto;
mod keys;
mod verified;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
};
use jsonwebtoken::{
    TokenData, decode, decode_header,
    errors::{Error as Invalid, ErrorKind},
    get_current_timestamp,
};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tonic::{Status, metadata::AsciiMetadataValue};

use self::keys::{Key, Keys, KeysFile};
pub(crate) use self::verified::Claims;
use crate::{
    auth::{denied::Denied, error::Error},
    context::Caller,
    reload::{self, Source},
    values::{HOUR, time},
};

/// Bytes of the longest token that is looked at. 8 KiB: what nginx and Apache take of a header.
const LONGEST: usize = 8 * 1024;

/// Who may have issued tokens, and for whom.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Settings {
    /// Demand a token (JWT) that one of the keys in this file (JWKS) has signed; read again as the TLS files are
    #[arg(
        long,
        value_name = "FILE",
        requires = "jwt_issuer",
        requires = "jwt_audience"
    )]
    pub jwt_keys: Option<PathBuf>,
    /// Who has to have issued it (iss)
    #[arg(long, value_name = "NAME", requires = "jwt_keys")]
    pub jwt_issuer: Option<String>,
    /// For whom it has to be (aud)
    #[arg(long, value_name = "NAME", requires = "jwt_keys")]
    pub jwt_audience: Option<String>,
    /// How far the clock of who issues it may be off [0s to 1h]
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time(Duration::ZERO, HOUR))]
    pub jwt_leeway: Duration,
}

/// Verifies tokens.
pub(super) struct Tokens(watch::Receiver<Keys>);

/// A token that is what it says.
struct Token {
    /// As it was sent: `Bearer …`.
    authorization: HeaderValue,
    claims: Claims,
}

/// Why a request has no such token.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no bearer token")]
    Missing,
    #[error("no token: {0}")]
    Malformed(Invalid),
    #[error("more than one authorization")]
    Several,
    #[error("a token of {0} bytes, of at most {LONGEST}")]
    TooLong(usize),
    #[error("a token of a key that is not there")]
    UnknownKey,
    #[error("a token of an algorithm that its key is not for")]
    Algorithm,
    #[error("a token that its key has not signed")]
    Signature,
    #[error("a token that has expired")]
    Expired,
    #[error("a token that is not valid yet")]
    NotYetValid,
    #[error("a token of another issuer")]
    Issuer,
    #[error("a token for another audience")]
    Audience,
    #[error("a token without what it has to say: {0}")]
    Claims(Invalid),
}

/// All labels of refusals.
pub(super) const REFUSED: [&str; 10] = [
    "no_token",
    "malformed_token",
    "unknown_key",
    "algorithm",
    "signature",
    "expired",
    "not_yet_valid",
    "issuer",
    "audience",
    "claims",
];

impl Settings {
    /// Checks the file, without using it.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(file) = self.file() {
            file.load(&file.read()?)?;
        }
        Ok(())
    }

    /// Loads the keys, and again whenever they have changed.
    pub(super) fn watch(&self, interval: Duration) -> Result<Option<Tokens>, Error> {
        let Some(file) = self.file() else {
            return Ok(None);
        };
        crypto::install();
        let hangup = reload::hangup()?;
        Ok(Some(Tokens(reload::watch(file, interval, hangup)?)))
    }

    fn file(&self) -> Option<KeysFile> {
        // The flags demand all three.
        Some(KeysFile {
            path: self.jwt_keys.clone()?,
            issuer: self.jwt_issuer.clone()?,
            audience: self.jwt_audience.clone()?,
            leeway: self.jwt_leeway,
        })
    }
}

impl Tokens {
    /// Who makes a request with these `headers` on a connection of `caller`: with a token, or
    /// without one where that is `enough`.
    pub(super) fn identify(
        &self,
        headers: &HeaderMap,
        caller: Option<&Arc<Caller>>,
        enough: impl FnOnce(&Caller) -> bool,
    ) -> Result<Option<Arc<Caller>>, Box<Denied>> {
        match self.of(headers) {
            Ok(token) => {
                let caller = Caller::with_token(caller, token.authorization, token.claims);
                Ok(Some(Arc::new(caller)))
            }
            Err(Refusal::Missing) if caller.is_some_and(|it| enough(it)) => Ok(caller.cloned()),
            Err(refusal) => Err(Box::new(Denied {
                label: refusal.label(),
                reason: refusal.to_string(),
                status: refusal.status(),
            })),
        }
    }

    /// The token in the `headers` of a request.
    fn of(&self, headers: &HeaderMap) -> Result<Token, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let authorization = values.next().ok_or(Refusal::Missing)?;
        if values.next().is_some() {
            return Err(Refusal::Several);
        }
        let (scheme, token) = authorization
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .ok_or(Refusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Missing);
        }
        let token = token.trim();
        if token.len() > LONGEST {
            return Err(Refusal::TooLong(token.len()));
        }
        let mut authorization = authorization.clone();
        authorization.set_sensitive(true);
        Ok(Token {
            claims: self.verify(token)?,
            authorization,
        })
    }

    fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let keys = self.0.borrow();
        let known = keys.verified.get(token, get_current_timestamp());
        if let Some(claims) = known {
            return Ok(claims);
        }
        let header = decode_header(token).map_err(Refusal::Malformed)?;
        let named = |key: &&Key| header.kid.is_none() || key.id == header.kid;
        let mut refusal = Refusal::UnknownKey;
        for key in keys.keys.iter().filter(named) {
            // Only for what the key is for, whatever the token says (RFC 8725, section 3.1).
            match decode::<Map<String, Value>>(token, &key.public, &key.validation) {
                Ok(TokenData { claims, .. }) => {
                    let claims = Claims::new(claims);
                    // What has an expiry that is no whole number is verified each time.
                    if let Some(expiry) = claims.get("exp").and_then(Value::as_u64) {
                        let until = expiry.saturating_add(key.validation.leeway);
                        keys.verified.add(token, until, claims.clone());
                    }
                    return Ok(claims);
                }
                Err(error) => refusal = error.into(),
            }
            // It has signed it, but that is not enough.
            if !matches!(refusal, Refusal::Algorithm | Refusal::Signature) {
                break;
            }
        }
        Err(refusal)
    }
}

impl From<Invalid> for Refusal {
    fn from(error: Invalid) -> Self {
        match error.kind() {
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
                Self::Claims(error)
            }
            _ => Self::Malformed(error),
        }
    }
}

impl Refusal {
    /// Its reason, for the metrics.
    fn label(&self) -> &'static str {
        let [
            missing,
            malformed,
            key,
            algorithm,
            signature,
            expired,
            not_yet,
            issuer,
            audience,
            claims,
        ] = REFUSED;
        match self {
            Self::Missing => missing,
            Self::Malformed(_) | Self::Several | Self::TooLong(_) => malformed,
            Self::UnknownKey => key,
            Self::Algorithm => algorithm,
            Self::Signature => signature,
            Self::Expired => expired,
            Self::NotYetValid => not_yet,
            Self::Issuer => issuer,
            Self::Audience => audience,
            Self::Claims(_) => claims,
        }
    }

    /// What the caller is told: what to do about a token of its own, and of one that somebody
    /// has made up nothing but that (RFC 6750, section 3).
    fn status(&self) -> Status {
        let (message, challenge) = match self {
            Self::Missing => ("a bearer token is needed", "Bearer"),
            Self::Expired => (
                "the token has expired",
                r#"Bearer error="invalid_token", error_description="the token has expired""#,
            ),
            Self::NotYetValid => (
                "the token is not valid yet",
                r#"Bearer error="invalid_token", error_description="the token is not valid yet""#,
            ),
            _ => ("the token is not valid", r#"Bearer error="invalid_token""#),
        };
        let mut status = Status::unauthenticated(message);
        let challenge = AsciiMetadataValue::from_static(challenge);
        let metadata = status.metadata_mut();
        metadata.insert(WWW_AUTHENTICATE.as_str(), challenge);
        status
    }
}
