//! The body of a request. While it doesn't come, the RPC is not at work; and whatever
//! becomes of the RPC, what is left of it is left to its [`Flight`].

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tonic::Status;

#[cfg(feature = "web")]
use super::text::Decoder;
use super::{flight::Flight, memory::FULL, messages::Messages};

type BoxError = Box<dyn Error + Send + Sync>;

/// What is said to those who are refused.
pub(super) const BUSY: &str = "too many requests in flight";

/// A body that is not lost when nobody reads it to its end.
pub(super) struct RequestBody {
    /// None once it has ended.
    body: Option<Incoming>,
    /// Whether it has to be one message, and the handler doesn't begin before that is
    /// there.
    single: bool,
    messages: Messages,
    /// What it is read by where it is base64.
    #[cfg(feature = "web")]
    text: Option<Decoder>,
    flight: Arc<Flight>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, flight: Arc<Flight>) -> Self {
        Self {
            body: Some(body),
            single: false,
            messages: Messages::default(),
            #[cfg(feature = "web")]
            text: None,
            flight,
        }
    }

    /// It is base64.
    #[cfg(feature = "web")]
    pub(super) fn is_text(&mut self) {
        self.text = Some(Decoder::default());
    }

    /// It has to be one message: whatever is behind that ends it with INTERNAL, as
    /// grpc-go has it.
    pub(super) fn single(mut self) -> Self {
        self.single = true;
        self
    }
}

impl RequestBody {
    /// A frame as gRPC has it.
    #[cfg(feature = "web")]
    fn decoded(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        match (&mut self.text, frame.into_data()) {
            (Some(text), Ok(data)) => {
                let decoded = text.decode(&data);
                let malformed = |it| Status::internal(format!("request that is no base64: {it}"));
                Ok(Frame::data(decoded.map_err(malformed)?))
            }
            (None, Ok(data)) => Ok(Frame::data(data)),
            (_, Err(frame)) => Ok(frame),
        }
    }

    /// Why the handler doesn't get what has come.
    fn look_at(&mut self, data: Option<&Bytes>) -> Option<Status> {
        if !self.flight.go_on() && self.single {
            return Some(Status::resource_exhausted(BUSY));
        }
        let begun = self.messages.go_on(data?);
        if self.single && self.messages.are_several() {
            let several = "more than one message to a method that takes one";
            return Some(Status::internal(several));
        }
        let fits = begun.is_none_or(|length| self.flight.receive(length));
        (!fits).then(|| Status::resource_exhausted(FULL))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx).map_err(BoxError::from);
        #[cfg(feature = "web")]
        let polled = polled.map(|it| it.map(|frame| frame.and_then(|it| self.decoded(it))));
        let refusal = match &polled {
            Poll::Pending if !self.flight.wait() => Some(Status::resource_exhausted(FULL)),
            Poll::Pending => None,
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref());
                self.look_at(data)
            }
        };
        if let Some(refusal) = refusal {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        #[cfg(feature = "web")]
        if self.text.is_some() {
            return SizeHint::default();
        }
        let exact = SizeHint::with_exact(0);
        self.body.as_ref().map_or(exact, Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.flight.leave(body);
        }
    }
}
