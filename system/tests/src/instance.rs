//! One instance of a service, and whether it takes calls. As gRPC clients do that heed health (gRFC
//! A17), a caller leaves an instance alone from when it says that it drains until it serves again.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::connection::Connection;

/// An instance, connected to whenever that can be.
pub struct Instance {
    /// `inventory-1`, say.
    pub name: String,
    serving: watch::Receiver<Option<Connection>>,
}

impl Instance {
    /// Connects to the one at `address`, now and whenever the connection is lost.
    #[must_use]
    pub fn new(name: String, address: String) -> Self {
        let (sender, serving) = watch::channel(None);
        tokio::spawn(async move {
            tokio::select! {
                () = keep_up(&address, &sender) => {}
                () = sender.closed() => {}
            }
        });
        Self { name, serving }
    }

    /// The connection, while it takes calls.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        let connection = self.serving.borrow();
        connection.as_ref().filter(|it| !it.is_closed()).cloned()
    }

    /// The connection, as soon as it takes calls.
    pub fn ready(&self, within: Duration) -> impl Future<Output = Option<Connection>> + use<> {
        let mut serving = self.serving.clone();
        async move {
            let ready = timeout(within, serving.wait_for(Option::is_some)).await;
            ready.ok()?.ok()?.clone()
        }
    }
}

async fn keep_up(address: &str, serving: &watch::Sender<Option<Connection>>) {
    loop {
        if let Ok(connection) = Connection::open(address).await {
            follow(&connection, serving).await;
        }
        serving.send_replace(None);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Tells what the instance says of itself, until it is gone.
async fn follow(connection: &Connection, serving: &watch::Sender<Option<Connection>>) {
    let unlimited = connection.clone().with_deadline(Duration::ZERO);
    let mut health = HealthClient::new(unlimited);
    let Ok(watched) = health.watch(HealthCheckRequest::default()).await else {
        return;
    };
    let mut watched = watched.into_inner();
    while let Ok(Some(health)) = watched.message().await {
        let serves = health.status() == ServingStatus::Serving;
        serving.send_replace(serves.then(|| connection.clone()));
    }
}
