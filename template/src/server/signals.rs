//! The signals that end the process.

use std::{future::Future, process};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::Error;

/// Who asked the service to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shutdown {
    /// An orchestrator, by SIGTERM: load balancers need time to look away.
    Orchestrator,
    /// Somebody at a terminal, by SIGINT: nobody to wait for.
    Terminal,
}

/// Resolves at the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// Listens from the moment it is called, not only once it is awaited.
pub fn shutdown() -> Result<impl Future<Output = Shutdown>, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => Shutdown::Orchestrator,
            _ = interrupt.recv() => Shutdown::Terminal,
        }
    };
    Ok(async move {
        let first = next().await;
        info!("Stopping; a second signal ends the process at once");
        tokio::spawn(async move {
            next().await;
            warn!("Second signal: exiting at once");
            process::exit(1);
        });
        first
    })
}
