//! What is served, whatever it is.

use std::convert::Infallible;

use hyper::{Request, Response};
use tonic::{body::Body, codegen::Service, server::NamedService, service::Routes};

/// The RPCs to serve.
pub struct Rpcs {
    pub(super) routes: Routes,
    pub(super) names: Vec<String>,
    pub(super) descriptors: &'static [u8],
}

impl Rpcs {
    /// No RPCs yet, of the contract in `descriptors`, an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self {
            routes: Routes::default(),
            names: Vec::new(),
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
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME.into());
        self
    }
}
