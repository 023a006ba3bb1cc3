//! IO of one connection, with few system calls: reads ahead, and writes corked.
//!
//! h2 flushes between a DATA frame and the trailers behind it, so that a reply
//! costs two or three writes. Here `poll_write` only collects, and
//! [`Cork::poll_drain`], called after each poll of the connection, sends what
//! that poll produced in one write. No timer: a reply leaves in the same poll.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// Unsent bytes from which on a write has to wait for the socket.
const WRITE_THROUGH: usize = 64 * 1024;

/// The IO of an HTTP/2 connection. Clones share it, so that it can be drained
/// from outside of the connection that owns it.
pub(super) struct Cork<IO>(Arc<Mutex<Corked<IO>>>);

struct Corked<IO> {
    /// What was read from `io` already, and is to be read again.
    replay: &'static [u8],
    io: BufReader<IO>,
    unsent: Vec<u8>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Cork<IO> {
    /// Reads as `replay` followed by `io`.
    pub(super) fn new(replay: &'static [u8], io: BufReader<IO>) -> Self {
        Self(Arc::new(Mutex::new(Corked {
            replay,
            io,
            unsent: Vec::new(),
        })))
    }

    /// Sends what was written, as far as the socket takes it.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_drain(cx)
    }
}

impl<IO> Cork<IO> {
    fn lock(&self) -> MutexGuard<'_, Corked<IO>> {
        // Never contended: only the connection's own task comes here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<IO> Clone for Cork<IO> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Corked<IO> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut sent = 0;
        let outcome = loop {
            match Pin::new(&mut self.io).poll_write(cx, &self.unsent[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => sent += n,
                other => break other.map_ok(drop),
            }
            if sent == self.unsent.len() {
                // TLS keeps records until it is flushed; for TCP this does nothing.
                break Pin::new(&mut self.io).poll_flush(cx);
            }
        };
        self.unsent.drain(..sent);
        // One large reply must not leave an idle connection with a large buffer.
        self.unsent.shrink_to(WRITE_THROUGH);
        outcome
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cork<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self.lock();
        if this.replay.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let (now, later) = this.replay.split_at(this.replay.len().min(buf.remaining()));
        buf.put_slice(now);
        this.replay = later;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Cork<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self.lock();
        if this.unsent.len() >= WRITE_THROUGH {
            ready!(this.poll_drain(cx))?;
        }
        for buf in bufs {
            this.unsent.extend_from_slice(buf);
        }
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Left to [`Cork::poll_drain`]: this is the cork.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.lock();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
