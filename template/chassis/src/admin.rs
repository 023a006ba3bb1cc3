//! The admin port: plain HTTP/1.1 for orchestrators, Prometheus and operators. To
//! be reached by them only; it has no TLS. A thread of its own serves it, so that no
//! RPC keeps a probe waiting, however busy the others are.

use std::{
    convert::Infallible, future::pending, net::SocketAddr, str, sync::Arc, thread, time::Duration,
};

use http_body_util::{BodyExt, Collected, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    runtime::{self, Runtime},
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
    time::timeout,
};
use tracing::debug;

use crate::{
    http1_only::expect_http1,
    lifecycle::{Lifecycle, State},
    listener::{self, Listener},
    pulse::Pulse,
    slots::{Slots, Spoke},
    telemetry::{level::LogLevel, log, metrics::Metrics},
};

/// Bytes of a request's head: those of a browser have some 2 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// Time to send the head of a request, then its body; and to be idle between two.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the threads that RPCs run on may have had time for nothing else, before they are
/// held to be stuck.
// 5 s: the period of the readiness probe in the manifests. Kubernetes ends a service only
// when its liveness probe has failed three times, 10 s apart.
const STUCK: Duration = Duration::from_secs(5);

/// Bytes of a request's body; the longest that means anything is the name of a level.
const MAX_BODY: usize = 1024;

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Admin {
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
    /// Of the runtime that all else runs on.
    pulse: Pulse,
    /// For scrapes, one at a time.
    turn: Semaphore,
}

/// Connections at a time, where so many files may be open. A new one takes the place of the
/// one that has been silent for longest, since a kubelet waits 1 s for its answer.
// 256: of a thousand that are new all the time, the last has its turn within 100 ms.
pub(crate) fn max_connections(files: u64) -> u64 {
    (files / 8).clamp(16, 256)
}

/// Serves the endpoints at `address`, until the runtime ends that this is called in. Returns
/// where that is.
pub(crate) async fn start(
    address: SocketAddr,
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
) -> Result<SocketAddr, listener::Error> {
    let admin = Arc::new(Admin {
        lifecycle,
        metrics,
        pulse: Pulse::here(),
        turn: Semaphore::new(1),
    });
    let (tell, told) = oneshot::channel();
    let (lives, end) = oneshot::channel::<Infallible>();
    // Nobody waits for an answer any more where telling it fails.
    let run = move || match bind(address) {
        Ok((runtime, listener)) => {
            let _ = tell.send(Ok(listener.address()));
            runtime.block_on(async {
                tokio::select! {
                    never = serve(listener, admin) => match never {},
                    _ = end => {}
                }
            });
        }
        Err(error) => _ = tell.send(Err(error)),
    };
    let thread = thread::Builder::new().name("admin".into());
    let started = thread.spawn(run);
    started.map_err(|source| listener::Error::new(address, source))?;
    tokio::spawn(async move {
        let _lives = lives;
        pending::<()>().await;
    });
    told.await.expect("the thread tells before it ends")
}

/// A runtime for one thread, and the port as seen from there.
fn bind(address: SocketAddr) -> Result<(Runtime, Listener), listener::Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // One scrape, even where who asked for the one before has gone.
        .max_blocking_threads(1)
        .build()
        .map_err(|source| listener::Error::new(address, source))?;
    let entered = runtime.enter();
    let listener = Listener::bind(address)?;
    drop(entered);
    Ok((runtime, listener))
}

