//! Replies in batches. RPCs run in tasks of their own, and the first to be done
//! would wake its connection, which would send that one reply, and so on: a
//! write and a poll of HTTP/2 for each. A connection that began several RPCs in
//! one poll therefore goes to the back of the runtime's queue once, behind
//! them, and sends what is there when its turn comes. No timer: an RPC that
//! takes longer, or blocks, holds up no reply but its own.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite};

use super::cork::Cork;

/// Polls a connection, and sends what that made it write.
pub(super) struct Batches<IO> {
    cork: Cork<IO>,
    begun: Begun,
    /// Whether the connection has just let its RPCs go first, and may not do so again.
    waited: bool,
}

/// Spawns the RPCs of a connection, and counts them.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<AtomicUsize>);

impl<F> Executor<F> for Begun
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, rpc: F) {
        self.0.fetch_add(1, Relaxed);
        tokio::spawn(rpc);
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Batches<IO> {
    /// Of a connection that writes to `cork`.
    pub(super) fn new(cork: Cork<IO>) -> Self {
        Self {
            cork,
            begun: Begun::default(),
            waited: false,
        }
    }

    /// What the connection spawns its RPCs with.
    pub(super) fn executor(&self) -> Begun {
        self.begun.clone()
    }

    /// Polls `connection`, and sends.
    pub(super) fn poll<C, E>(
        &mut self,
        connection: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Box<dyn Error + Send + Sync>>>
    where
        C: Future<Output = Result<(), E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if let Poll::Ready(end) = connection.poll(cx) {
            return Poll::Ready(end.map_err(Into::into));
        }
        // One alone runs next anyway, and wakes the connection when it is done.
        let several = self.begun.0.swap(0, Relaxed) > 1;
        self.waited = several && !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match ready!(self.cork.poll_drain(cx)) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}
