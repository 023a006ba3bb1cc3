//! One unary call: how long it may take, what it passes on, its attempts.

use std::future::Future;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Request, Response, Status, transport::Channel};
use tracing::debug;

use super::{Client, Error, Method, failure::Failure, retry};
use crate::{context::Context, proto::GrpcClient};

/// The generated client, on one connection.
pub(super) type Stub = GrpcClient<Channel>;

impl Client {
    /// Calls a method with `message`, by `send`. It ends when the call timeout
    /// or the deadline of the RPC that it is made for has passed.
    pub(super) async fn call<M, R, F>(
        &self,
        method: Method,
        message: M,
        send: impl Fn(Stub, Request<M>) -> F,
    ) -> Result<R, Error>
    where
        M: Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let context = Context::current();
        let latest = Instant::now() + self.call_timeout;
        let deadline = context.deadline.map_or(latest, |asked| asked.min(latest));
        let attempts = async {
            let mut attempts = 0;
            loop {
                let request = request(message.clone(), &context, deadline, attempts);
                let failure = match self.attempt(request, &send).await {
                    Ok(response) => {
                        self.throttle.succeeded();
                        return Ok(response);
                    }
                    Err(failure) => failure,
                };
                // The next connection is as good: the service knows nothing of this one.
                if failure.disconnected && !failure.sent {
                    continue;
                }
                attempts += 1;
                let pause = retry::pause(attempts);
                let allowed = self.throttle.allows(method, attempts, &failure);
                if !allowed || Instant::now() + pause >= deadline {
                    return Err(failure.status);
                }
                debug!(
                    reason = failure.status.message(),
                    ?pause,
                    "Attempt {attempts} failed"
                );
                sleep(pause).await;
            }
        };
        let outcome = timeout_at(deadline, attempts).await;
        outcome
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the deadline has passed")))
            .map_err(Error::Call)
    }

    async fn attempt<M, R, F>(
        &self,
        request: Request<M>,
        send: impl Fn(Stub, Request<M>) -> F,
    ) -> Result<R, Failure>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let member = self.pool.pick().await?;
        let outcome = send(Stub::new(member.channel.clone()), request).await;
        outcome.map(Response::into_inner).map_err(|status| {
            let failure = Failure::from(status);
            if failure.disconnected {
                self.pool.lose(&member, failure.status.message());
            }
            failure
        })
    }
}

/// A request with what is left of the time, the request id and the trace.
fn request<M>(message: M, context: &Context, deadline: Instant, retries: u32) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    let metadata = request.metadata_mut();
    if let Some(id) = &context.request_id {
        metadata.insert("x-request-id", id.clone());
    }
    if let Some(traceparent) = &context.traceparent {
        metadata.insert("traceparent", traceparent.clone());
    }
    if retries > 0 {
        metadata.insert("grpc-previous-rpc-attempts", retries.into());
    }
    request
}
