//! What is served, whatever it is, and the way of a request to it.

use std::{error::Error, future::Future, pin::Pin};

use hyper::{
    Request, Response,
    body::{Body as HttpBody, Bytes},
};
use tonic::{Code, Status, body::Body, codegen::Service, server::NamedService};
use tower::ServiceExt;

use super::protocol;

/// The RPCs to serve: generated servers, each with the contract that it is of.
///
/// ```
/// use chassis::server::Rpcs;
/// use tonic::service::{LayerExt, interceptor::InterceptedService};
/// # use tonic_health::pb::{FILE_DESCRIPTOR_SET as DESCRIPTORS, health_server::HealthServer};
/// # let greeter = HealthServer::new(tonic_health::server::HealthService::from_health_reporter(
/// #     tonic_health::server::HealthReporter::new(),
/// # ));
///
/// // As it was generated, behind an interceptor, or within layers of tower:
/// let rpcs = Rpcs::new().with(DESCRIPTORS, greeter.clone());
/// let guarded = InterceptedService::new(greeter.clone(), |request| Ok(request));
/// let rpcs = Rpcs::new().with(DESCRIPTORS, guarded);
/// let layers = tower::ServiceBuilder::new().map_request(|request| request);
/// let rpcs = Rpcs::new().with(DESCRIPTORS, layers.named_layer(greeter));
/// ```
#[derive(Default)]
pub struct Rpcs {
    services: Vec<(&'static str, Route)>,
    descriptors: Vec<&'static [u8]>,
}

/// Hands a request to a service.
type Route = Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

/// What becomes of it.
pub(super) type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Rpcs {
    /// No RPCs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a generated server, whose contract is among those in `descriptors`, an
    /// encoded `FileDescriptorSet`. What else is in there is not announced.
    #[must_use]
    pub fn with<S, B>(mut self, descriptors: &'static [u8], service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + NamedService,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let route = move |request| -> Answer {
            let answer = service.clone().oneshot(request);
            Box::pin(async {
                match answer.await {
                    Ok(response) => response.map(Body::new),
                    Err(error) => Status::from_error(error.into()).into_http(),
                }
            })
        };
        self.services.push((S::NAME, Box::new(route)));
        if !self.descriptors.contains(&descriptors) {
            self.descriptors.push(descriptors);
        }
        self
    }

    /// The names of the services.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.services.iter().map(|(name, _)| *name).collect()
    }

    /// All contracts that came with them.
    pub(super) fn descriptors(&self) -> &[&'static [u8]] {
        &self.descriptors
    }

    /// Has `request` answered by the service that its path names.
    pub(super) fn call(&self, request: Request<Body>) -> Answer {
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        let asked_for = |name| {
            let method = path.strip_prefix(name);
            method.is_some_and(|method| method.starts_with('/'))
        };
        if let Some((_, route)) = self.services.iter().find(|(name, _)| asked_for(*name)) {
            return route(request);
        }
        let status = protocol::unimplemented(request.uri().path());
        Box::pin(async { status.into_http() })
    }

    /// The same for a method that no contract has. A generated server says of one that
    /// it doesn't have either no more than UNIMPLEMENTED.
    pub(super) fn call_unknown(&self, request: Request<Body>) -> Answer {
        let status = protocol::unimplemented(request.uri().path());
        let answer = self.call(request);
        Box::pin(async {
            let response = answer.await;
            match Status::from_header_map(response.headers()) {
                Some(it) if it.code() == Code::Unimplemented && it.message().is_empty() => {
                    status.into_http()
                }
                _ => response,
            }
        })
    }
}
