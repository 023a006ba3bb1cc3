//! The body of a response: what may happen to an RPC after its handler has
//! returned, and a stream is still to be sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::{
    HeaderMap,
    body::{Body, Frame, SizeHint},
};
use tonic::{Code, Status};

use super::{
    flight::Flight,
    memory::FULL,
    piece::{self, Message, Piece},
};
use crate::{
    deadline::Deadline,
    telemetry::{call::Call, panics},
};

/// A body that ends in a status, whatever happens. The RPC is in flight until
/// it is dropped.
pub(super) struct ResponseBody {
    body: Option<tonic::body::Body>,
    /// What is to be sent before there is more to ask for.
    message: Option<Message>,
    call: Call,
    deadline: Deadline,
    flight: Arc<Flight>,
}

impl ResponseBody {
    pub(super) fn new(body: tonic::body::Body, call: Call, flight: Arc<Flight>) -> Self {
        Self {
            body: Some(body),
            message: None,
            deadline: Deadline::new(call.context.deadline),
            call,
            flight,
        }
    }
}

impl Body for ResponseBody {
    type Data = Piece;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Status>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if let Some(piece) = this.message.as_mut().and_then(Message::next) {
            this.flight.sending();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        this.message = None;
        this.flight.sent();
        // What has begun to answer goes on, however much there is to do.
        let _ = this.flight.go_on();
        let context = &mut this.call.context;
        let poll = || context.sync_scope_mut(|| Pin::new(body).poll_frame(cx));
        let status = match panics::caught(poll) {
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                Ok(message) => match piece::first(message, &this.flight.holdings) {
                    Some((piece, rest)) => {
                        this.message = rest;
                        this.flight.sending();
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                    None => Status::resource_exhausted(FULL),
                },
                Err(frame) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    this.call.see(&mut trailers);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
            },
            Ok(Poll::Ready(None)) => return Poll::Ready(None),
            Ok(Poll::Pending) => ready!(this.deadline.poll(cx)),
            Ok(Poll::Ready(Some(Err(status)))) | Err(status) => status,
        };
        this.body = None;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        this.call.see(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.flight.handled();
        if self.flight.is_late() {
            self.call.end(Code::DeadlineExceeded);
        }
    }
}
