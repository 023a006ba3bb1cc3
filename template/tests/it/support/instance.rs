//! An instance of the service in the test's own process, whose Hello does what
//! the test says.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{self, Service, http},
    server::NamedService,
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::{
    InProcess, SERVICE, client,
    lifecycle::{Lifecycle, Shutdown},
    proto::{DESCRIPTORS, HelloRequest, HelloResponse},
    server::{self, Rpcs, Server},
};

/// A running instance.
pub struct Instance {
    pub address: SocketAddr,
    shutdown: oneshot::Sender<Shutdown>,
    running: JoinHandle<()>,
}

impl Instance {
    /// An instance that answers with what `hello` does.
    pub async fn start<F, R>(hello: F) -> Self
    where
        F: Fn(Request<HelloRequest>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, Status>> + Send + 'static,
    {
        Self::with(InProcess::settings(&["--drain-timeout", "0s"]), hello).await
    }

    /// An instance at `address` that answers with `name`.
    pub async fn named(address: SocketAddr, name: &'static str) -> Self {
        let settings = server::Settings {
            address,
            ..InProcess::settings(&["--drain-timeout", "0s"])
        };
        Self::with(settings, move |_| async move { Ok(name.into()) }).await
    }

    /// An instance with `settings`.
    pub async fn with<F, R>(settings: server::Settings, hello: F) -> Self
    where
        F: Fn(Request<HelloRequest>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, Status>> + Send + 'static,
    {
        let server = Server::bind(settings, Lifecycle::new()).await.unwrap();
        let address = server.address();
        let rpcs = Rpcs::new(DESCRIPTORS).with(Hello(Arc::new(hello)));
        let (shutdown, asked) = oneshot::channel();
        let running = tokio::spawn(server.run(rpcs, async { asked.await.unwrap() }));
        Self {
            address,
            shutdown,
            running,
        }
    }

    /// Plain-text settings of a client of this instance.
    pub fn settings(&self) -> client::Settings {
        client::Settings::new(self.address.ip().to_string(), self.address.port())
    }

    /// Stops it at once; returns when its connections are closed.
    pub async fn stop(self) {
        self.shutdown.send(Shutdown::Terminal).unwrap();
        self.running.await.unwrap();
    }
}

/// The contract's server, as far as Hello goes.
struct Hello<F>(Arc<F>);

impl<F> Clone for Hello<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F> NamedService for Hello<F> {
    const NAME: &'static str = SERVICE;
}

impl<F, R> Service<http::Request<Body>> for Hello<F>
where
    F: Fn(Request<HelloRequest>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, Status>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = codegen::BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let hello = self.0.clone();
        Box::pin(async move {
            let codec: ProstCodec<HelloResponse, HelloRequest> = ProstCodec::default();
            let answer = service_fn(move |request| {
                let answer = hello(request);
                async {
                    Ok(Response::new(HelloResponse {
                        message: answer.await?,
                    }))
                }
            });
            Ok(tonic::server::Grpc::new(codec).unary(answer, request).await)
        })
    }
}
