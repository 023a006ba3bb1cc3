//! One call: how long it may take, what it passes on, its attempts.

use std::{sync::Arc, time::Duration};

use hyper::{HeaderMap, Request, Response, header::HeaderValue, http::request::Parts};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{
    Status,
    body::Body,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tracing::debug;

use super::{
    body::{Begun, CallBody},
    credentials::Credentials,
    failure::Failure,
    pool::{Member, Pool},
    replay::Replay,
    retry::{self, Throttle},
};
use crate::{
    context::{Context, REQUEST_ID, TRACEPARENT, TRACESTATE, Trace, timeout},
    contract::Shape,
    telemetry::methods::{InFlight, MethodMetrics, Methods},
};

const GRPC_TIMEOUT: &str = "grpc-timeout";
const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// What makes calls.
pub(super) struct Caller {
    pool: Arc<Pool>,
    throttle: Arc<Throttle>,
    methods: Arc<Methods>,
    timeout: Duration,
    credentials: Option<Arc<dyn Credentials>>,
}

/// When a call has to have come how far.
struct Deadlines {
    /// One with a single reply answered, a stream of replies begun.
    answer: Instant,
    /// The whole of it ended.
    end: Option<Instant>,
}

impl Caller {
    pub(super) fn new(pool: Pool, methods: Methods, timeout: Duration) -> Self {
        Self {
            pool: Arc::new(pool),
            throttle: Arc::default(),
            methods: Arc::new(methods),
            timeout,
            credentials: None,
        }
    }

    pub(super) fn with_credentials(&self, credentials: Arc<dyn Credentials>) -> Self {
        Self {
            pool: self.pool.clone(),
            throttle: self.throttle.clone(),
            methods: self.methods.clone(),
            timeout: self.timeout,
            credentials: Some(credentials),
        }
    }

    /// Makes a call for the RPC of `context`.
    pub(super) async fn call(
        &self,
        context: &Context,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let (mut head, body) = request.into_parts();
        let now = Instant::now();
        let method = self.methods.find(head.uri.path());
        let mut in_flight = InFlight::start(method, now);
        let deadlines = self.deadlines(context, method, &head.headers, now);
        if let Some(trace) = &context.trace {
            pass_on(trace, &mut head.headers);
        }
        let answered = timeout_at(
            deadlines.answer,
            self.attempts(context, head, body, method, &deadlines),
        );
        let answered = answered.await;
        match answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("the deadline has passed")))
        {
            Ok(begun) => Ok(CallBody::response(begun, in_flight, deadlines.end)),
            Err(status) => {
                in_flight.code = Some(status.code());
                Err(status)
            }
        }
    }

    fn deadlines(
        &self,
        context: &Context,
        method: &MethodMetrics,
        headers: &HeaderMap,
        now: Instant,
    ) -> Deadlines {
        let asked = timeout::of(headers).map(|asked| now + asked);
        let end = [context.deadline, asked].into_iter().flatten().min();
        let longest = asked.unwrap_or_else(|| now + self.timeout);
        let answer = end.map_or(longest, |end| end.min(longest));
        let ends_with_answer = matches!(shape(method), Some(Shape::Unary | Shape::ClientStream));
        Deadlines {
            answer,
            end: if ends_with_answer { Some(answer) } else { end },
        }
    }

    async fn attempts(
        &self,
        context: &Context,
        mut head: Parts,
        body: Body,
        method: &MethodMetrics,
        deadlines: &Deadlines,
    ) -> Result<Begun, Status> {
        if let Some(credentials) = &self.credentials {
            let mut metadata = MetadataMap::from_headers(head.headers);
            let added = credentials.add(head.uri.path(), &mut metadata);
            context.clone().scope(added).await?;
            head.headers = metadata.into_headers();
        }
        let idempotent = method.contract.as_ref().is_some_and(|it| it.idempotent);
        let replay = Replay::new(body);
        let mut attempts = 0;
        loop {
            let attempt = Body::new(replay.attempt());
            let request = request(head.clone(), attempt, deadlines.end, attempts);
            let failure = match self.attempt(request, shape(method), deadlines.answer).await {
                Ok(begun) => {
                    self.throttle.succeeded();
                    replay.answered();
                    return Ok(begun);
                }
                Err(failure) => failure,
            };
            let whole = replay.is_whole();
            // The next connection is as good: the service knows nothing of this one.
            if whole && failure.disconnected && !failure.sent {
                continue;
            }
            attempts += 1;
            let pause = retry::pause(attempts);
            let allowed = self.throttle.allows(idempotent, attempts, &failure);
            if !whole || !allowed || Instant::now() + pause >= deadlines.answer {
                return Err(failure.status);
            }
            debug!(
                reason = failure.status.message(),
                ?pause,
                "Attempt {attempts} failed"
            );
            sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        request: Request<Body>,
        shape: Option<Shape>,
        latest: Instant,
    ) -> Result<Begun, Failure> {
        let member = self.pool.pick().await?;
        let waiting = Waiting {
            pool: &self.pool,
            member: &member,
            latest,
            ended: false,
        };
        let outcome = match member.connection.send(request).await {
            Ok(response) => Begun::read(response.map(Body::new), shape, latest).await,
            Err(error) => Err(Failure::from(Status::from_error(error.into()))),
        };
        waiting.ends();
        match outcome {
            Ok(begun) => Ok(begun.on(self.pool.clone(), member)),
            Err(failure) => {
                if failure.disconnected {
                    self.pool.lose(&member, failure.status.message());
                }
                Err(failure)
            }
        }
    }
}

/// An attempt that waits for its answer: dropped when that is overdue, there was none.
struct Waiting<'a> {
    pool: &'a Pool,
    member: &'a Member,
    latest: Instant,
    ended: bool,
}

impl Waiting<'_> {
    fn ends(mut self) {
        self.ended = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.ended && Instant::now() >= self.latest {
            self.pool.doubt(self.member);
        }
    }
}

fn shape(method: &MethodMetrics) -> Option<Shape> {
    method.contract.as_ref().map(|contract| contract.shape)
}

/// Adds what the call is a part of, unless it says so itself.
fn pass_on(trace: &Trace, headers: &mut HeaderMap) {
    let ids = [
        (REQUEST_ID, Some(trace.request_id())),
        (TRACEPARENT, Some(trace.traceparent())),
        (TRACESTATE, trace.tracestate.as_ref()),
    ];
    for (name, id) in ids {
        if let Some(id) = id
            && !headers.contains_key(name)
        {
            headers.insert(name, value(id));
        }
    }
}

fn value(id: &AsciiMetadataValue) -> HeaderValue {
    HeaderValue::from_bytes(id.as_bytes()).expect("it was a header's value")
}

/// The request of one attempt, with what is left of the time.
fn request(mut head: Parts, body: Body, end: Option<Instant>, retries: u32) -> Request<Body> {
    if let Some(end) = end {
        let left = end.saturating_duration_since(Instant::now());
        head.headers.insert(GRPC_TIMEOUT, timeout::header(left));
    }
    if retries > 0 {
        head.headers.insert(PREVIOUS_ATTEMPTS, retries.into());
    }
    Request::from_parts(head, body)
}
