//! The client that others use to call this service, and the trait that they
//! mock (feature `mock`).
//!
//! | file       | its concern                                             |
//! |------------|---------------------------------------------------------|
//! | `settings` | where the service is, and how to reach it               |
//! | `tls`      | its TLS files                                           |
//! | `resolve`  | from its name to its addresses                          |
//! | `pool`     | connections to all of them, kept up                     |
//! | `call`     | one call: deadline, metadata, attempts                  |
//! | `failure`  | what became of a call that failed                       |
//! | `retry`    | whether to try again, and when                          |

mod call;
mod failure;
mod pool;
mod resolve;
mod retry;
mod settings;
mod tls;

use std::{sync::Arc, time::Duration};

use tonic::Status;
use tracing::info;

use self::{pool::Pool, retry::Throttle};
pub use self::{
    resolve::{Dns, Resolve},
    settings::Settings,
    tls::Tls,
};
use crate::{file, proto::HelloRequest};

/// What this service offers, free of any transport.
// TODO: add a method here, and to Client below, for each RPC that others shall call.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[tonic::async_trait]
pub trait Api: Send + Sync {
    /// Answers with `message`.
    async fn hello(&self, message: String) -> Result<String, Error>;
}

#[tonic::async_trait]
impl Api for Client {
    async fn hello(&self, message: String) -> Result<String, Error> {
        let request = HelloRequest { message };
        let response = self
            .call(
                Method::Idempotent,
                request,
                |mut stub, request| async move { stub.hello(request).await },
            )
            .await?;
        Ok(response.message)
    }
}

/// What a second call with the same request would do. The contract says it
/// with `idempotency_level`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// No harm: a call that failed may be tried again.
    Idempotent,
    /// Harm: only a call that never reached the service is tried again.
    OnceOnly,
}

/// Connections to a running service, to every address behind its name. Clones
/// share them.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    throttle: Arc<Throttle>,
    call_timeout: Duration,
}

/// Why a call, or the way to it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be used for TLS.
    #[error(transparent)]
    Tls(#[from] file::Error),
    /// The address can't be used.
    #[error("can't set up the connection to {address}: {reason}")]
    Setup {
        /// The service's address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answered at the address.
    #[error("can't connect to {address} ({attempts} attempts): {reason}")]
    Connect {
        /// The service's address.
        address: String,
        /// How many attempts were made.
        attempts: u32,
        /// Why the last one failed.
        reason: String,
    },
    /// The service answered with an error.
    #[error("{}: {}", .0.code(), .0.message())]
    Call(#[from] Status),
}

impl Client {
    /// Connects to the service, trying again as often as `settings` allow.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        Self::connect_with(settings, Dns).await
    }

    /// The same, with the addresses that `resolver` finds.
    pub async fn connect_with(
        settings: &Settings,
        resolver: impl Resolve + 'static,
    ) -> Result<Self, Error> {
        let address = settings.address();
        info!("Initialize connection to {address}");
        let security = if settings.tls.is_some() {
            "with"
        } else {
            "without"
        };
        info!("Setup connection options ({security} TLS)");
        settings.check()?;
        info!("Connect to {address}");
        Ok(Self {
            pool: Pool::connect(settings, resolver).await?.into(),
            throttle: Arc::default(),
            call_timeout: settings.call_timeout,
        })
    }

    /// Gives the connections up; they close once no clone and no call uses them.
    pub fn close(self) {
        drop(self);
    }
}
