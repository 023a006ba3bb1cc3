//! The body of a response: what may happen to an RPC after its handler has
//! returned, and a stream is still to be sent.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, SizeHint},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep_until},
};
use tonic::Status;

use crate::telemetry::{call::Call, panics};

/// A body that ends in a status, whatever happens. The RPC is in flight until
/// it is dropped.
pub(super) struct ResponseBody {
    body: Option<tonic::body::Body>,
    call: Call,
    deadline: Option<Pin<Box<Sleep>>>,
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
            call,
            deadline: None,
            _permit: permit,
        }
    }

    /// Ready once the caller's deadline has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.call.context.deadline else {
            return Poll::Pending;
        };
        // Only a stream that has to be waited for needs a timer.
        let timer = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(cx)
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
            Ok(Poll::Pending) if this.poll_deadline(cx).is_pending() => return Poll::Pending,
            Ok(Poll::Pending) => Status::deadline_exceeded("the deadline has passed"),
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
