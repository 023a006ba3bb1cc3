//! Lets a peer finish what it had begun to send when it was told to go.
//!
//! h2 says GOAWAY with a PING behind it, and refuses every stream that comes after the answer to
//! that PING, since the peer has read the GOAWAY by then. But a peer answers before it sends the
//! streams that wait in its own buffers, as gRPC's C core and HAProxy do: those calls would be
//! lost, and a WINDOW_UPDATE for one of them is an error to h2 that ends all others, too. So the
//! answer is held back here until such streams have come.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep},
};

/// How long after its answer a peer may still begin streams.
const LATE: Duration = Duration::from_millis(200);

/// The head of a frame: length, type, flags, stream (RFC 9113, section 4.1).
const HEAD: usize = 9;

/// The answer: a PING frame with the ACK flag, and what h2 has put into its PING.
const ANSWER: [u8; HEAD + 8] = [
    0, 0, 8, 6, 1, 0, 0, 0, 0, 0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54,
];

/// Bytes to read at once where those that were read before are not yet taken.
const SOME: usize = 256;

/// What is read of an HTTP/2 connection of a server.
pub(crate) struct Parting<IO> {
    io: IO,
    /// Bytes left of the frame, or the preface, that is being read.
    rest: usize,
    /// The beginning of a frame that may become the answer.
    begun: Vec<u8>,
    /// What was looked at, and not yet taken.
    ready: Vec<u8>,
    /// Until when the answer is held back, once there is one.
    late: Option<Pin<Box<Sleep>>>,
}

impl<IO> Parting<IO> {
    /// Reads `io`, which begins with a preface of so many bytes.
    pub(crate) fn new(preface: usize, io: IO) -> Self {
        Self {
            io,
            rest: preface,
            begun: Vec::new(),
            ready: Vec::new(),
            late: None,
        }
    }

    /// Follows the frames in `bytes`, takes the answer out, and keeps the beginning of one to
    /// itself. Returns how many bytes are left.
    fn look(&mut self, bytes: &mut [u8]) -> usize {
        let (mut at, mut end) = (0, bytes.len());
        loop {
            let within = self.rest.min(end - at);
            at += within;
            self.rest -= within;
            let frame = &bytes[at..end];
            if frame.starts_with(&ANSWER) {
                bytes.copy_within(at + ANSWER.len()..end, at);
                end -= ANSWER.len();
                self.late.get_or_insert_with(|| Box::pin(sleep(LATE)));
            } else if frame.len() < HEAD || ANSWER.starts_with(frame) {
                self.begun.extend_from_slice(frame);
                return at;
            } else {
                let [a, b, c] = [frame[0], frame[1], frame[2]].map(usize::from);
                self.rest = HEAD + (a << 16 | b << 8 | c);
            }
        }
    }
}

impl<IO: AsyncRead + Unpin> Parting<IO> {
    /// Reads to `ready`, behind the beginning of a frame.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; SOME];
        let begun = self.begun.len();
        bytes[..begun].copy_from_slice(&self.begun);
        let mut more = ReadBuf::new(&mut bytes[begun..]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut more))?;
        let read = begun + more.filled().len();
        self.begun.clear();
        let bytes = &mut bytes[..read];
        // At the end whatever has come is passed on.
        let left = if read == begun {
            read
        } else {
            self.look(bytes)
        };
        self.ready.extend_from_slice(&bytes[..left]);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Parting<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.ready.is_empty()
                && this.rest == 0
                && let Some(late) = &mut this.late
                && late.as_mut().poll(cx).is_ready()
            {
                this.late = None;
                this.ready.extend_from_slice(&ANSWER);
            }
            if !this.ready.is_empty() {
                let now = this.ready.len().min(buf.remaining());
                buf.put_slice(&this.ready[..now]);
                this.ready.drain(..now);
                return Poll::Ready(Ok(()));
            }
            if this.begun.is_empty() {
                let before = buf.filled().len();
                ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
                if buf.filled().len() == before {
                    return Poll::Ready(Ok(()));
                }
                let left = this.look(&mut buf.filled_mut()[before..]);
                buf.set_filled(before + left);
                if left > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                ready!(this.poll_some(cx))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    const PREFACE: &[u8] = b"preface, with the head of an answer in it: \0\0\x08\x06\x01";

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    /// A server that has been sent these, with never more than so many bytes at a time.
    fn sent(pieces: usize, sent: &[&[u8]]) -> Parting<impl AsyncRead + use<>> {
        let sent = sent.concat();
        let (mut peer, server) = duplex(pieces);
        tokio::spawn(async move {
            peer.write_all(&sent).await.unwrap();
            std::future::pending::<()>().await;
        });
        Parting::new(PREFACE.len(), server)
    }

    #[tokio::test]
    async fn the_answer_comes_last_however_it_is_cut() {
        let early = frame(0, &[&ANSWER[..], b"is data here"].concat());
        let ping = [&ANSWER[..HEAD], b"another!"].concat();
        let late = [frame(1, b"a stream"), frame(8, b"more")].concat();
        let expected = [PREFACE, &early, &ping, &late, &ANSWER].concat();
        for pieces in [1, 2, 8, 9, 10, 16, 17, 18, 1000] {
            let began = Instant::now();
            let mut server = sent(pieces, &[PREFACE, &early, &ping, &ANSWER, &late]);
            let mut read = vec![0; expected.len() - ANSWER.len()];
            server.read_exact(&mut read).await.unwrap();
            let mut last = [0; ANSWER.len()];
            server.read_exact(&mut last).await.unwrap();
            assert!([&read[..], &last].concat() == expected, "{pieces}");
            assert!(began.elapsed() >= LATE, "{pieces}");
        }
    }

    #[tokio::test]
    async fn more_answers_than_one_are_one() {
        let late = frame(1, b"a stream");
        let mut server = sent(1000, &[PREFACE, &ANSWER, &late, &ANSWER, &ANSWER]);
        let expected = [PREFACE, &late, &ANSWER].concat();
        let mut read = vec![0; expected.len()];
        server.read_exact(&mut read).await.unwrap();
        assert!(read == expected);
    }

    #[tokio::test]
    async fn what_comes_before_the_end_is_passed_on() {
        let (mut peer, server) = duplex(1000);
        let sent = [PREFACE, &ANSWER[..12]].concat();
        peer.write_all(&sent).await.unwrap();
        drop(peer);
        let mut read = Vec::new();
        let mut server = Parting::new(PREFACE.len(), server);
        server.read_to_end(&mut read).await.unwrap();
        assert!(read == sent);
    }
}
