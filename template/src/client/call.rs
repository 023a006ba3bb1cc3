//! One unary call: how long it may take, what it passes on, its attempts.

use std::future::Future;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Request, Response, Status, transport::Channel};
use tracing::debug;

use super::{Client, Error, Method, failure::Failure, retry};
use crate::{
    context::{Context, REQUEST_ID, TRACEPARENT, TRACESTATE},
    proto::GrpcClient,
};

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
    if let Some(trace) = &context.trace {
        metadata.insert(REQUEST_ID, trace.request_id.clone());
        metadata.insert(TRACEPARENT, trace.traceparent.clone());
        if let Some(state) = &trace.tracestate {
            metadata.insert(TRACESTATE, state.clone());
        }
    }
    if retries > 0 {
        metadata.insert("grpc-previous-rpc-attempts", retries.into());
    }
    request
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };
    use tonic::Code;

    use super::*;
    use crate::{client::Settings, proto::HelloRequest};

    // HTTP/2 by hand: no server can be made to end a call in all these ways.
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const NO_ERROR: u8 = 0;
    const INTERNAL_ERROR: u8 = 2;
    const REFUSED_STREAM: u8 = 7;

    /// NOT_FOUND: an answer that the client has no reason to ask for again.
    const ANSWER: &[u8] = b"\x88\x0f\x10\x10application/grpc\x00\x0bgrpc-status\x015";

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
        [&head, payload].concat()
    }

    fn reset(stream: u8, reason: u8) -> Vec<u8> {
        frame(RST_STREAM, 0, stream, &[0, 0, 0, reason])
    }

    /// Streams up to `last` were handled.
    fn goaway(last: u8, reason: u8) -> Vec<u8> {
        frame(GOAWAY, 0, 0, &[0, 0, 0, last, 0, 0, 0, reason])
    }

    /// How a call ends: with bytes for its stream, and then perhaps its connection.
    type End = (fn(u8) -> Vec<u8>, Connection);

    #[derive(Clone, Copy, PartialEq)]
    enum Connection {
        Kept,
        Closed,
    }

    /// What a service has seen.
    #[derive(Default)]
    struct Seen {
        connections: AtomicUsize,
        calls: AtomicUsize,
    }

    /// A service that ends its first call so, and answers the others.
    async fn service(end: End) -> (Settings, Arc<Seen>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let counted = seen.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Relaxed);
                tokio::spawn(serve(tcp, end, counted.clone()));
            }
        });
        (Settings::new("127.0.0.1", port), seen)
    }

    async fn serve(mut tcp: TcpStream, (end, then): End, seen: Arc<Seen>) -> io::Result<()> {
        let mut preface = [0; 24];
        tcp.read_exact(&mut preface).await?;
        tcp.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
        loop {
            let mut head = [0; 9];
            tcp.read_exact(&mut head).await?;
            let [_, high, low, kind, flags, .., stream] = head;
            let mut payload = vec![0; u16::from_be_bytes([high, low]).into()];
            tcp.read_exact(&mut payload).await?;
            match kind {
                SETTINGS if flags == 0 => tcp.write_all(&frame(SETTINGS, 1, 0, &[])).await?,
                // The first stream of a connection is the client's look at its health.
                HEADERS if stream > 1 && seen.calls.fetch_add(1, Relaxed) == 0 => {
                    tcp.write_all(&end(stream)).await?;
                    if then == Connection::Closed {
                        return Ok(());
                    }
                }
                HEADERS => tcp.write_all(&frame(HEADERS, 5, stream, ANSWER)).await?,
                _ => {}
            }
        }
    }

    #[tokio::test]
    async fn a_call_is_made_again_if_that_does_no_harm() {
        use Connection::{Closed, Kept};
        let (unhandled, handled): (End, End) = (
            (|stream| goaway(stream - 2, NO_ERROR), Kept),
            (|stream| goaway(stream, NO_ERROR), Closed),
        );
        let cases: [(&str, End, _, _); 5] = [
            ("refused", (|it| reset(it, REFUSED_STREAM), Kept), [2, 2], 1),
            ("left out by GOAWAY", unhandled, [2, 2], 2),
            ("cut off after GOAWAY", handled, [1, 2], 2),
            ("cut off", (|_| Vec::new(), Closed), [1, 2], 2),
            ("failed", (|it| reset(it, INTERNAL_ERROR), Kept), [1, 1], 1),
        ];
        let methods = [Method::OnceOnly, Method::Idempotent];
        for (case, end, calls, connections) in cases {
            for (method, calls) in methods.into_iter().zip(calls) {
                let case = format!("{case}, {method:?}");
                let (settings, seen) = service(end).await;
                let client = Client::connect(&settings).await.unwrap();
                let hello = |mut stub: Stub, request| async move { stub.hello(request).await };
                let outcome = client.call(method, HelloRequest::default(), hello);
                let outcome = outcome.await;
                let Err(Error::Call(status)) = outcome else {
                    panic!("{case}: {outcome:?}")
                };
                assert_eq!(seen.calls.load(Relaxed), calls, "{case}: {status}");
                if calls == 2 {
                    assert_eq!(status.code(), Code::NotFound, "{case}");
                    let seen = seen.connections.load(Relaxed);
                    assert_eq!(seen, connections, "{case}");
                } else if connections == 2 {
                    assert_eq!(status.code(), Code::Unavailable, "{case}");
                } else {
                    assert_eq!(status.code(), Code::Internal, "{case}");
                }
            }
        }
    }
}
