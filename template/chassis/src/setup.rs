//! What a service that starts has the chassis do for it.

use std::{fmt::Display, future::Future, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tracing::info;

use crate::{
    channel::{self, Channel, Dns, Resolve},
    lifecycle::{Condition, Lifecycle},
    tasks::Tasks,
    telemetry::metrics::Metrics,
};

/// What the chassis has for a service that starts.
pub struct Setup {
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
}

impl Setup {
    pub(crate) fn new(metrics: Arc<Metrics>, lifecycle: Lifecycle) -> Self {
        Self { metrics, lifecycle }
    }

    /// Connects to another service, as [`Channel::connect`] does, and has the
    /// calls of it counted among the metrics of this one. Where `settings` say to
    /// wait, this one is not ready until the other answers.
    pub async fn connect(
        &self,
        settings: &channel::Settings,
        descriptors: &[u8],
    ) -> Result<Channel, channel::Error> {
        self.connect_with(settings, descriptors, Dns).await
    }

    /// The same, with the addresses that `resolver` finds.
    pub async fn connect_with(
        &self,
        settings: &channel::Settings,
        descriptors: &[u8],
        resolver: impl Resolve + 'static,
    ) -> Result<Channel, channel::Error> {
        let (address, families) = (settings.address(), &self.metrics.called);
        let answers = settings.wait.then(|| self.ready_while(&*address));
        let resolver = Box::new(resolver);
        let channel = Channel::new(settings, descriptors, resolver, families, answers).await?;
        if !settings.wait {
            info!("Successfully connected to {address}!");
        }
        Ok(channel)
    }

    /// Work beside RPCs, and how it learns that the service stops.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        self.lifecycle.tasks()
    }

    /// Registers metrics of the service's own, which `/metrics` then tells beside those of
    /// the chassis. Their names should begin with that of the service.
    ///
    /// ```
    /// use chassis::prometheus_client::{
    ///     metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    ///     registry::Registry,
    /// };
    ///
    /// #[derive(Clone)]
    /// struct Orders {
    ///     taken: Family<[(&'static str, &'static str); 1], Counter>,
    ///     waiting: Gauge,
    ///     items: Histogram,
    /// }
    ///
    /// impl Orders {
    ///     fn register(registry: &mut Registry) -> Self {
    ///         let orders = Self {
    ///             taken: Family::default(),
    ///             waiting: Gauge::default(),
    ///             items: Histogram::new([1.0, 2.0, 5.0, 10.0, 100.0]),
    ///         };
    ///         let registry = registry.sub_registry_with_prefix("shop_orders");
    ///         registry.register("taken", "Orders taken, by country", orders.taken.clone());
    ///         registry.register("waiting", "Orders to be shipped", orders.waiting.clone());
    ///         registry.register("items", "Items of an order", orders.items.clone());
    ///         orders
    ///     }
    /// }
    ///
    /// /// In `App::start`:
    /// fn start(setup: &chassis::Setup) -> Orders {
    ///     setup.metrics(Orders::register)
    /// }
    ///
    /// # let mut registry = Registry::default();
    /// # let orders = Orders::register(&mut registry);
    /// // And where an order is taken:
    /// orders.taken.get_or_create(&[("country", "NZ")]).inc();
    /// orders.waiting.inc();
    /// orders.items.observe(3.0);
    /// # let mut text = String::new();
    /// # chassis::prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    /// # assert!(text.contains("shop_orders_taken_total{country=\"NZ\"} 1\n"), "{text}");
    /// ```
    pub fn metrics<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.metrics.registry())
    }

    /// A condition that is met as long as `probe` says so, which is asked so often, and
    /// has as much time to answer. While it isn't, `/readyz` and the log tell the reason.
    ///
    /// ```
    /// use std::{net::SocketAddr, time::Duration};
    ///
    /// use tokio::net::TcpStream;
    ///
    /// /// In `App::start`: ready only while the database answers.
    /// fn start(setup: &chassis::Setup, database: SocketAddr) {
    ///     setup.readiness_probe("the database", Duration::from_secs(5), move || async move {
    ///         TcpStream::connect(database).await.map(drop)
    ///     });
    /// }
    /// ```
    pub fn readiness_probe<F, E>(
        &self,
        what: impl Into<String>,
        interval: Duration,
        probe: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + 'static,
    {
        let what = what.into();
        let following = self.ready_while(&*what).follow(interval, probe);
        let stopping = self.tasks().stopping();
        let name = format!("readiness probe of {what}");
        self.tasks().spawn(name, async move {
            stopping.run_until_cancelled(following).await;
        });
    }

    /// A condition that the service is ready only while it is met: see
    /// [`Lifecycle::ready_while`].
    #[must_use]
    pub fn ready_while(&self, what: impl Into<String>) -> Condition {
        self.lifecycle.ready_while(what)
    }
}
