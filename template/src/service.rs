//! The core: what the service does. No gRPC, no protobuf, no sockets in here.

use std::sync::Arc;

use {{crate_name}}_api::{self as api, Api};

/// The service, independent of how it is reached.
// TODO: give it the state that your service needs: a store, a cache, clients.
#[derive(Default)]
pub struct Service {
    upstream: Option<Arc<dyn Api>>,
}

/// What the core answers when it can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The message has a NUL in it, at this byte: most stores take no such text.
    #[error("send text without a NUL, of which there is one at byte {0}")]
    Nul(usize),
    /// The service that this one depends on failed.
    #[error("upstream: {}", .0.message())]
    Upstream(#[from] api::Error),
}

impl Service {
    /// A service that passes what it is asked on to `upstream`.
    #[must_use]
    pub fn with_upstream(upstream: Arc<dyn Api>) -> Self {
        Self {
            upstream: Some(upstream),
        }
    }

    /// Answers with `message`, as its upstream does where it has one.
    // TODO: replace the echo by what your service does.
    pub async fn hello(&self, message: String) -> Result<String, Error> {
        if let Some(at) = message.find('\0') {
            return Err(Error::Nul(at));
        }
        match &self.upstream {
            Some(upstream) => Ok(upstream.hello(message).await?),
            None => Ok(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::MockApi;

    use super::*;

    #[tokio::test]
    async fn echoes_without_an_upstream() {
        let answer = Service::default().hello("Hello, world!".into()).await;
        assert_eq!(answer.unwrap(), "Hello, world!");
    }

    #[tokio::test]
    async fn answers_what_its_upstream_answers() {
        let mut upstream = MockApi::new();
        upstream
            .expect_hello()
            .withf(|message| message == "ping")
            .once()
            .returning(|_| Ok("pong".into()));
        let service = Service::with_upstream(Arc::new(upstream));
        assert_eq!(service.hello("ping".into()).await.unwrap(), "pong");
    }

    #[tokio::test]
    async fn fails_when_its_upstream_fails() {
        let mut upstream = MockApi::new();
        upstream
            .expect_hello()
            .returning(|_| Err(api::Error::unavailable("gone")));
        let service = Service::with_upstream(Arc::new(upstream));
        let error = service.hello("ping".into()).await.unwrap_err();
        assert!(matches!(error, Error::Upstream(_)), "{error}");
    }
}
