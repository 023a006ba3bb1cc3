//! What is served, whatever it is, and the way of a request to it.

use std::{convert::Infallible, future::Future, pin::Pin};

use hyper::{Request, Response};
use tonic::{Status, body::Body, codegen::Service, server::NamedService};
use tower::ServiceExt;

/// The RPCs to serve.
pub struct Rpcs {
    services: Vec<(&'static str, Route)>,
    pub(super) descriptors: &'static [u8],
}

/// Hands a request to a service.
type Route = Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

/// What becomes of it.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Rpcs {
    /// No RPCs yet, of the contract in `descriptors`, an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self {
            services: Vec::new(),
            descriptors,
        }
    }

    /// Adds a generated server to them.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let route = move |request| -> Answer { Box::pin(service.clone().oneshot(request)) };
        self.services.push((S::NAME, Box::new(route)));
        self
    }

    /// The names of the services.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.services.iter().map(|(name, _)| *name);
        names.map(Into::into).collect()
    }

    /// Has `request` answered by the service that its path names.
    pub(super) fn call(&self, request: Request<Body>) -> Answer {
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        let asked_for = |name| {
            let method = path.strip_prefix(name);
            method.is_some_and(|method| method.starts_with('/'))
        };
        match self.services.iter().find(|(name, _)| asked_for(*name)) {
            Some((_, route)) => route(request),
            None => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}
