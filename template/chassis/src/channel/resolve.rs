//! From the name of a service to the addresses of its instances.

use std::{io, net::SocketAddr};

/// Finds the addresses of a service.
#[tonic::async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses behind `host` now. It is asked again and again.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the system: `/etc/hosts`, DNS. The name of a headless Kubernetes
/// Service stands for all its ready pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dns;

#[tonic::async_trait]
impl Resolve for Dns {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}
