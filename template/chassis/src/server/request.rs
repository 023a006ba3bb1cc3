//! The body of a request to a method that takes one message: it has to be one, and
//! nothing behind it.
//!
//! tonic reads the first message, and drops what follows. Here is looked at the
//! lengths alone; no byte of a message is copied.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tonic::Status;
use tower::BoxError;

/// The flag of compression, and the length (PROTOCOL-HTTP2.md).
const PREFIX: usize = 5;

/// A body that fails with INTERNAL, as grpc-go has it, at the first byte behind its
/// message.
pub(super) struct OneMessage<B> {
    body: B,
    prefix: [u8; PREFIX],
    /// How much of it has been seen.
    read: usize,
    /// How much of the message has not.
    left: usize,
}

impl<B> OneMessage<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            body,
            prefix: [0; PREFIX],
            read: 0,
            left: 0,
        }
    }

    /// Whether the message is over before `data` is.
    fn is_over(&mut self, mut data: &[u8]) -> bool {
        if self.read < PREFIX {
            let (start, rest) = data.split_at(data.len().min(PREFIX - self.read));
            self.prefix[self.read..][..start.len()].copy_from_slice(start);
            self.read += start.len();
            if self.read < PREFIX {
                return false;
            }
            let [_, length @ ..] = self.prefix;
            self.left = u32::from_be_bytes(length) as usize;
            data = rest;
        }
        match self.left.checked_sub(data.len()) {
            Some(left) => {
                self.left = left;
                false
            }
            None => true,
        }
    }
}

impl<B> Body for OneMessage<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && this.is_over(data)
        {
            let status = Status::internal("more than one message to a method that takes one");
            return Poll::Ready(Some(Err(status.into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body of these bytes, in frames of this size, is one message.
    fn is_one(bytes: &[u8], frame: usize) -> bool {
        let mut body = OneMessage::new(());
        !bytes.chunks(frame).any(|data| body.is_over(data))
    }

    #[test]
    fn one_message_is_one_however_it_is_cut() {
        let message = [0, 0, 0, 0, 3, 1, 2, 3];
        let empty = [0; PREFIX];
        for size in 1..=20 {
            assert!(is_one(&message, size), "{size}");
            assert!(is_one(&empty, size), "{size}");
            assert!(!is_one(&[&message[..], &[0]].concat(), size), "{size}");
            assert!(!is_one(&[message, message].concat(), size), "{size}");
            assert!(!is_one(&[empty, empty].concat(), size), "{size}");
        }
    }
}
