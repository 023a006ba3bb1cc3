//! What Prometheus is told of methods, those that are served and those that are
//! called. Names follow gRPC-Prometheus; all labels are known up front, so that no
//! peer can make up new ones.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::Instant;
use tonic::Code;

use crate::contract;

/// Prometheus' default buckets, two below for answers that need no IO, and one
/// at the default of `--request-timeout`.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The number of gRPC's status codes, from OK to UNAUTHENTICATED.
const CODES: usize = 17;

type Labels<const N: usize> = [(&'static str, String); N];

/// The metrics of methods, each a family with a member for each method.
#[derive(Clone)]
pub(crate) struct Families {
    started: Family<Labels<3>, Counter>,
    in_flight: Family<Labels<3>, Gauge>,
    handled: Family<Labels<4>, Counter>,
    seconds: Family<Labels<3>, Histogram, fn() -> Histogram>,
}

/// Methods, sorted by path, and last the one that stands for all unknown ones.
pub(crate) struct Methods {
    known: Vec<Arc<MethodMetrics>>,
    unknown: Arc<MethodMetrics>,
}

/// One method, its counters at hand.
pub(crate) struct MethodMetrics {
    /// `/package.Service/Method`; empty for the unknown.
    pub(crate) path: String,
    /// What its contract says; nothing of the unknown.
    pub(crate) contract: Option<contract::MethodDescriptor>,
    started: Counter,
    in_flight: Gauge,
    handled: [Counter; CODES],
    seconds: Histogram,
}

/// An RPC in flight: counted when it starts, and at its end, when it is dropped.
pub(crate) struct InFlight {
    pub(crate) method: Arc<MethodMetrics>,
    started: Instant,
    /// How it ended. Dropped before that is known, its caller has gone away.
    pub(crate) code: Option<Code>,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            started: Family::default(),
            in_flight: Family::default(),
            handled: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl Families {
    /// Has `registry` tell of them, as of so many `rpcs` that took `until`.
    pub(super) fn register(&self, registry: &mut Registry, rpcs: &str, until: &str) {
        registry.register("started", format!("{rpcs} started"), self.started.clone());
        let in_flight = self.in_flight.clone();
        registry.register("in_flight", format!("{rpcs} in flight"), in_flight);
        let ended = format!("{rpcs} ended, by status code");
        registry.register("handled", ended, self.handled.clone());
        registry.register_with_unit("handling", until, Unit::Seconds, self.seconds.clone());
    }

    /// Counts the RPCs of `methods` and of unknown ones, from now on.
    pub(crate) fn methods(
        &self,
        methods: impl IntoIterator<Item = contract::MethodDescriptor>,
    ) -> Methods {
        let known = methods.into_iter().map(|method| {
            let labels = [&*method.service, &*method.name, method.shape.label()];
            let path = format!("/{}/{}", method.service, method.name);
            self.method(path, labels.map(String::from), Some(method))
        });
        let mut known: Vec<_> = known.map(Arc::new).collect();
        known.sort_by(|a, b| a.path.cmp(&b.path));
        known.dedup_by(|a, b| a.path == b.path);
        let unknown = ["unknown"; 3].map(String::from);
        Methods {
            known,
            unknown: Arc::new(self.method(String::new(), unknown, None)),
        }
    }

    fn method(
        &self,
        path: String,
        [service, method, shape]: [String; 3],
        contract: Option<contract::MethodDescriptor>,
    ) -> MethodMetrics {
        let labels = [
            ("grpc_service", service),
            ("grpc_method", method),
            ("grpc_type", shape),
        ];
        MethodMetrics {
            path,
            contract,
            started: self.started.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            seconds: self.seconds.get_or_create_owned(&labels),
            handled: std::array::from_fn(|code| {
                let [service, method, shape] = labels.clone();
                let code = ("grpc_code", name(code));
                let labels = [service, method, shape, code];
                self.handled.get_or_create_owned(&labels)
            }),
        }
    }
}

impl Methods {
    /// The method of `path`, or the one that stands for all unknown ones.
    pub(crate) fn find(&self, path: &str) -> &Arc<MethodMetrics> {
        let found = self
            .known
            .binary_search_by(|method| method.path.as_str().cmp(path));
        found.map_or(&self.unknown, |at| &self.known[at])
    }

    /// Whether there is a method of this path, or one of the service whose path it is.
    pub(crate) fn any_begins_with(&self, path: &str) -> bool {
        let is_service = path.ends_with('/');
        let mut known = self.known.iter().map(|method| method.path.as_str());
        known.any(|known| known == path || is_service && known.starts_with(path))
    }
}

impl InFlight {
    /// Counts an RPC of `method` that started at that time.
    pub(crate) fn start(method: &Arc<MethodMetrics>, started: Instant) -> Self {
        method.started.inc();
        method.in_flight.inc();
        Self {
            method: method.clone(),
            started,
            code: None,
        }
    }

    /// How it ended.
    pub(crate) fn end(&self) -> Code {
        self.code.unwrap_or(Code::Cancelled)
    }

    /// How long it has taken so far.
    pub(crate) fn duration(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.method.in_flight.dec();
        self.method.handled[self.end() as usize].inc();
        let seconds = self.duration().as_secs_f64();
        self.method.seconds.observe(seconds);
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
