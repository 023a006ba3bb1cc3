//! The admin port: plain HTTP/1.1 for orchestrators, Prometheus and operators. To
//! be reached by them only; it has no TLS.

use std::{convert::Infallible, str, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Collected, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tracing::debug;

use crate::{
    http1_only::expect_http1,
    lifecycle::{Lifecycle, State},
    listener::{self, Listener},
    slots::{Slots, Spoke},
    telemetry::{level::LogLevel, log, metrics::Metrics},
    turns::Turns,
};

/// Bytes of a request's head: those of a browser have some 2 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// Time to send the head of a request, then its body; and to be idle between two.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a request's body; the longest that means anything is the name of a level.
const MAX_BODY: usize = 1024;

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Admin {
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
    /// For scrapes, which take longer than a probe may have to wait.
    turns: Turns,
}

/// Connections at a time, where so many files may be open. A new one takes the place of the
/// one that has been silent for longest, since a kubelet waits 1 s for its answer.
// 256: of a thousand that are new all the time, the last has its turn within 100 ms.
pub(crate) fn max_connections(files: u64) -> u64 {
    (files / 8).clamp(16, 256)
}

/// Serves the endpoints for ever.
pub(crate) async fn serve(listener: Listener, lifecycle: Lifecycle, metrics: Arc<Metrics>) {
    let admin = Arc::new(Admin {
        lifecycle,
        metrics,
        turns: Turns::new(1),
    });
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
            "/livez" if reads => text(StatusCode::OK, "alive\n"),
            "/readyz" if reads => self.ready(),
            "/metrics" if reads => self.turns.run(async { self.scrape() }).await,
            "/loglevel" if reads => level(),
            "/loglevel" if head.method == Method::PUT => set_level(body).await,
            "/loglevel" => not_allowed("GET, HEAD, PUT"),
            "/livez" | "/readyz" | "/metrics" => not_allowed("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, ""),
        }
    }

    fn ready(&self) -> Response<String> {
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

    fn scrape(&self) -> Response<String> {
        let Ok(metrics) = self.metrics.encode() else {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "");
        };
        with(CONTENT_TYPE, OPENMETRICS, text(StatusCode::OK, metrics))
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
