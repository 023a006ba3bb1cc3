//! What a call shows of its caller.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tonic::{
    Status,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tracing::warn;

use crate::{
    file::{self, Error},
    telemetry::quota,
};

const AUTHORIZATION: &str = "authorization";

/// How old what was read of a token's file may be. 10 s: as often as the TLS files are looked
/// at, while Kubernetes renews such a token minutes before it expires.
const FRESH: Duration = Duration::from_secs(10);

/// Adds to the metadata of each call what shows who makes it, such as a token. It
/// may wait for that, within the deadline of the call.
///
/// ```
/// use chassis::channel::Credentials;
/// use tonic::{Status, metadata::MetadataMap};
///
/// struct Token(String);
///
/// #[tonic::async_trait]
/// impl Credentials for Token {
///     async fn add(&self, _: &str, metadata: &mut MetadataMap) -> Result<(), Status> {
///         let bearer = format!("Bearer {}", self.0);
///         let bearer = bearer.parse().map_err(|_| Status::internal("no ASCII"))?;
///         metadata.insert("authorization", bearer);
///         Ok(())
///     }
/// }
/// ```
#[tonic::async_trait]
pub trait Credentials: Send + Sync {
    /// Adds to the `metadata` of a call of `method`, as in `/inventory.v1.Inventory/Reserve`.
    /// A call that fails here is not made, and ends with this status.
    async fn add(&self, method: &str, metadata: &mut MetadataMap) -> Result<(), Status>;
}

/// A bearer token in a file, such as that of a Kubernetes service account, which is read
/// again when it changes.
///
/// ```no_run
/// use chassis::{Channel, channel::TokenFile};
///
/// fn authorized(channel: &Channel) -> Result<Channel, chassis::file::Error> {
///     let token = TokenFile::open("/var/run/secrets/tokens/inventory")?;
///     Ok(channel.with_credentials(token))
/// }
/// ```
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    /// How old what was read of it may be.
    fresh: Duration,
    last: Mutex<(Instant, AsciiMetadataValue)>,
}

impl TokenFile {
    /// The token in the file at `path`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let token = read(&path)?;
        Ok(Self {
            path,
            fresh: FRESH,
            last: Mutex::new((Instant::now(), token)),
        })
    }

    /// What is in the file, or was when it could be read last.
    fn token(&self) -> AsciiMetadataValue {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, token) = &mut *last;
        if at.elapsed() >= self.fresh {
            *at = Instant::now();
            match read(&self.path) {
                Ok(new) => *token = new,
                Err(error) if quota::allows("token file") => {
                    warn!("Can't read a token, staying with the old: {error}");
                }
                Err(_) => {}
            }
        }
        token.clone()
    }
}

#[tonic::async_trait]
impl Credentials for TokenFile {
    async fn add(&self, _: &str, metadata: &mut MetadataMap) -> Result<(), Status> {
        metadata.insert(AUTHORIZATION, self.token());
        Ok(())
    }
}

fn read(path: &std::path::Path) -> Result<AsciiMetadataValue, Error> {
    let text = file::read(path)?;
    let token = text.trim_ascii();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        let reason = "holds no token: it has to be one word of ASCII";
        return Err(Error::content(path, reason));
    }
    let token = [b"Bearer ", token].concat();
    let mut token = AsciiMetadataValue::try_from(token).expect("it is of graphic characters");
    token.set_sensitive(true);
    Ok(token)
}

/// The token that the caller of the current RPC has shown (feature `jwt`), passed on: the next
/// service has to be an audience of it, too, and be trusted
/// with it. Without one the call is not made.
#[cfg(feature = "jwt")]
#[derive(Clone, Copy, Debug)]
pub struct CallersToken;

#[cfg(feature = "jwt")]
#[tonic::async_trait]
impl Credentials for CallersToken {
    async fn add(&self, _: &str, metadata: &mut MetadataMap) -> Result<(), Status> {
        let caller = crate::context::Caller::current();
        let token = caller
            .as_deref()
            .and_then(crate::context::Caller::authorization);
        let none = "there is no token of the caller to be passed on";
        let token = token.ok_or_else(|| Status::unauthenticated(none))?;
        let token = AsciiMetadataValue::try_from(token.as_bytes());
        let mut token = token.map_err(|_| Status::internal("a token that is not ASCII"))?;
        token.set_sensitive(true);
        metadata.insert(AUTHORIZATION, token);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    async fn shown(token: &TokenFile) -> String {
        let mut metadata = MetadataMap::new();
        token.add("/a.B/C", &mut metadata).await.unwrap();
        let value = metadata.get(AUTHORIZATION).unwrap();
        assert!(value.is_sensitive());
        value.to_str().unwrap().into()
    }

    #[tokio::test]
    async fn a_token_is_read_again_and_stays_while_it_can_not_be() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "one\n").unwrap();
        let mut token = TokenFile::open(&path).unwrap();
        assert_eq!(shown(&token).await, "Bearer one");
        fs::write(&path, "two").unwrap();
        assert_eq!(shown(&token).await, "Bearer one");
        token.fresh = Duration::ZERO;
        assert_eq!(shown(&token).await, "Bearer two");
        for broken in ["", "two words", "\u{1b}"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(shown(&token).await, "Bearer two");
            TokenFile::open(&path).unwrap_err();
        }
    }
}
