//! IO of one connection, with few system calls: [reads ahead](Ahead), and writes corked.
//!
//! h2 flushes between a DATA frame and the trailers behind it, so that a reply
//! costs two or three writes, and a request as many. Here `poll_write` only collects, and
//! [`Cork::poll_drain`], called after each poll of the connection, sends what
//! that poll produced in one write. No timer: what is said leaves in the same poll.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ahead::Ahead;

/// Unsent bytes from which on a write has to wait for the socket.
const WRITE_THROUGH: usize = 64 * 1024;

thread_local! {
    /// The buffer of who writes next: nothing is kept between two polls, as most connections are
    /// idle most of the time.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The IO of an HTTP/2 connection. Clones share it, so that it can be drained
/// from outside of the connection that owns it.
pub(crate) struct Cork<IO>(Arc<Mutex<Corked<IO>>>);

type Amendment = Box<dyn FnOnce(&mut [u8]) + Send>;

struct Corked<IO> {
    io: Ahead<IO>,
    /// Without a buffer where all was sent.
    unsent: Vec<u8>,
    /// Taken by the first write, which it amends.
    amendment: Option<Amendment>,
    /// Bytes that the socket has taken.
    sent: u64,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Cork<IO> {
    /// Reads as `ahead`, which was read from `io` before, followed by the rest.
    pub(crate) fn new(ahead: Bytes, io: IO) -> Self {
        Self(Arc::new(Mutex::new(Corked {
            io: Ahead::new(ahead.into(), io),
            unsent: Vec::new(),
            amendment: None,
            sent: 0,
        })))
    }

    /// The same, and what is written first leaves as `amendment` makes it.
    pub(crate) fn amending(self, amendment: impl FnOnce(&mut [u8]) + Send + 'static) -> Self {
        self.lock().amendment = Some(Box::new(amendment));
        self
    }

    /// Sends what was written, as far as the socket takes it.
    pub(crate) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_drain(cx)
    }

    /// How many bytes the socket has taken so far.
    pub(crate) fn sent(&self) -> u64 {
        self.lock().sent
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
        self.sent += sent as u64;
        // One large message must not leave a large buffer.
        self.unsent.shrink_to(WRITE_THROUGH);
        if self.unsent.is_empty() {
            SPARE.set(mem::take(&mut self.unsent));
        }
        outcome
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cork<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().io).poll_read(cx, buf)
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
        if this.unsent.capacity() == 0 {
            this.unsent = SPARE.take();
        }
        for buf in bufs {
            this.unsent.extend_from_slice(buf);
        }
        if let Some(amend) = this.amendment.take() {
            amend(&mut this.unsent);
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn corked(pipe: usize) -> (Cork<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(pipe);
        (Cork::new(Bytes::from_static(b"ahead "), near), far)
    }

    #[tokio::test]
    async fn nothing_leaves_before_the_drain() {
        let (mut cork, mut far) = corked(1024);
        cork.write_all(b"data").await.unwrap();
        cork.flush().await.unwrap();
        cork.write_all(b" and trailers").await.unwrap();
        let mut received = [0; 32];
        let early = poll_fn(|cx| {
            let mut buf = ReadBuf::new(&mut received);
            Poll::Ready(Pin::new(&mut far).poll_read(cx, &mut buf))
        });
        assert!(early.await.is_pending());
        assert_eq!(cork.lock().unsent, b"data and trailers");
        poll_fn(|cx| cork.poll_drain(cx)).await.unwrap();
        assert_eq!(cork.lock().unsent.capacity(), 0);
        let n = far.read(&mut received).await.unwrap();
        assert_eq!(&received[..n], b"data and trailers");
    }

    #[tokio::test]
    async fn a_writer_waits_for_a_slow_reader() {
        let (mut cork, mut far) = corked(10);
        cork.write_all(&vec![7; WRITE_THROUGH]).await.unwrap();
        let more = tokio::spawn(async move {
            cork.write_all(&[8; 10]).await.unwrap();
            cork.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        more.await.unwrap();
        assert_eq!(received.len(), WRITE_THROUGH + 10);
        assert!(received.ends_with(&[8; 10]));
    }

    #[tokio::test]
    async fn reads_what_was_read_ahead_and_then_the_socket() {
        let (mut cork, mut far) = corked(1024);
        far.write_all(b"and read").await.unwrap();
        drop(far);
        let mut received = String::new();
        cork.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "ahead and read");
    }
}
