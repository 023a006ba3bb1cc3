//! What happens to each RPC between its connection and its handler: read
//! `handle` from top to bottom.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{HeaderMap, Request, Response, body::Body as _};
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tracing::{debug, warn};

use super::{
    flight::Flight,
    gzip::{self, encoding::Encoding},
    limits::Limits,
    memory::FULL,
    peer::Peer,
    protocol::{self, Head, Refusal},
    request::{BUSY, RequestBody},
    response::ResponseBody,
    rpcs::{ResponseFuture, Routes, STANDARD},
    shares::Account,
};
use crate::{
    auth::Auth,
    context::{Caller, Context},
    contract::Shape,
    deadline::Deadline,
    telemetry::{
        call::Call,
        ids,
        methods::{MethodMetrics, Methods},
        metrics::Metrics,
        panics, quota, traces,
    },
    values::YEAR,
};

/// Health checks are answered under overload, too: an orchestrator would take
/// their refusal for a reason to restart a busy service. And their `Watch`
/// streams last for ever.
const NEVER_SHED: &str = "/grpc.health.v1.Health/";

/// What all RPCs share.
pub(super) struct Handler {
    routes: Routes,
    methods: Methods,
    auth: Auth,
    metrics: Arc<Metrics>,
    max_metadata: usize,
    tell_ids: bool,
    gzip_from: usize,
    request_timeout: Duration,
}

impl Handler {
    pub(super) fn new(
        routes: Routes,
        methods: Methods,
        auth: Auth,
        metrics: Arc<Metrics>,
        limits: &Limits,
        tell_ids: bool,
    ) -> Self {
        Self {
            routes,
            methods,
            auth,
            metrics,
            max_metadata: limits.max_metadata_size as usize,
            tell_ids,
            gzip_from: limits.gzip_from as usize,
            // Beyond any clock, it would be a panic of every RPC.
            request_timeout: limits.request_timeout.min(YEAR),
        }
    }

    /// Answers one request, in any case with a gRPC status.
    // All that needs no waiting is done before there is a future, since every RPC
    // is as large as its future, which is moved around.
    pub(super) fn handle(
        &self,
        peer: &Peer,
        account: &Arc<Account>,
        flight: Arc<Flight>,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
        let now = Instant::now();
        let (request, looked_at) = self.routes.before(request);
        let path = protocol::path(request.uri());
        let method = self.methods.find(path);
        let span = traces::start(&method.path, request.headers(), peer.remote);
        let (trace, sent) = ids::of(request.headers(), span);
        let tells = sent || self.tell_ids;
        let read = protocol::read(&request, self.max_metadata);
        let head = *read.as_ref().unwrap_or(&Head::default());
        let (caller, let_in) = match (looked_at, &read) {
            (Ok(()), Ok(_)) => self.let_in(path, request.headers(), peer),
            (looked_at, _) => (peer.caller().cloned(), looked_at),
        };
        // The caller's deadline covers a stream to its end; this service's own
        // only the time until it starts, since a stream may be meant to last.
        let whole = head.timeout.map(|asked| now + asked);
        let longest = self.request_timeout;
        let start = Some(now + head.timeout.unwrap_or(longest).min(longest));
        let context = Context {
            deadline: start,
            trace: Some(Arc::new(trace)),
            caller,
        };
        if let Some(deadline) = whole {
            flight.due(deadline);
        }
        // Of an unknown method there is nothing but a status.
        let shape = method.contract.as_ref().map_or(Shape::Unary, |it| it.shape);
        let mut call = Call::start(method, path, peer.remote, now, context, tells);
        let begun = match (let_in, read) {
            (Ok(()), Ok(_)) => {
                let admitted = if flight.carry(head.size, request.headers().len()) {
                    admit(account, &flight, path, shape)
                } else {
                    Err(Status::resource_exhausted(FULL))
                };
                admitted.map(|()| self.call(method, &flight, head.encoding, request, peer))
            }
            (Ok(()), Err(refusal)) => Ok(self.refuse(&refusal, method, peer)),
            (Err(status), _) => Err(status),
        };
        async move {
            let answered = match begun {
                Ok(answer) => {
                    let in_time = Deadline::new(start).end(unpanicked(answer));
                    call.context.scope_mut(in_time).await.flatten()
                }
                Err(status) => Err(status),
            };
            call.context.deadline = whole;
            // With its only response, or a status, the handler's work is done.
            if answered.is_err() || shape.has_one_response() {
                flight.handled();
            }
            let response = answered.unwrap_or_else(Status::into_http);
            Ok(finish(response, call, flight))
        }
    }

