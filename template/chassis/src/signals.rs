//! The signals that end the process, and the one that does not.

use std::{future::Future, io, process};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::{lifecycle::Shutdown, telemetry::log};

/// Resolves at the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// Listens from the moment it is called, not only once it is awaited.
pub fn shutdown() -> io::Result<impl Future<Output = Shutdown>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
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
            log::flush();
            process::exit(1);
        });
        first
    })
}

/// Has `reload` called at each SIGHUP, which ends the process otherwise: the word of
/// old for a daemon to look at its files again. Others may listen to it besides.
///
/// Listens from the moment it is called, in the runtime that it is called in.
pub fn on_hangup(reload: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload();
        }
    });
    Ok(())
}
