//! The body of a response: what may happen to an RPC after its handler has
//! returned, and a stream is still to be sent.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, SizeHint},
};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::{
    deadline::Deadline,
    telemetry::{call::Call, panics},
};

/// A body that ends in a status, whatever happens. The RPC is in flight until
/// it is dropped.
pub(super) struct ResponseBody {
    body: Option<tonic::body::Body>,
    call: Call,
    deadline: Deadline,
    _permit: Option<OwnedSemaphorePermit>,
}

impl ResponseBody {
    pub(super) fn new(
        body: tonic::body::Body,
        call: Call,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            body: Some(body),
            deadline: Deadline::new(call.context.deadline),
            call,
            _permit: permit,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let context = this.call.context.clone();
        let poll = || context.sync_scope(|| Pin::new(body).poll_frame(cx));
        let status = match panics::caught(poll) {
            Ok(Poll::Ready(Some(Ok(mut frame)))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    this.call.see(trailers);
                }
                return Poll::Ready(Some(Ok(frame)));
            }
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
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
