//! Which services there are, and where: what `make` tells in `SYSTEM_ADDRESSES`.

use std::{
    collections::BTreeMap,
    env,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{call::Call, calls::calls, connection::Connection, instance::Instance};

/// The running system.
pub struct System {
    services: BTreeMap<String, Vec<Instance>>,
    turn: AtomicUsize,
}

impl System {
    /// The one at `SYSTEM_ADDRESSES`, `name=host:port,host:port` for each service.
    ///
    /// # Panics
    ///
    /// If that is not set, or something else.
    #[must_use]
    pub fn from_env() -> Self {
        let addresses = env::var("SYSTEM_ADDRESSES")
            .expect("SYSTEM_ADDRESSES says where the services are: make test sets it");
        let service = |entry: &str| {
            let (name, addresses) = entry.split_once('=').expect("name=host:port,…");
            let instance = |(at, address): (usize, &str)| {
                Instance::new(format!("{name}-{}", at + 1), address.into())
            };
            let instances = addresses.split(',').enumerate().map(instance).collect();
            (name.to_owned(), instances)
        };
        Self {
            services: addresses.split_whitespace().map(service).collect(),
            turn: AtomicUsize::default(),
        }
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &[Instance])> {
        self.services
            .iter()
            .map(|(name, instances)| (&**name, &**instances))
    }

    /// The instances of one service.
    ///
    /// # Panics
    ///
    /// If there is none of this name.
    #[must_use]
    pub fn instances(&self, service: &str) -> &[Instance] {
        let names = || self.services.keys().collect::<Vec<_>>();
        self.services
            .get(service)
            .unwrap_or_else(|| panic!("calls.rs names {service}, and the system has {:?}", names()))
    }

    /// What users ask, and the health of every service.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let health = self.services.keys().map(|service| Call::health(service));
        calls().into_iter().chain(health).collect()
    }

    /// A connection to one of `service`, to each in turn that takes calls; waits a second for any of them.
    pub async fn connection(&self, service: &str) -> Option<Connection> {
        let instances = self.instances(service);
        let first = self.turn.fetch_add(1, Relaxed);
        let in_turn = || (0..instances.len()).map(|at| &instances[(first + at) % instances.len()]);
        if let Some(connection) = in_turn().find_map(Instance::connection) {
            return Some(connection);
        }
        let all = in_turn().map(|instance| instance.ready(Duration::from_secs(1)));
        let mut all: JoinSet<_> = all.collect();
        while let Some(ready) = all.join_next().await {
            if let Ok(Some(connection)) = ready {
                return Some(connection);
            }
        }
        None
    }
}
