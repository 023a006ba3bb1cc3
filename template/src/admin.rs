//! The admin port: plain HTTP for orchestrators, Prometheus and operators. To
//! be reached by them only; it has no TLS.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequest, Request, State as Shared},
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::debug;

use crate::{
    lifecycle::State,
    listener::Listener,
    telemetry::{log, metrics::Metrics},
};

/// Connections at a time; half of the files that are kept for such.
const MAX_CONNECTIONS: usize = 16;

/// Time to send the head of a request, then its body; and to be idle between two.
const PATIENCE: Duration = Duration::from_secs(10);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Lifecycle = watch::Receiver<State>;

/// Serves the endpoints for ever.
pub(crate) async fn serve(listener: Listener, lifecycle: Lifecycle, metrics: Arc<Metrics>) {
    let router = Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(lifecycle))
        .route("/metrics", get(scrape).with_state(metrics))
        .route("/loglevel", get(level).put(set_level));
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = permits.clone().acquire_owned().await;
        let (tcp, _) = listener.accept().await;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(tcp), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            if let Err(reason) = connection.await {
                debug!("Admin connection closed: {reason}");
            }
            drop(permit);
        });
    }
}

async fn ready(Shared(lifecycle): Shared<Lifecycle>) -> impl IntoResponse {
    let state = *lifecycle.borrow();
    let status = match state {
        State::Running => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{state}\n"))
}

async fn scrape(Shared(metrics): Shared<Arc<Metrics>>) -> impl IntoResponse {
    match metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn level() -> String {
    format!("{}\n", log::level() as u8)
}

async fn set_level(request: Request) -> Result<String, (StatusCode, &'static str)> {
    let body = timeout(PATIENCE, String::from_request(request, &())).await;
    let body = body.map_err(|_| (StatusCode::REQUEST_TIMEOUT, "too slow\n"))?;
    let number = body.ok().and_then(|body| body.trim().parse().ok());
    let number: u8 = number
        .filter(|number| *number <= 5)
        .ok_or((StatusCode::BAD_REQUEST, "a number from 0 to 5, please\n"))?;
    log::set_level(number.into());
    Ok(level().await)
}