async fn serve(listener: Listener, admin: Arc<Admin>) -> Infallible {
    let places = max_connections(listener::max_files());
    let mut slots = Slots::new(places.try_into().unwrap_or(usize::MAX));
    loop {
        let (tcp, _) = listener.accept().await;
        let admin = admin.clone();
        let connection = |spoke: Spoke| async move {
            let service = service_fn(|request| {
                spoke.now();
                let admin = admin.clone();
                async move { Ok::<_, Infallible>(admin.answer(request).await) }
            });
            let outcome = match timeout(PATIENCE, expect_http1(tcp)).await {
                Ok(Ok(io)) => {
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(PATIENCE)
                        .max_buf_size(MAX_HEAD)
                        .serve_connection(TokioIo::new(io), service);
                    connection.await.map_err(|reason| reason.to_string())
                }
                Ok(Err(reason)) => Err(reason.to_string()),
                Err(reason) => Err(reason.to_string()),
            };
            if let Err(reason) = outcome {
                debug!("Admin connection closed: {reason}");
            }
        };
        slots.run(connection).await;
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<String> {
        // hyper leaves the body of an answer to HEAD away.
        const GET: [Method; 2] = [Method::GET, Method::HEAD];
        let (head, body) = request.into_parts();
        let reads = GET.contains(&head.method);
        match head.uri.path() {
            "/livez" if reads => self.alive(),
            "/readyz" if reads => self.ready(),
            "/metrics" if reads => self.scrape().await,
            "/loglevel" if reads => level(),
            "/loglevel" if head.method == Method::PUT => set_level(body).await,
            "/loglevel" => not_allowed("GET, HEAD, PUT"),
            "/livez" | "/readyz" | "/metrics" => not_allowed("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, ""),
        }
    }

    fn alive(&self) -> Response<String> {
        match self.stuck() {
            None => text(StatusCode::OK, "alive\n"),
            Some(stuck) => text(StatusCode::SERVICE_UNAVAILABLE, stuck),
        }
    }

    fn ready(&self) -> Response<String> {
        if let Some(stuck) = self.stuck() {
            return text(StatusCode::SERVICE_UNAVAILABLE, stuck);
        }
        let state = self.lifecycle.state();
        let unmet = self.lifecycle.unmet();
        let unmet = unmet.borrow();
        match state {
            State::Running if unmet.is_empty() => text(StatusCode::OK, format!("{state}\n")),
            State::Running => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{state}, but not ready: {}\n", *unmet),
            ),
            _ => text(StatusCode::SERVICE_UNAVAILABLE, format!("{state}\n")),
        }
    }

    /// What to say where RPCs make no progress, any of them.
    fn stuck(&self) -> Option<String> {
        let silence = self.pulse.silence();
        let seconds = silence.as_secs();
        (silence >= STUCK).then(|| format!("stuck: no thread has been free for {seconds} s\n"))
    }

    async fn scrape(&self) -> Response<String> {
        // Fails only where the semaphore is closed, which it never is.
        let _turn = self.turn.acquire().await;
        let metrics = self.metrics.clone();
        // It takes longer than a probe may have to wait.
        match spawn_blocking(move || metrics.encode()).await {
            Ok(Ok(metrics)) => with(CONTENT_TYPE, OPENMETRICS, text(StatusCode::OK, metrics)),
            _ => text(StatusCode::INTERNAL_SERVER_ERROR, ""),
        }
    }
}

fn level() -> Response<String> {
    text(StatusCode::OK, format!("{}\n", log::level() as u8))
}

async fn set_level(body: Incoming) -> Response<String> {
    let body = Limited::new(body, MAX_BODY).collect();
    let Ok(body) = timeout(PATIENCE, body).await else {
        return text(StatusCode::REQUEST_TIMEOUT, "too slow\n");
    };
    let body = body.map(Collected::to_bytes).unwrap_or_default();
    let wanted = str::from_utf8(body.trim_ascii()).unwrap_or_default();
    match wanted.parse::<LogLevel>() {
        Ok(wanted) => {
            log::set_level(wanted);
            level()
        }
        Err(error) => text(StatusCode::BAD_REQUEST, format!("{error}, please\n")),
    }
}

fn not_allowed(methods: &'static str) -> Response<String> {
    with(ALLOW, methods, text(StatusCode::METHOD_NOT_ALLOWED, ""))
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<String> {
    let mut response = with(CONTENT_TYPE, TEXT, Response::new(text.into()));
    *response.status_mut() = status;
    response
}

fn with(
    header: HeaderName,
    value: &'static str,
    mut response: Response<String>,
) -> Response<String> {
    let value = HeaderValue::from_static(value);
    response.headers_mut().insert(header, value);
    response
}
