//! The gRPC health service (grpc.health.v1), as its protocol has it:
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>. All services of
//! one process are well, or none.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::sync::watch;
use tonic::{
    Request, Response, Status,
    codegen::{BoxFuture, tokio_stream::Stream},
};

use super::pb::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus,
    health_server::{self, HealthServer},
};

/// Reports on `services`, and on the server as a whole, which is named "" by
/// the health checking protocol.
pub(crate) struct Health {
    status: watch::Sender<ServingStatus>,
    services: Arc<[&'static str]>,
}

/// What answers. It ends its streams when the [`Health`] that it comes from is gone.
#[derive(Clone)]
pub(crate) struct HealthService {
    status: watch::Receiver<ServingStatus>,
    services: Arc<[&'static str]>,
}

impl Health {
    pub(crate) fn new(mut services: Vec<&'static str>) -> Self {
        services.push("");
        Self {
            status: watch::Sender::new(ServingStatus::NotServing),
            services: services.into(),
        }
    }

    /// The service to be added to the routes.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService {
            status: self.status.subscribe(),
            services: self.services.clone(),
        })
    }

    /// Tells whoever asks, or watches, whether RPCs are welcome.
    pub(crate) fn report(&self, serving: bool) {
        let now = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.status
            .send_if_modified(|status| mem::replace(status, now) != now);
    }

    /// Ends the clients' `Watch` streams, which would hold up the drain.
    pub(crate) fn end(self) {
        drop(self.status);
    }
}

impl HealthService {
    fn knows(&self, service: &str) -> bool {
        self.services.contains(&service)
    }

    fn status(&self) -> HealthCheckResponse {
        response(*self.status.borrow())
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl health_server::Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if self.knows(&request.get_ref().service) {
            Ok(Response::new(self.status()))
        } else {
            Err(Status::not_found("unknown service"))
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let services = self.services.iter();
        let statuses = services.map(|name| ((*name).into(), self.status()));
        Ok(Response::new(HealthListResponse {
            statuses: statuses.collect(),
        }))
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        let mut status = self.status.clone();
        status.mark_changed();
        Ok(Response::new(Watch {
            known: self.knows(&request.get_ref().service),
            next: Box::pin(changed(status)),
        }))
    }
}

/// The status of one service, now and whenever it changes.
pub(crate) struct Watch {
    known: bool,
    next: BoxFuture<watch::Receiver<ServingStatus>, watch::error::RecvError>,
}

/// `status`, when it has changed; an error when it never will again.
async fn changed(
    mut status: watch::Receiver<ServingStatus>,
) -> Result<watch::Receiver<ServingStatus>, watch::error::RecvError> {
    status.changed().await?;
    Ok(status)
}

/// Never more than the error.
async fn ended(
    mut status: watch::Receiver<ServingStatus>,
) -> Result<watch::Receiver<ServingStatus>, watch::error::RecvError> {
    loop {
        status.changed().await?;
    }
}

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Ok(mut status) = ready!(this.next.as_mut().poll(cx)) else {
            return Poll::Ready(None);
        };
        let mut now = *status.borrow_and_update();
        this.next = if this.known {
            Box::pin(changed(status))
        } else {
            // What is served does not change while the process runs.
            now = ServingStatus::ServiceUnknown;
            Box::pin(ended(status))
        };
        Poll::Ready(Some(Ok(response(now))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use health_server::Health as _;

    use super::*;

    async fn watching(health: &Health, service: &str) -> Watch {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let service = HealthService {
            status: health.status.subscribe(),
            services: health.services.clone(),
        };
        service
            .watch(Request::new(request))
            .await
            .unwrap()
            .into_inner()
    }

    async fn seen(watch: &mut Watch) -> Option<ServingStatus> {
        let status = poll_fn(|cx| Pin::new(&mut *watch).poll_next(cx)).await?;
        Some(status.unwrap().status())
    }

    #[tokio::test]
    async fn a_watch_tells_the_status_and_its_changes_and_ends_with_the_health() {
        let health = Health::new(vec!["a.B"]);
        let mut watch = watching(&health, "a.B").await;
        assert_eq!(seen(&mut watch).await, Some(ServingStatus::NotServing));
        health.report(true);
        assert_eq!(seen(&mut watch).await, Some(ServingStatus::Serving));
        health.report(true);
        health.report(false);
        assert_eq!(seen(&mut watch).await, Some(ServingStatus::NotServing));
        health.end();
        assert_eq!(seen(&mut watch).await, None);
    }

    #[tokio::test]
    async fn who_is_unknown_is_told_so_once() {
        let health = Health::new(vec!["a.B"]);
        let mut watch = watching(&health, "a.C").await;
        assert_eq!(seen(&mut watch).await, Some(ServingStatus::ServiceUnknown));
        health.report(true);
        let more = poll_fn(|cx| Poll::Ready(Pin::new(&mut watch).poll_next(cx)));
        assert!(more.await.is_pending());
        health.end();
        assert_eq!(seen(&mut watch).await, None);
    }
}
