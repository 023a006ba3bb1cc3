//! The messages of a request, as they were before they were compressed.

use std::{
    io::Read,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use flate2::read::MultiGzDecoder;
use hyper::body::{Body, Bytes, Frame};
use tonic::Status;

use crate::server::{flight::Flight, limits::MAX_MESSAGE_SIZE, memory::FULL};

/// The flag of compression, and the length.
const PREFIX: usize = 5;

/// A body whose messages are not compressed. None is larger than a message may be:
/// what a bomb would become beyond that is never made.
pub(super) struct Inflate {
    body: tonic::body::Body,
    flight: Arc<Flight>,
    /// What is not a whole message yet.
    received: Vec<u8>,
}

impl Inflate {
    pub(super) fn new(body: tonic::body::Body, flight: Arc<Flight>) -> Self {
        Self {
            body,
            flight,
            received: Vec::new(),
        }
    }

    /// The next message, with its prefix, if it is there.
    fn message(&mut self) -> Result<Option<Bytes>, Status> {
        let &[flag, a, b, c, d, ref data @ ..] = &*self.received else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MAX_MESSAGE_SIZE {
            return Err(too_large());
        }
        let Some(data) = data.get(..length) else {
            return Ok(None);
        };
        let message = if flag == 1 {
            let message = inflated(data)?;
            // So much it is, where it was counted as what it came as.
            if !self.flight.receive(message.len()) {
                return Err(Status::resource_exhausted(FULL));
            }
            message
        } else {
            // What other flags mean is for the generated server to say.
            self.received[..PREFIX + length].to_vec()
        };
        self.received.drain(..PREFIX + length);
        Ok(Some(message.into()))
    }
}

/// The message that `data` was, with a prefix.
fn inflated(data: &[u8]) -> Result<Vec<u8>, Status> {
    let mut message = vec![0; PREFIX];
    // One byte more, to see that there is one. Of members there may be several (RFC 1952,
    // section 2.2).
    let mut decoder = MultiGzDecoder::new(data).take(MAX_MESSAGE_SIZE as u64 + 1);
    decoder
        .read_to_end(&mut message)
        .map_err(|error| Status::internal(format!("message that is no gzip: {error}")))?;
    let length = message.len() - PREFIX;
    if length > MAX_MESSAGE_SIZE {
        return Err(too_large());
    }
    let length = u32::try_from(length).map_err(|_| too_large())?;
    message[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(message)
}

fn too_large() -> Status {
    Status::resource_exhausted(format!(
        "a message is larger than {MAX_MESSAGE_SIZE} bytes once it is not compressed"
    ))
}

impl Body for Inflate {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            if let Some(message) = this.message()? {
                return Poll::Ready(Some(Ok(Frame::data(message))));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)?) {
                Some(frame) => match frame.into_data() {
                    Ok(data) => this.received.extend(data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None if !this.received.is_empty() => {
                    this.received.clear();
                    // As tonic has it of what is not compressed.
                    let cut = Status::internal("Unexpected EOF decoding stream.");
                    return Poll::Ready(Some(Err(cut)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}
