//! Takes connections, as many as allowed.

use std::{convert::Infallible, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use super::{connection::Connections, limits::RESERVED_FILES};
use crate::listener::Listener;

/// The connections that may be open at a time. Clones share them.
#[derive(Clone)]
pub(super) struct Permits {
    free: Arc<Semaphore>,
    total: u32,
}

impl Permits {
    /// `wanted` connections, or as many as the limit of open files leaves room for.
    pub(super) fn new(wanted: u32) -> Self {
        let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
        let room = files.saturating_sub(RESERVED_FILES).max(1);
        let total = u32::try_from(room).unwrap_or(u32::MAX).min(wanted);
        if total < wanted {
            warn!("{files} files may be open: serving {total} connections at a time, not {wanted}");
        }
        Self {
            free: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    async fn take(&self) -> OwnedSemaphorePermit {
        let permit = self.free.clone().acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// Resolves once all connections are closed.
    pub(super) async fn returned(&self) {
        // Fails only where the semaphore is closed, which it never is.
        let _ = self.free.acquire_many(self.total).await;
    }

    /// Connections open now.
    pub(super) fn taken(&self) -> usize {
        self.total as usize - self.free.available_permits()
    }
}

/// Accepts connections and serves each in a task of its own, for ever.
pub(super) async fn accept(
    listener: Listener,
    connections: Arc<Connections>,
    permits: Permits,
) -> Infallible {
    loop {
        // Taken before the accept: what is over the limit waits in the backlog.
        let permit = permits.take().await;
        let (tcp, peer) = listener.accept().await;
        let connections = connections.clone();
        tokio::spawn(async move {
            connections.serve(tcp, peer).await;
            drop(permit);
        });
    }
}
