//! A connection to one instance. It gives each call a deadline, and a name in the logs where one is wanted;
//! it does nothing by itself that would hide what the system does: no timer, no other attempt.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    header::HeaderValue,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};
use tonic::{Status, body::Body, codegen::Service};

/// What any client of a contract works over. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    requests: SendRequest<Body>,
    address: String,
    deadline: Duration,
    /// Of `x-request-id` and `traceparent`.
    known_as: Option<[HeaderValue; 2]>,
}

impl Connection {
    /// Connects to `address`. Who doesn't answer for two seconds is taken for gone.
    pub async fn open(address: &str) -> io::Result<Self> {
        // Where a container was a moment ago, nobody refuses a connection, and the kernel tries less and less often.
        let tcp = timeout(Duration::from_secs(1), TcpStream::connect(address)).await??;
        tcp.set_nodelay(true)?;
        let (requests, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(1))
            .keep_alive_timeout(Duration::from_secs(1))
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(tcp))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self {
            requests,
            address: address.into(),
            deadline: Duration::from_secs(2),
            known_as: None,
        })
    }

    /// The same, with another time in which a call has to be answered.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same, with this `x-request-id`, and as a part of the trace of these 32 hexadecimal digits.
    ///
    /// # Panics
    ///
    /// If one of them is no text for a header.
    #[must_use]
    pub fn known_as(mut self, request_id: &str, trace_id: &str) -> Self {
        let trace = format!("00-{trace_id}-00f067aa0ba902b7-01");
        self.known_as =
            Some([request_id, &trace].map(|text| text.parse().expect("plain characters")));
        self
    }

    /// How long a call may take before it hangs: its deadline, which the service has to see to, and a second.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.deadline + Duration::from_secs(1)
    }

    /// Whether the peer, or the network, has ended it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.requests
            .poll_ready(context)
            .map_err(|error| lost(&error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let uri = format!("http://{}{path}", self.address);
        *request.uri_mut() = uri.parse::<Uri>().expect("an address and a path");
        let headers = request.headers_mut();
        // A watch goes on for as long as anybody listens.
        let millis = self.deadline.as_millis();
        if !self.deadline.is_zero() && !headers.contains_key("grpc-timeout") {
            headers.insert(
                "grpc-timeout",
                format!("{millis}m").parse().expect("digits"),
            );
        }
        if let Some([request_id, trace]) = self.known_as.clone() {
            headers.insert("x-request-id", request_id);
            headers.insert("traceparent", trace);
        }
        let response = self.requests.send_request(request);
        Box::pin(async { response.await.map_err(|error| lost(&error)) })
    }
}

/// What becomes of a call whose connection ends, by gRPC's own rules.
fn lost(error: &hyper::Error) -> Status {
    Status::unavailable(format!("the connection is lost: {error}"))
}