    /// Who makes the RPC of `path`, and whether they may.
    fn let_in(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> (Option<Arc<Caller>>, Result<(), Status>) {
        let denied = match self.auth.admit(path, headers, peer.caller()) {
            Ok(caller) => return (caller, Ok(())),
            Err(denied) => denied,
        };
        self.metrics.denied(denied.label);
        let caller = peer.caller().cloned();
        let name = caller.as_deref().and_then(Caller::name);
        let (method, reason) = (protocol::quoted(path), &denied.reason);
        if quota::allows(denied.label) {
            warn!(
                method,
                peer = %peer.remote,
                caller = name,
                "Call denied: {reason}"
            );
        } else {
            debug!(
                method,
                peer = %peer.remote,
                caller = name,
                "Call denied: {reason}"
            );
        }
        (caller, Err(denied.status))
    }

    /// Has the request handled.
    fn call(
        &self,
        method: &MethodMetrics,
        flight: &Arc<Flight>,
        encoding: Encoding,
        request: Request<RequestBody>,
        peer: &Peer,
    ) -> ResponseFuture {
        let shape = method.contract.as_ref().map(|it| it.shape);
        let request = with_peer(request, peer, |body| match shape {
            Some(shape) if shape.has_one_request() => Body::new(body.single()),
            _ => Body::new(body),
        });
        let answer = |request| match shape {
            Some(_) => self.routes.call(request),
            None => self.routes.call_unknown(request),
        };
        gzip::around(self.gzip_from, encoding, flight, request, answer)
    }

    /// Answers a request that was not as it has to be.
    fn refuse(&self, refusal: &Refusal, method: &MethodMetrics, peer: &Peer) -> ResponseFuture {
        self.metrics.refused(refusal.label());
        debug!(method = method.path, peer = %peer.remote, "Request refused: {refusal}");
        let response = refusal.response();
        Box::pin(async { response })
    }
}

/// Gives an RPC the right to be handled, where it needs one.
fn admit(account: &Arc<Account>, flight: &Flight, path: &str, shape: Shape) -> Result<(), Status> {
    if !path.starts_with(NEVER_SHED) {
        let permit = account.permit();
        flight.admit(permit.ok_or_else(|| Status::resource_exhausted(BUSY))?);
    }
    // Such a stream waits for most of its life, and that of many takes memory.
    if path.starts_with(STANDARD) && !shape.has_one_response() && !flight.wait_from_the_start() {
        return Err(Status::resource_exhausted(FULL));
    }
    Ok(())
}

/// Tells the handler of `request` who sent it.
fn with_peer(
    request: Request<RequestBody>,
    peer: &Peer,
    body: impl FnOnce(RequestBody) -> Body,
) -> Request<Body> {
    let mut request = request.map(body);
    peer.tell(request.extensions_mut());
    request
}

/// Turns a panic into INTERNAL.
// No async fn: it would hold `future` twice.
fn unpanicked<F: Future + Unpin>(mut future: F) -> impl Future<Output = Result<F::Output, Status>> {
    poll_fn(
        move |cx| match panics::caught(|| Pin::new(&mut future).poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(status) => Poll::Ready(Err(status)),
        },
    )
}

/// Tells the caller the ids, and sees to the rest of the response.
fn finish(response: Response<Body>, mut call: Call, flight: Arc<Flight>) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    call.tell(&mut head.headers);
    if body.is_end_stream() {
        // There are no trailers to come: the headers hold the status.
        call.see(&mut head.headers);
    }
    Response::from_parts(head, ResponseBody::new(body, call, flight))
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
