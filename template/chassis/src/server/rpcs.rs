//! What is served, whatever it is, and the way of a request to it.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::{
    Request, Response,
    body::{Body as HttpBody, Bytes},
    http::request::Parts,
};
use tonic::{Code, Status, body::Body, codegen::Service, server::NamedService};
use tower::{Layer, ServiceExt};

use super::protocol;

/// What the paths of health and reflection begin with.
pub(super) const STANDARD: &str = "/grpc.";

type BoxError = Box<dyn Error + Send + Sync>;

/// The RPCs to serve: generated servers, each with the contract that it is of, and what is
/// around them. A request passes, in this order,
///
/// 1. what was added by [`before`](Self::before);
/// 2. the chassis: it is counted, and its head looked at; its caller is let in; it may be
///    shed; it gets its deadline and its context; panics are caught;
/// 3. the [`layer`](Self::layer)s, of which the first one added is the outermost;
/// 4. interceptors and layers of a single server;
/// 5. the handler.
///
/// Its response goes the other way, but for `before`, which sees none. Health and reflection
/// pass 1 and 2 only.
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
    services: Vec<(&'static str, Routed)>,
    descriptors: Vec<&'static [u8]>,
    layers: Vec<Box<dyn FnOnce(Routed) -> Routed + Send>>,
    before: Vec<Before>,
}

/// Looks at the head of a request before anything else does.
type Before = Box<dyn Fn(&mut Parts) -> Result<(), Status> + Send + Sync>;

/// The response that is to come.
pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What has requests answered: all that is within a [layer](Rpcs::layer).
#[derive(Clone)]
pub struct Routed(Arc<dyn Fn(Request<Body>) -> ResponseFuture + Send + Sync>);

/// The way of a request to the server that its path names.
pub(super) struct Routes {
    before: Vec<Before>,
    /// The service's own servers, with the layers around them.
    own: Routed,
    standard: Vec<(&'static str, Routed)>,
}

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
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.services.push((S::NAME, Routed::to(service)));
        if !self.descriptors.contains(&descriptors) {
            self.descriptors.push(descriptors);
        }
        self
    }

    /// Puts a layer of tower around all servers, also those that are added later. An error
    /// of it becomes a status.
    ///
    /// ```
    /// use chassis::server::Rpcs;
    /// use tonic::{Request, Status, service::InterceptorLayer};
    /// # use tonic_health::pb::{FILE_DESCRIPTOR_SET as DESCRIPTORS, health_server::HealthServer};
    /// # let greeter = HealthServer::new(tonic_health::server::HealthService::from_health_reporter(
    /// #     tonic_health::server::HealthReporter::new(),
    /// # ));
    ///
    /// fn tenant(request: Request<()>) -> Result<Request<()>, Status> {
    ///     match request.metadata().get("x-tenant") {
    ///         Some(_) => Ok(request),
    ///         None => Err(Status::invalid_argument("send x-tenant")),
    ///     }
    /// }
    ///
    /// let rpcs = Rpcs::new()
    ///     .with(DESCRIPTORS, greeter)
    ///     .layer(InterceptorLayer::new(tenant));
    /// ```
    #[must_use]
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<Routed> + Send + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>>,
        L::Service: Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send + 'static,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let around = move |inner| Routed::to(layer.layer(inner));
        self.layers.push(Box::new(around));
        self
    }

    /// Shows the head of every request to `look` before the chassis looks at it. It may be
    /// changed, or refused with a status, which is counted and logged as any other.
    ///
    /// ```
    /// use chassis::server::Rpcs;
    /// use tonic::codegen::http::HeaderValue;
    ///
    /// // A proxy in front has it under a name of its own.
    /// let rpcs = Rpcs::new().before(|head| {
    ///     if let Some(id) = head.headers.remove("x-correlation-id") {
    ///         head.headers.insert("x-request-id", id);
    ///     }
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn before(
        mut self,
        look: impl Fn(&mut Parts) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        self.before.push(Box::new(look));
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

    /// The ways to these, and to the `standard` ones.
    pub(super) fn routes(self, standard: Self) -> Routes {
        let Self {
            services, layers, ..
        } = self;
        let own = Routed(Arc::new(move |request| {
            match find(&services, request.uri().path()) {
                Some(server) => (server.0)(request),
                None => unimplemented(&request),
            }
        }));
        let inside_out = layers.into_iter().rev();
        Routes {
            before: self.before,
            own: inside_out.fold(own, |inner, layer| layer(inner)),
            standard: standard.services,
        }
    }
}

impl Routed {
    fn to<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |request| {
            let response = service.clone().oneshot(request);
            Box::pin(async {
                match response.await {
                    Ok(response) => response.map(Body::new),
                    Err(error) => Status::from_error(error.into()).into_http(),
                }
            })
        }))
    }
}

impl Service<Request<Body>> for Routed {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = (self.0)(request);
        Box::pin(async { Ok(response.await) })
    }
}

impl Routes {
    /// The request as it looks to the chassis, and the status that it is refused with, if
    /// it is.
    pub(super) fn before<B>(&self, request: Request<B>) -> (Request<B>, Result<(), Status>) {
        if self.before.is_empty() {
            return (request, Ok(()));
        }
        let (mut head, body) = request.into_parts();
        let looked = self.before.iter().try_for_each(|look| look(&mut head));
        (Request::from_parts(head, body), looked)
    }

    /// Has `request` answered by the server that its path names.
    pub(super) fn call(&self, request: Request<Body>) -> ResponseFuture {
        let path = request.uri().path();
        let standard = path.starts_with(STANDARD).then_some(&self.standard[..]);
        let server = standard.and_then(|services| find(services, path));
        (server.unwrap_or(&self.own).0)(request)
    }

    /// The same for a method that no contract has. A generated server says of one that
    /// it doesn't have either no more than UNIMPLEMENTED.
    pub(super) fn call_unknown(&self, request: Request<Body>) -> ResponseFuture {
        if request.uri().query().is_some() {
            // A generated server would not look at it.
            return unimplemented(&request);
        }
        let status = protocol::unimplemented(protocol::path(request.uri()));
        let response = self.call(request);
        Box::pin(async {
            let response = response.await;
            match Status::from_header_map(response.headers()) {
                Some(it) if it.code() == Code::Unimplemented && it.message().is_empty() => {
                    status.into_http()
                }
                _ => response,
            }
        })
    }
}

/// The one of `services` that `path` names.
fn find<'a>(services: &'a [(&'static str, Routed)], path: &str) -> Option<&'a Routed> {
    let path = path.strip_prefix('/')?;
    let asked_for = |name| {
        let method = path.strip_prefix(name);
        method.is_some_and(|method| method.starts_with('/'))
    };
    let (_, service) = services.iter().find(|(name, _)| asked_for(*name))?;
    Some(service)
}

fn unimplemented(request: &Request<Body>) -> ResponseFuture {
    let status = protocol::unimplemented(protocol::path(request.uri()));
    Box::pin(async { status.into_http() })
}
