//! Reads ahead: few and large reads of a socket, however little of them is taken at a time.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Bytes to read at once: twice what h2 would, four times what rustls would, and one full TLS
/// record.
const READ_AHEAD: usize = 16 * 1024;

/// IO that is read ahead of who takes what it reads.
pub(crate) struct Ahead<IO> {
    io: IO,
    /// What was read already, and how much of that was taken. Without a buffer where the peer is
    /// silent.
    read: Vec<u8>,
    taken: usize,
    /// Whether the last read was more than could be taken at once, so that it is worth the while
    /// to read to where it may stay.
    much: bool,
}

impl<IO> Ahead<IO> {
    /// Reads as `read`, which was read from `io` before, followed by the rest.
    pub(crate) fn new(read: Vec<u8>, io: IO) -> Self {
        Self {
            io,
            read,
            taken: 0,
            much: false,
        }
    }
}

impl<IO: AsyncRead + Unpin> Ahead<IO> {
    /// Reads to `buf`, and to `read`, of which there is nothing left.
    fn poll_more(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.taken = 0;
        self.read.clear();
        if self.much {
            self.read.reserve_exact(READ_AHEAD);
            let read = ready!(pin!(self.io.read_buf(&mut self.read)).poll(cx))?;
            self.much = read > buf.remaining();
            return Poll::Ready(Ok(()));
        }
        // By way of the stack: most is not much, and needs no buffer of its own.
        let mut scratch = [const { MaybeUninit::uninit() }; READ_AHEAD];
        let mut scratch = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut scratch))?;
        let read = scratch.filled();
        let (now, ahead) = read.split_at(read.len().min(buf.remaining()));
        buf.put_slice(now);
        self.read.extend_from_slice(ahead);
        self.much = !ahead.is_empty();
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Ahead<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken == this.read.len() {
            let more = this.poll_more(cx, buf);
            if more.is_pending() {
                this.read = Vec::new();
                this.much = false;
            }
            ready!(more)?;
        }
        let ahead = &this.read[this.taken..];
        let now = &ahead[..ahead.len().min(buf.remaining())];
        buf.put_slice(now);
        this.taken += now.len();
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Ahead<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO: Connected> Connected for Ahead<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// A peer who has sent so many bytes, and how often it was read from.
    struct Sent {
        bytes: Vec<u8>,
        reads: usize,
    }

    impl AsyncRead for Sent {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.bytes.is_empty() {
                return Poll::Pending;
            }
            self.reads += 1;
            let n = self.bytes.len().min(buf.remaining());
            buf.put_slice(&self.bytes[..n]);
            self.bytes.drain(..n);
            Poll::Ready(Ok(()))
        }
    }

    fn sent(bytes: usize) -> Sent {
        Sent {
            bytes: (0..=u8::MAX).cycle().take(bytes).collect(),
            reads: 0,
        }
    }

    async fn falls_silent(ahead: &mut Ahead<Sent>) -> bool {
        let silent = poll_fn(|cx| {
            let mut buf = [0; 1];
            Poll::Ready(Pin::new(&mut *ahead).poll_read(cx, &mut ReadBuf::new(&mut buf)))
        });
        silent.await.is_pending()
    }

    #[tokio::test]
    async fn who_takes_a_little_at_a_time_reads_seldom() {
        let mut ahead = Ahead::new(Vec::new(), sent(3 * READ_AHEAD));
        let expected = ahead.io.bytes.clone();
        let mut received = vec![0; expected.len()];
        for some in received.chunks_mut(1000) {
            ahead.read_exact(some).await.unwrap();
        }
        assert!(received == expected);
        assert!((3..=4).contains(&ahead.io.reads), "{}", ahead.io.reads);
    }

    #[tokio::test]
    async fn who_is_silent_has_no_buffer() {
        let mut ahead = Ahead::new(b"ahead ".to_vec(), sent(READ_AHEAD + 5));
        let expected = [b"ahead ", &ahead.io.bytes[..]].concat();
        let mut received = vec![0; expected.len()];
        let (first, rest) = received.split_at_mut(10);
        ahead.read_exact(first).await.unwrap();
        assert_eq!(ahead.read.len(), READ_AHEAD - 4);
        ahead.read_exact(rest).await.unwrap();
        assert!(received == expected);
        assert!(falls_silent(&mut ahead).await);
        assert_eq!(ahead.read.capacity(), 0);
    }
}
