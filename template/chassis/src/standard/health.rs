//! The gRPC health service (grpc.health.v1).

use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// Reports on `services`, and on the server as a whole, which is named "" by
/// the health checking protocol.
pub(crate) struct Health {
    reporter: HealthReporter,
    services: Vec<&'static str>,
}

impl Health {
    pub(crate) fn new(mut services: Vec<&'static str>) -> Self {
        services.push("");
        Self {
            reporter: HealthReporter::new(),
            services,
        }
    }

    /// The service to be added to the routes.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }

    /// Tells whoever asks, or watches, whether RPCs are welcome.
    pub(crate) async fn report(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in &self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Ends the clients' `Watch` streams, which would hold up the drain.
    pub(crate) async fn end(mut self) {
        for service in &self.services {
            self.reporter.clear_service_status(service).await;
        }
    }
}
