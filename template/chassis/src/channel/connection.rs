//! HTTP/2 over one connection, whose writes are corked as the server's are.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::http2::{Builder, SendRequest},
    header::{HeaderValue, USER_AGENT},
    http::uri::{Authority, PathAndQuery, Scheme},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tonic::body::Body;

use crate::io::{Cork, Io};

// As the server does. More often than each minute, and a server may take it for
// an attack (gRPC A8).
const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// As gRPC wants it: `grpc-`, language, variant, version.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("grpc-rust-chassis/", env!("CARGO_PKG_VERSION")));

/// Whom calls are for, whatever address they go to.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
}

/// A connection. Clones share it; it closes once there is none, and nothing in flight.
#[derive(Clone)]
pub(super) struct Connection {
    requests: SendRequest<Body>,
    origin: Origin,
}

impl Connection {
    /// Speaks HTTP/2 over `io`.
    pub(super) async fn open(io: Box<dyn Io>, origin: Origin) -> hyper::Result<Self> {
        let cork = Cork::new(Bytes::new(), io);
        let (requests, connection) = Builder::new(Tasks::of(cork.clone()))
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(cork))
            .await?;
        tokio::spawn(connection);
        Ok(Self { requests, origin })
    }

    /// Sends `request`, and waits for the head of its response.
    pub(super) fn send(
        &self,
        mut request: Request<Body>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let mut uri = request.uri().clone().into_parts();
        uri.scheme = Some(self.origin.scheme.clone());
        uri.authority = Some(self.origin.authority.clone());
        // Generated clients name it always.
        uri.path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from_parts(uri).expect("nothing is missing");
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(AGENT);
        self.requests.clone().send_request(request)
    }
}

/// What carries a connection.
type Wire = Cork<Box<dyn Io>>;

/// Runs what hyper has to do for a connection.
#[derive(Clone)]
struct Tasks(Arc<Mutex<Option<Wire>>>);

impl Tasks {
    /// Of the connection that writes to `cork`.
    fn of(cork: Wire) -> Self {
        Self(Arc::new(Mutex::new(Some(cork))))
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let cork = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match cork {
            // The first is the one that reads and writes; the others are calls.
            Some(cork) => _ = tokio::spawn(drained(future, cork)),
            None => _ = tokio::spawn(future),
        }
    }
}

/// Polls a connection, and sends what that made it write, until either ends.
async fn drained<F: Future>(connection: F, cork: Wire) {
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        let end = connection.as_mut().poll(cx).map(drop);
        match cork.poll_drain(cx) {
            // Its calls fail as it is dropped.
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => end,
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        pin::Pin,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Context,
    };

    use http_body_util::{BodyExt, Full};
    use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

    use super::*;

    /// Counts how often it is written to.
    struct Counted {
        io: DuplexStream,
        writes: Arc<AtomicUsize>,
    }

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.fetch_add(1, Relaxed);
            Pin::new(&mut self.io).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }

    /// Answers every request with nothing.
    async fn serve(io: DuplexStream) {
        let mut connection = h2::server::handshake(io).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_response(Response::new(()), true).unwrap();
        }
    }

    fn request() -> Request<Body> {
        let body = Body::new(Full::new(Bytes::from_static(&[0; 1000])));
        let mut request = Request::post("/service/Method").body(body).unwrap();
        *request.version_mut() = hyper::Version::HTTP_2;
        request
    }

    #[tokio::test]
    async fn a_request_leaves_in_one_write() {
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(serve(far));
        let writes = Arc::new(AtomicUsize::new(0));
        let io = Counted {
            io: near,
            writes: writes.clone(),
        };
        let origin = Origin {
            scheme: Scheme::HTTP,
            authority: Authority::from_static("localhost"),
        };
        let connection = Connection::open(Box::new(io), origin).await.unwrap();
        // SETTINGS and their acknowledgement go along with the first.
        let first = connection.send(request()).await.unwrap();
        first.into_body().collect().await.unwrap();
        let before = writes.load(Relaxed);
        connection.send(request()).await.unwrap();
        assert_eq!(writes.load(Relaxed) - before, 1);
    }
}
