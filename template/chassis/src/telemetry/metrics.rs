//! What Prometheus is told. Names follow gRPC-Prometheus and OpenMetrics; all
//! labels are known up front, so that no client can make up new ones.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::UNIX_EPOCH,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::{Registry, Unit},
};
use tokio::sync::watch;

use super::{methods::Families, process::Process};
use crate::{about::About, tls::Identity};

/// The metrics of one service.
#[derive(Default)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    /// The RPCs that it serves.
    pub(crate) served: Families,
    /// The calls that it makes.
    pub(crate) called: Families,
    open: Gauge,
    accepted: Counter,
    rejected: Family<[(&'static str, &'static str); 1], Counter>,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    denied: Family<[(&'static str, &'static str); 1], Counter>,
}

/// A connection that is open; dropped when it closes.
pub(crate) struct Open(Gauge);

impl Metrics {
    /// Those of the service that `about` tells of; its connections may come to be
    /// rejected for the first of these reasons, its RPCs to be refused for the next, and
    /// their callers not to be let in for the last.
    pub(crate) fn new(
        about: &About,
        rejected: &[&'static str],
        refused: &[&'static str],
        denied: &[&'static str],
    ) -> Self {
        let metrics = Self::default();
        let mut registry = metrics.registry();
        let build = [
            ("version", about.version),
            ("revision", about.revision.unwrap_or_default()),
        ];
        registry.register("build", "What is running", Info::new(build));
        registry.register_collector(Box::new(Process::new()));
        let grpc = registry.sub_registry_with_prefix("grpc_server");
        let until = "Time from the request's headers to the response's end";
        metrics.served.register(grpc, "RPCs", until);
        for reason in refused {
            metrics.refused.get_or_create_owned(&[("reason", *reason)]);
        }
        let help = "Requests that were not as the protocol wants them";
        grpc.register("refused", help, metrics.refused.clone());
        for reason in denied {
            metrics.denied.get_or_create_owned(&[("reason", *reason)]);
        }
        let help = "RPCs whose caller was not let in";
        grpc.register("denied", help, metrics.denied.clone());
        let grpc = registry.sub_registry_with_prefix("grpc_client");
        let until = "Time from the call, with all its attempts, to the response's end";
        metrics.called.register(grpc, "Calls", until);
        let grpc = registry.sub_registry_with_prefix("grpc_server_connections");
        grpc.register("open", "Connections open", metrics.open.clone());
        grpc.register("accepted", "Connections accepted", metrics.accepted.clone());
        for reason in rejected {
            metrics.rejected.get_or_create_owned(&[("reason", *reason)]);
        }
        let help = "Connections closed because they never came to speak HTTP/2";
        grpc.register("rejected", help, metrics.rejected.clone());
        drop(registry);
        metrics
    }

    /// Tells when the certificate of `identity` expires.
    pub(crate) fn certificate(&self, identity: watch::Receiver<Identity>) {
        let certificate = Box::new(Certificate(identity));
        self.registry().register_collector(certificate);
    }

    /// Counts a connection.
    pub(crate) fn accepted(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    /// Counts a connection that never came to speak HTTP/2.
    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts a request that no handler saw, since it was not as the protocol wants it.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// Counts an RPC whose caller was not let in.
    pub(crate) fn denied(&self, reason: &'static str) {
        self.denied.get_or_create(&[("reason", reason)]).inc();
    }

    /// All of them, as OpenMetrics text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry()).map(|()| text)
    }

    /// Where they are registered.
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Reads what is in use at the time of each scrape.
#[derive(Debug)]
struct Certificate(watch::Receiver<Identity>);

impl Collector for Certificate {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let expires = self.0.borrow().expires.duration_since(UNIX_EPOCH);
        let gauge = ConstGauge::new(expires.unwrap_or_default().as_secs());
        gauge.encode(encoder.encode_descriptor(
            "tls_certificate_expiration_timestamp",
            "When the TLS certificate in use expires, in Unix time",
            Some(&Unit::Seconds),
            gauge.metric_type(),
        )?)
    }
}
