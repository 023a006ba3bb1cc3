//! Takes connections, as many as allowed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tracing::warn;

use super::{connection::Connections, idle::Crowd, limits::RESERVED_FILES, listeners::Listeners};
use crate::{admin, listener};

/// How long those that are to give way may take before more are asked to.
const PATIENCE: Duration = Duration::from_millis(50);

/// The connections that may be open at a time. Clones share them.
#[derive(Clone)]
pub(super) struct Permits {
    free: Arc<Semaphore>,
    total: u32,
}

impl Permits {
    /// `wanted` connections, or as many as the limit of open files leaves room for.
    pub(super) fn new(wanted: u32) -> Self {
        let files = listener::max_files();
        let reserved = RESERVED_FILES + admin::max_connections(files);
        let room = files.saturating_sub(reserved).max(1);
        let total = u32::try_from(room).unwrap_or(u32::MAX).min(wanted);
        if total < wanted {
            warn!("{files} files may be open: serving {total} connections at a time, not {wanted}");
        }
        Self {
            free: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    /// One of them, for which some of the `crowd` may have to give way.
    async fn take(&self, crowd: &Crowd) -> OwnedSemaphorePermit {
        let permit = self.free.clone().acquire_owned();
        let mut permit = std::pin::pin!(permit);
        loop {
            if let Ok(permit) = timeout(PATIENCE, &mut permit).await {
                return permit.expect("the semaphore is never closed");
            }
            crowd.make_room();
        }
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
    listeners: Listeners,
    connections: Arc<Connections>,
    permits: Permits,
) -> Infallible {
    let crowd = Arc::new(Crowd::default());
    loop {
        // The one over the limit is already here, and the others wait in the backlog:
        // nobody has to give way unless there is somebody to give way to.
        let (socket, peer) = listeners.accept().await;
        let Some(account) = connections.admit(peer) else {
            continue;
        };
        let permit = permits.take(&crowd).await;
        let connections = connections.clone();
        let member = crowd.enter();
        tokio::spawn(async move {
            connections
                .serve(socket, peer, account, &member.activity)
                .await;
            drop((permit, member));
        });
    }
}
