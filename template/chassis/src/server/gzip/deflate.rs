//! The messages of a response, compressed where that pays.

use std::{
    io::Write,
    pin::Pin,
    task::{Context, Poll, ready},
};

use flate2::{Compression, write::GzEncoder};
use hyper::body::{Body, Bytes, Frame};
use tonic::Status;

/// The flag of compression, and the length.
const PREFIX: usize = 5;

/// A body whose messages are compressed from so many bytes on, if they get smaller.
pub(super) struct Deflate {
    body: tonic::body::Body,
    from: usize,
    /// Bytes of a message that is still under way, as it is.
    left: usize,
    /// Whether a prefix was cut in two: from there on all stays as it is.
    lost: bool,
}

impl Deflate {
    pub(super) fn new(body: tonic::body::Body, from: usize) -> Self {
        Self {
            body,
            from,
            left: 0,
            lost: false,
        }
    }

    /// Whether `data` is just one message, which is not worth the while: most are.
    fn is_small(&self, data: &[u8]) -> bool {
        let &[_, a, b, c, d, ref message @ ..] = data else {
            return false;
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        self.left == 0 && !self.lost && length == message.len() && length < self.from
    }

    /// The messages in `data`, some of them compressed. tonic makes frames of whole
    /// messages; what a layer has cut stays as it is.
    fn compressed(&mut self, data: &[u8]) -> Bytes {
        let mut sent = Vec::new();
        let mut rest = data;
        while !rest.is_empty() && !self.lost {
            let (now, later) = rest.split_at(rest.len().min(self.left));
            sent.extend(now);
            self.left -= now.len();
            rest = later;
            if rest.is_empty() {
                break;
            }
            let &[flag, a, b, c, d, ref message @ ..] = rest else {
                self.lost = true;
                break;
            };
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            match message.get(..length) {
                Some(whole) if flag == 0 && length >= self.from => {
                    let smaller = deflated(whole);
                    sent.extend(smaller.as_deref().unwrap_or(&rest[..PREFIX + length]));
                    rest = &message[length..];
                }
                _ => self.left = PREFIX + length,
            }
        }
        sent.extend(rest);
        sent.into()
    }
}

/// `message` compressed, with its prefix; nothing where it gets no smaller.
fn deflated(message: &[u8]) -> Option<Vec<u8>> {
    // The fastest: what is saved on the way must not be lost on waiting for it.
    let mut encoder = GzEncoder::new(vec![0; PREFIX], Compression::fast());
    encoder.write_all(message).ok()?;
    let mut sent = encoder.finish().ok()?;
    let length = sent.len() - PREFIX;
    let [flag, bytes @ ..] = sent.first_chunk_mut::<PREFIX>()?;
    *flag = 1;
    *bytes = u32::try_from(length).ok()?.to_be_bytes();
    (length < message.len()).then_some(sent)
}

impl Body for Deflate {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)?) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_data(|data| {
            if this.is_small(&data) {
                data
            } else {
                this.compressed(&data)
            }
        });
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn prefixed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length, message].concat()
    }

    /// The messages in `sent`, as they were, and how many were compressed.
    fn read(mut sent: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let (mut messages, mut compressed) = (Vec::new(), 0);
        while let [flag, a, b, c, d, rest @ ..] = sent {
            let (message, later) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            let mut plain = Vec::new();
            if *flag == 1 {
                compressed += 1;
                GzDecoder::new(message).read_to_end(&mut plain).unwrap();
            } else {
                plain.extend(message);
            }
            messages.push(plain);
            sent = later;
        }
        (messages, compressed)
    }

    #[test]
    fn however_frames_are_cut_the_messages_are_the_same() {
        let messages = [vec![1; 300], vec![], vec![2; 10], vec![3; 700], vec![4; 99]];
        let sent = messages.iter().flat_map(|message| prefixed(message));
        let sent: Vec<u8> = sent.collect();
        for size in 1..=sent.len() {
            let mut body = Deflate::new(tonic::body::Body::empty(), 100);
            let frames = sent.chunks(size).map(|frame| {
                if body.is_small(frame) {
                    frame.to_vec()
                } else {
                    body.compressed(frame).to_vec()
                }
            });
            let (read, compressed) = read(&frames.collect::<Vec<_>>().concat());
            assert_eq!(read, messages, "{size}");
            let expected = if size == sent.len() { 2 } else { compressed };
            assert_eq!(compressed, expected);
        }
    }

    #[test]
    fn what_gets_no_smaller_stays_as_it_is() {
        assert!(deflated(b"abc").is_none());
        assert!(deflated(&[0; 100]).is_some());
    }
}
