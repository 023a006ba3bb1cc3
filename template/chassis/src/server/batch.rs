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
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    flight::{Flight, Guarded},
    idle::Activity,
    memory::Holdings,
    stall::Stall,
};
use crate::io::Cork;

/// Polls a connection, and sends what that made it write.
pub(super) struct Batches<IO> {
    cork: Cork<IO>,
    begun: Begun,
    /// Whether the connection has just let its RPCs go first, and may not do so again.
    waited: bool,
    /// Of the peer, who takes what is sent.
    stall: Stall,
}

/// How long a peer may take nothing.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Nothing of one response.
    pub(super) response: Duration,
    /// Nothing at all.
    pub(super) connection: Duration,
}

/// The peer of a connection takes nothing.
#[derive(Debug, thiserror::Error)]
#[error("its peer has taken nothing for {0:?}")]
pub(super) struct Stalled(Duration);

/// Spawns the RPCs of a connection, and counts them.
#[derive(Clone)]
pub(super) struct Begun(Arc<Next>);

struct Next {
    count: AtomicUsize,
    /// The RPC that is to be spawned next.
    flight: Mutex<Option<Arc<Flight>>>,
    activity: Arc<Activity>,
    holdings: Arc<Holdings>,
    patience: Patience,
}

impl Begun {
    /// Begins an RPC: hyper spawns it right after it has called the service.
    pub(super) fn begin(&self) -> Arc<Flight> {
        let flight = Arc::new(Flight::new(self.0.holdings.clone()));
        *self.next() = Some(flight.clone());
        flight
    }

    fn next(&self) -> std::sync::MutexGuard<'_, Option<Arc<Flight>>> {
        // Never contended: only the connection's own task comes here.
        (self.0.flight.lock()).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for Begun
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, rpc: F) {
        self.0.count.fetch_add(1, Relaxed);
        let flight = self.next().take();
        match flight {
            Some(flight) => {
                let busy = self.0.activity.begin();
                tokio::spawn(Guarded::new(rpc, flight, busy, self.0.patience.response));
            }
            // No RPC but a tunnel (CONNECT).
            None => _ = tokio::spawn(rpc),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Batches<IO> {
    /// Of a connection that writes to `cork`.
    pub(super) fn new(
        cork: Cork<IO>,
        activity: Arc<Activity>,
        holdings: Arc<Holdings>,
        patience: Patience,
    ) -> Self {
        let next = Next {
            count: AtomicUsize::new(0),
            flight: Mutex::new(None),
            activity,
            holdings,
            patience,
        };
        Self {
            cork,
            begun: Begun(Arc::new(next)),
            waited: false,
            stall: Stall::new(patience.connection),
        }
    }

    /// What the connection spawns its RPCs with.
    pub(super) fn executor(&self) -> Begun {
        self.begun.clone()
    }

    /// Polls `connection`, and sends. [`Stalled`] where the peer lets it send nothing.
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
        let several = self.begun.0.count.swap(0, Relaxed) > 1;
        self.waited = several && !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.cork.poll_drain(cx) {
            Poll::Ready(Ok(())) => {
                self.stall.clear();
                Poll::Pending
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => {
                let stalled = self.stall.poll(self.cork.sent(), cx);
                let patience = self.begun.0.patience.connection;
                stalled.map(|()| Err(Stalled(patience).into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io, pin::pin, sync::Mutex, task::Waker};

    use hyper::body::Bytes;
    use tokio::io::{AsyncWriteExt, ReadBuf};

    use super::*;
    use crate::server::{idle::Crowd, memory::Memory};

    /// A socket that remembers what each write sent.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl AsyncRead for Writes {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Writes {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let sent = String::from_utf8_lossy(bytes).into_owned();
            self.0.lock().unwrap().push(sent);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What a connection of `polls` polls sends, write by write. In each it begins
    /// `begun` RPCs, as long as `total` allows; each replies with one character.
    async fn writes(begun: usize, total: usize) -> Vec<String> {
        #[derive(Default)]
        struct State {
            done: usize,
            waker: Option<Waker>,
        }
        let socket = Writes::default();
        let mut cork = Cork::new(Bytes::new(), socket.clone());
        let activity = Arc::new(Crowd::default()).enter().activity.clone();
        let holdings = Memory::new(usize::MAX).open();
        let patience = Patience {
            response: Duration::from_secs(1),
            connection: Duration::from_secs(1),
        };
        let mut batches = Batches::new(cork.clone(), activity, holdings, patience);
        let executor = batches.executor();
        let state = Arc::new(Mutex::new(State::default()));
        let (mut rpcs, mut told) = (0, 0);
        let mut connection = poll_fn(|cx| {
            for _ in 0..begun.min(total - rpcs) {
                rpcs += 1;
                let state = state.clone();
                executor.execute(async move {
                    let mut state = state.lock().unwrap();
                    state.done += 1;
                    if let Some(waker) = state.waker.take() {
                        waker.wake();
                    }
                });
            }
            let mut state = state.lock().unwrap();
            state.waker = Some(cx.waker().clone());
            let replies = "x".repeat(state.done - told);
            told = state.done;
            let written = pin!(cork.write_all(replies.as_bytes())).poll(cx);
            assert!(written.is_ready());
            if told < total {
                return Poll::Pending;
            }
            Poll::Ready(Ok::<_, io::Error>(()))
        });
        poll_fn(|cx| batches.poll(pin!(&mut connection), cx))
            .await
            .unwrap();
        poll_fn(|cx| cork.poll_drain(cx)).await.unwrap();
        let writes = socket.0.lock().unwrap();
        writes.clone()
    }

    // The queue that matters is that of a thread of the multi-threaded runtime.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_was_begun_together_is_answered_in_one_write() {
        let writes = tokio::spawn(writes(5, 5)).await.unwrap();
        assert_eq!(writes, ["xxxxx"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn no_reply_waits_for_what_is_begun_after_it() {
        let writes = tokio::spawn(writes(3, 9)).await.unwrap();
        assert_eq!(writes, ["xxx", "xxxxxx"]);
    }
}
