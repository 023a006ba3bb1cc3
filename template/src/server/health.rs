//! The gRPC health service (grpc.health.v1): SERVING while the state is Running.

use tokio::sync::watch;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::connection::Phase;
use crate::lifecycle::State;

/// Reports the state of `services`, and of the server as a whole, which is
/// named "" by the health checking protocol.
pub(super) struct Health {
    reporter: HealthReporter,
    services: Vec<String>,
}

impl Health {
    /// Reports NOT_SERVING until [`Health::follow`] says otherwise.
    pub(super) async fn new(services: Vec<String>) -> Self {
        let health = Self {
            reporter: HealthReporter::new(),
            services: services.into_iter().chain([String::new()]).collect(),
        };
        health.report(ServingStatus::NotServing).await;
        health
    }

    /// The service to be added to the routes.
    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Reports `state` at every change of it. Once the drain has begun, ends
    /// the clients' `Watch` streams, which would hold it up.
    pub(super) async fn follow(
        mut self,
        mut state: watch::Receiver<State>,
        mut phase: watch::Receiver<Phase>,
    ) {
        loop {
            let status = match *state.borrow_and_update() {
                State::Running => ServingStatus::Serving,
                _ => ServingStatus::NotServing,
            };
            self.report(status).await;
            tokio::select! {
                _ = state.changed() => {}
                _ = phase.wait_for(|phase| *phase != Phase::Serve) => break,
            }
        }
        for service in &self.services {
            self.reporter.clear_service_status(service).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for service in &self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }
}
