//! What a service that starts has the chassis do for it.

use std::sync::Arc;

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

    /// A condition that the service is ready only while it is met: see
    /// [`Lifecycle::ready_while`].
    #[must_use]
    pub fn ready_while(&self, what: impl Into<String>) -> Condition {
        self.lifecycle.ready_while(what)
    }
}
