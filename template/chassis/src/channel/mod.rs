//! What a service calls others with: a transport that every generated client
//! works over, of any contract and any shape.
//!
//! ```no_run
//! use chassis::{Channel, channel::Settings};
//! # use tonic_health::pb::{
//! #     FILE_DESCRIPTOR_SET as DESCRIPTORS, HealthCheckRequest, health_client::HealthClient,
//! # };
//!
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let channel = Channel::connect(&Settings::new("inventory", 42302), DESCRIPTORS).await?;
//! let mut client = HealthClient::new(channel);
//! client.check(HealthCheckRequest::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What it does by itself:
//!
//! - Calls go in turn to all addresses behind the name, such as that of a headless
//!   Kubernetes Service. They are looked up again at an interval, and at once when
//!   a connection is lost. One on which a call had no answer in time is asked for the
//!   server's health; without any answer it counts as lost, as where a network drops
//!   packets and says nothing.
//! - Every call has a deadline until which it has to be answered: its own
//!   (`Request::set_timeout`) or [`Settings::call_timeout`], and never more than is
//!   left of the RPC that it is made for. For a stream of replies, or both ways, this
//!   is the time until the service has taken the call; what is left of the RPC ends
//!   the rest of it as well.
//! - The request id and the trace of the RPC that it is made for go along.
//! - A call that never reached the service is made again. One of a method that the
//!   contract calls idempotent (`idempotency_level`) is made again when the service
//!   is unavailable, up to four times, 100 ms to 1 s apart, as long as few calls
//!   fail: a call with one reply until it is answered, a stream of replies until the
//!   first of them or a second of silence, a stream both ways until the service has
//!   taken it.
//!
//! | file          | its concern                                             |
//! |---------------|---------------------------------------------------------|
//! | `settings`    | where the service is, and how to reach it               |
//! | `tls`         | its TLS files                                           |
//! | `resolve`     | from its name to its addresses                          |
//! | `pool`        | connections to all of them, kept up                     |
//! | `connect`     | the way to one of them                                  |
//! | `connection`  | HTTP/2 over one connection                              |
//! | `credentials` | what a call shows of its caller                         |
//! | `call`        | one call: deadlines, metadata, attempts                 |
//! | `replay`      | its request, to be sent again                           |
//! | `body`        | its response, as far as it has to be there              |
//! | `failure`     | what became of a call that failed                       |
//! | `retry`       | whether to try again, and when                          |

mod body;
mod call;
mod connect;
mod connection;
mod credentials;
mod error;
mod failure;
mod pool;
mod replay;
mod resolve;
mod retry;
mod settings;
mod tls;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use hyper::{Request, Response};
use tonic::{Status, body::Body, codegen::Service};
use tracing::info;

#[cfg(feature = "jwt")]
pub use self::credentials::CallersToken;
use self::{call::Caller, pool::Pool};
pub use self::{
    credentials::{Credentials, TokenFile},
    error::Error,
    resolve::{Dns, Resolve},
    settings::Settings,
    tls::Tls,
};
use crate::{
    context::Context, contract, readiness::Condition, telemetry::methods::Families, values::YEAR,
};

/// Connections to a running service, to every address behind its name. Clones
/// share them; they close once no clone and no call uses them.
#[derive(Clone)]
pub struct Channel(Arc<Caller>);

impl Channel {
    /// Connects to a service, trying again as often as `settings` allow; where they say to
    /// wait, it is connected later, and this returns at once. The
    /// contracts in `descriptors`, encoded `FileDescriptorSet`s, say which methods
    /// are idempotent; without them none is.
    pub async fn connect(settings: &Settings, descriptors: &[u8]) -> Result<Self, Error> {
        Self::connect_with(settings, descriptors, Dns).await
    }

    /// The same, with the addresses that `resolver` finds.
    pub async fn connect_with(
        settings: &Settings,
        descriptors: &[u8],
        resolver: impl Resolve + 'static,
    ) -> Result<Self, Error> {
        let resolver = Box::new(resolver);
        Self::new(settings, descriptors, resolver, &Families::default(), None).await
    }

    /// The same, and counts its calls in `families`. Where `settings` say to wait,
    /// `answers` is met once the service answers. In a box, all that connects is compiled with
    /// the chassis, once, and not with each service.
    pub(crate) fn new<'a>(
        settings: &'a Settings,
        descriptors: &'a [u8],
        resolver: Box<dyn Resolve>,
        families: &'a Families,
        answers: Option<Condition>,
    ) -> Pin<Box<dyn Future<Output = Result<Self, Error>> + Send + 'a>> {
        Box::pin(async move {
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
            let pool = Pool::connect(settings, resolver, answers).await?;
            let methods = families.methods(contract::methods(descriptors));
            let caller = Caller::new(pool, methods, settings.call_timeout.min(YEAR));
            let channel = Self(Arc::new(caller));
            Ok(match &settings.token_file {
                Some(path) => channel.with_credentials(TokenFile::open(path)?),
                None => channel,
            })
        })
    }

    /// A channel on the same connections whose calls show these `credentials`.
    #[must_use]
    pub fn with_credentials(&self, credentials: impl Credentials + 'static) -> Self {
        Self(Arc::new(self.0.with_credentials(Arc::new(credentials))))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Status>> {
        // A call that has to wait for a connection does so within its deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Here, and not later: the call may be awaited elsewhere.
        let context = Context::current();
        let caller = self.0.clone();
        Box::pin(async move { caller.call(&context, request).await })
    }
}
