//! What Prometheus is told. Names follow gRPC-Prometheus and OpenMetrics; all
//! labels are known up front, so that no client can make up new ones.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::UNIX_EPOCH,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};
use prost::Message;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tokio::sync::watch;
use tonic::Code;

use super::process::Process;
use crate::tls::Identity;

/// Prometheus' default buckets, two below for answers that need no IO, and one
/// at the default of `--request-timeout`.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The number of gRPC's status codes, from OK to UNAUTHENTICATED.
const CODES: usize = 17;

/// The git revision that this was built from, if the build said so.
const REVISION: Option<&str> = option_env!("REVISION");

type Labels<const N: usize> = [(&'static str, String); N];

/// The metrics of one server.
#[derive(Default)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    open: Gauge,
    accepted: Counter,
    rejected: Family<[(&'static str, &'static str); 1], Counter>,
}

/// A connection that is open; dropped when it closes.
pub(crate) struct Open(Gauge);

/// The RPCs of one server, sorted by path, and last those of no known method.
pub(crate) struct Methods {
    known: Vec<Arc<Method>>,
    unknown: Arc<Method>,
}

/// One method, its counters at hand.
pub(crate) struct Method {
    /// `/package.Service/Method`; empty for the unknown.
    pub(crate) path: String,
    pub(crate) started: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) handled: [Counter; CODES],
    pub(crate) seconds: Histogram,
}

impl Metrics {
    /// None counted yet; connections may come to be rejected for `reasons`.
    pub(crate) fn new(reasons: &[&'static str]) -> Self {
        let metrics = Self::default();
        let mut registry = metrics.registry();
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", REVISION.unwrap_or_default()),
        ];
        registry.register("build", "What is running", Info::new(build));
        registry.register_collector(Box::new(Process::new()));
        let grpc = registry.sub_registry_with_prefix("grpc_server_connections");
        grpc.register("open", "Connections open", metrics.open.clone());
        grpc.register("accepted", "Connections accepted", metrics.accepted.clone());
        for reason in reasons {
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

    /// Counts the RPCs of the contracts in `descriptors`, from now on.
    pub(crate) fn methods(&self, descriptors: &[&[u8]]) -> Methods {
        let started = Family::<Labels<3>, Counter>::default();
        let in_flight = Family::<Labels<3>, Gauge>::default();
        let handled = Family::<Labels<4>, Counter>::default();
        let seconds = Family::<Labels<3>, _>::new_with_constructor(|| Histogram::new(BUCKETS));
        let method = |service: &str, method: &str, kind: &str| {
            let labels = [
                ("grpc_service", service.into()),
                ("grpc_method", method.into()),
                ("grpc_type", kind.into()),
            ];
            Method {
                path: format!("/{service}/{method}"),
                started: started.get_or_create_owned(&labels),
                in_flight: in_flight.get_or_create_owned(&labels),
                seconds: seconds.get_or_create_owned(&labels),
                handled: std::array::from_fn(|code| {
                    let [service, method, kind] = labels.clone();
                    let code = ("grpc_code", name(code));
                    handled.get_or_create_owned(&[service, method, kind, code])
                }),
            }
        };
        let mut known = Vec::new();
        for descriptors in descriptors {
            let files = FileDescriptorSet::decode(*descriptors).unwrap_or_default();
            for file in &files.file {
                for service in &file.service {
                    let name = format!("{}.{}", file.package(), service.name());
                    known.extend(
                        service
                            .method
                            .iter()
                            .map(|of| method(&name, of.name(), kind(of))),
                    );
                }
            }
        }
        known.sort_by(|a, b| a.path.cmp(&b.path));
        let unknown = Method {
            path: String::new(),
            ..method("unknown", "unknown", "unknown")
        };

        let mut registry = self.registry();
        let grpc = registry.sub_registry_with_prefix("grpc_server");
        grpc.register("started", "RPCs started", started);
        grpc.register("in_flight", "RPCs in flight", in_flight);
        grpc.register("handled", "RPCs ended, by status code", handled);
        let until = "Time from the request's headers to the response's end";
        grpc.register_with_unit("handling", until, Unit::Seconds, seconds);
        Methods {
            known: known.into_iter().map(Arc::new).collect(),
            unknown: Arc::new(unknown),
        }
    }

    /// All of them, as OpenMetrics text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry()).map(|()| text)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
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

impl Methods {
    /// The method of `path`, or the one that stands for all unknown ones.
    pub(crate) fn find(&self, path: &str) -> &Arc<Method> {
        let found = self
            .known
            .binary_search_by(|method| method.path.as_str().cmp(path));
        found.map_or(&self.unknown, |at| &self.known[at])
    }
}

/// The name of a status code as gRPC-Prometheus spells it.
fn name(code: usize) -> String {
    match Code::from(i32::try_from(code).unwrap_or_default()) {
        Code::Ok => "OK".into(),
        Code::Cancelled => "Canceled".into(),
        code => format!("{code:?}"),
    }
}

fn kind(method: &MethodDescriptorProto) -> &'static str {
    match (method.client_streaming(), method.server_streaming()) {
        (false, false) => "unary",
        (true, false) => "client_stream",
        (false, true) => "server_stream",
        (true, true) => "bidi_stream",
    }
}
