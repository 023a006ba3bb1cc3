//! The body of a response to gRPC-Web: its trailers are its last message.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, SizeHint},
    header::HeaderValue,
};
use tonic::Status;

use crate::server::{
    flight::Flight,
    memory::FULL,
    piece::{self, Piece},
    response::ResponseBody,
    text,
};

/// The flag of a message that holds trailers.
const TRAILERS: u8 = 0x80;

/// How bytes are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Binary,
    Text,
}

/// The body of a response to anybody.
pub(in crate::server) enum WebBody {
    Grpc(ResponseBody),
    Web(Translated),
    Nothing,
}

/// The body of a response to a call by gRPC-Web.
pub(in crate::server) struct Translated {
    body: ResponseBody,
    encoding: Encoding,
    flight: Arc<Flight>,
}

impl Encoding {
    /// That of a call with this content type, if it is one of gRPC-Web.
    pub(super) fn of(content_type: &HeaderValue) -> Option<Self> {
        let text = content_type.to_str().ok()?.to_ascii_lowercase();
        match text.split(';').next()?.trim() {
            "application/grpc-web" | "application/grpc-web+proto" => Some(Self::Binary),
            "application/grpc-web-text" | "application/grpc-web-text+proto" => Some(Self::Text),
            _ => None,
        }
    }

    fn write(self, piece: Piece) -> Piece {
        match self {
            Self::Binary => piece,
            Self::Text => piece.map(|bytes| text::encode(&bytes)),
        }
    }
}

impl Translated {
    pub(super) fn new(body: ResponseBody, encoding: Encoding, flight: Arc<Flight>) -> Self {
        Self {
            body,
            encoding,
            flight,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Status>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)?) else {
            return Poll::Ready(None);
        };
        let piece = frame.into_data().or_else(|frame| {
            let trailers = message(&frame.into_trailers().unwrap_or_default());
            let first = piece::first(trailers, &self.flight.holdings);
            // Metadata is smaller than what is cut.
            first
                .map(|(piece, _)| piece)
                .ok_or_else(|| Status::resource_exhausted(FULL))
        });
        Poll::Ready(Some(piece.map(|piece| self.encoding.write(piece))))
    }
}

/// The message that holds these trailers.
fn message(trailers: &HeaderMap) -> Bytes {
    let mut block = Vec::new();
    for (name, value) in trailers {
        block.extend_from_slice(name.as_str().as_bytes());
        block.extend_from_slice(b": ");
        block.extend_from_slice(value.as_bytes());
        block.extend_from_slice(b"\r\n");
    }
    let length = u32::try_from(block.len()).expect("metadata is bounded");
    [&[TRAILERS], &length.to_be_bytes()[..], &block]
        .concat()
        .into()
}

impl Body for WebBody {
    type Data = Piece;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Status>>> {
        match self.get_mut() {
            Self::Grpc(body) => Pin::new(body).poll_frame(cx),
            Self::Web(body) => body.poll_piece(cx).map_ok(Frame::data),
            Self::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Grpc(body) => body.is_end_stream(),
            Self::Web(body) => body.body.is_end_stream(),
            Self::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Grpc(body) => body.size_hint(),
            Self::Web(_) => SizeHint::default(),
            Self::Nothing => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_a_message_of_their_own() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(&message(&trailers)[..], b"\x80\0\0\0\x10grpc-status: 0\r\n");
    }

    #[test]
    fn content_types_tell_how_it_is_written() {
        for (content_type, encoding) in [
            ("application/grpc-web", Some(Encoding::Binary)),
            ("application/grpc-web+proto", Some(Encoding::Binary)),
            (
                "application/grpc-web-text; charset=utf-8",
                Some(Encoding::Text),
            ),
            ("application/grpc-web+json", None),
            ("application/grpc", None),
        ] {
            let value = HeaderValue::from_static(content_type);
            assert_eq!(Encoding::of(&value), encoding, "{content_type}");
        }
    }
}
