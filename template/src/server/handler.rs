//! What happens to each RPC between its connection and its handler: read
//! `handle` from top to bottom.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body as _, Incoming},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tonic::{
    Status,
    body::Body,
    service::Routes,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tower::{ServiceExt, util::Oneshot};

use super::{limits::Limits, response::ResponseBody};
use crate::{
    context::{Context, timeout},
    telemetry::{call::Call, ids, metrics::Methods, panics, traces},
};

/// Health checks are answered under overload, too: an orchestrator would take
/// their refusal for a reason to restart a busy service. And their `Watch`
/// streams last for ever.
const NEVER_SHED: &str = "/grpc.health.v1.Health/";

/// Who sent a request, for `tonic::Request::{remote_addr, peer_certs}`.
#[derive(Clone)]
pub(super) enum Peer {
    Plain(TcpConnectInfo),
    Tls(TlsConnectInfo<TcpConnectInfo>),
}

impl Peer {
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Plain(info) => info.remote_addr(),
            Self::Tls(info) => info.get_ref().remote_addr(),
        }
    }
}

/// What all RPCs share.
pub(super) struct Handler {
    routes: Routes,
    methods: Methods,
    request_timeout: Duration,
    permits: Arc<Semaphore>,
}

impl Handler {
    pub(super) fn new(routes: Routes, methods: Methods, limits: &Limits) -> Self {
        Self {
            routes: routes.prepare(),
            methods,
            request_timeout: limits.request_timeout,
            permits: Arc::new(Semaphore::new(limits.max_requests)),
        }
    }

    /// Answers one request, in any case with a gRPC status.
    pub(super) async fn handle(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let now = Instant::now();
        // The caller's deadline covers a stream to its end; this service's own
        // only the time until it starts, since a stream may be meant to last.
        let asked = timeout::of(request.headers());
        let deadline = now
            + asked
                .unwrap_or(self.request_timeout)
                .min(self.request_timeout);
        let method = self.methods.find(request.uri().path());
        let span = traces::start(&method.path, request.headers(), peer.address());
        let context = Context {
            deadline: asked.map(|asked| now + asked),
            ..ids::of(request.headers(), span)
        };
        let call = Call::start(method, request.uri(), peer.address(), now, context.clone());

        let permit = self.permit(request.uri().path());
        let answer = match &permit {
            Ok(_) => {
                let context = Context {
                    deadline: Some(deadline),
                    ..context
                };
                context
                    .scope(timeout_at(deadline, unpanicked(self.route(peer, request))))
                    .await
                    .unwrap_or_else(|_| Err(Status::deadline_exceeded("the deadline has passed")))
                    .map(|Ok(response)| response)
            }
            Err(status) => Err(status.clone()),
        };
        let response = answer.unwrap_or_else(Status::into_http);
        Ok(finish(response, call, permit.ok().flatten()))
    }

    /// The right to be handled, where one is needed.
    fn permit(&self, path: &str) -> Result<Option<OwnedSemaphorePermit>, Status> {
        if path.starts_with(NEVER_SHED) {
            return Ok(None);
        }
        let permit = self.permits.clone().try_acquire_owned();
        permit
            .map(Some)
            .map_err(|_| Status::resource_exhausted("too many requests in flight"))
    }

    fn route(&self, peer: Peer, request: Request<Incoming>) -> Oneshot<Routes, Request<Body>> {
        let mut request = request.map(Body::new);
        match peer {
            Peer::Plain(info) => request.extensions_mut().insert(info).map(drop),
            Peer::Tls(info) => request.extensions_mut().insert(info).map(drop),
        };
        self.routes.clone().oneshot(request)
    }
}

/// Turns a panic into INTERNAL.
// No async fn: it would hold `future` twice, and every RPC is as large as its futures.
fn unpanicked<F: Future + Unpin>(mut future: F) -> impl Future<Output = Result<F::Output, Status>> {
    poll_fn(
        move |cx| match panics::caught(|| Pin::new(&mut future).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(status) => Poll::Ready(Err(status)),
        },
    )
}

/// Tells the caller the ids, and sees to the rest of the response.
fn finish(
    response: Response<Body>,
    mut call: Call,
    permit: Option<OwnedSemaphorePermit>,
) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    if body.is_end_stream() {
        // There are no trailers to come: the headers hold the status.
        call.see(&mut head.headers);
    }
    head.headers = ids::tell(&call.context, head.headers);
    Response::from_parts(head, ResponseBody::new(body, call, permit))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_without_details() {
        let outcome: Result<(), _> =
            unpanicked(Box::pin(async { panic!("the password is 1234") })).await;
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.message(), "internal error");
    }
}
