//! The response to a call: read as far as it has to be there before the call counts
//! as answered, and handed on.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as HttpBody, Bytes, Frame},
    http::response::Parts,
};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body};

use super::{
    failure::Failure,
    pool::{Member, Pool},
};
use crate::{contract::Shape, deadline::Deadline, telemetry::methods::InFlight};

/// Bytes of a response with one message to read before it is handed on: one more
/// than the 4 MiB that a generated client takes at most, and their prefix.
const MAX_READ: usize = 4 * 1024 * 1024 + 5 + 1;

/// Frames of it to keep until then, however little is in each. 4096: 4 MiB, if each is
/// of one KiB.
const MAX_FRAMES: usize = 4096;

/// How long a stream of replies may keep its caller waiting for the first of them. A
/// service that fails does so at once; one that has nothing to say yet may be silent
/// for hours.
const FIRST_REPLY: Duration = Duration::from_secs(1);

/// A response that can't fail any more in a way that another attempt would mend.
pub(super) struct Begun {
    head: Parts,
    frames: VecDeque<Frame<Bytes>>,
    rest: Option<Body>,
    connection: Option<(Arc<Pool>, Member)>,
}

/// The body of the response, to the end of its call.
pub(super) struct CallBody {
    frames: VecDeque<Frame<Bytes>>,
    rest: Option<Body>,
    connection: Option<(Arc<Pool>, Member)>,
    in_flight: InFlight,
    deadline: Deadline,
}

impl Begun {
    /// Reads a response with one message to its end, and that of a server's stream to
    /// its first message, or until `latest` or [`FIRST_REPLY`] have passed. What may be
    /// a stream both ways has begun with its head: its first message may be an answer
    /// to what the caller is yet to say.
    pub(super) async fn read(
        response: Response<Body>,
        shape: Option<Shape>,
        latest: Instant,
    ) -> Result<Self, Failure> {
        let (head, mut body) = response.into_parts();
        failure_of_head(&head)?;
        let (wanted, until) = match shape {
            Some(Shape::Unary | Shape::ClientStream) => (MAX_READ, latest),
            Some(Shape::ServerStream) => (1, latest.min(Instant::now() + FIRST_REPLY)),
            Some(Shape::BidiStream) | None => (0, latest),
        };
        let (mut frames, mut size) = (VecDeque::new(), 0);
        let mut ended = body.is_end_stream();
        while !ended && size < wanted && frames.len() < MAX_FRAMES {
            let Ok(frame) = timeout_at(until, body.frame()).await else {
                break;
            };
            let Some(frame) = frame else {
                ended = true;
                break;
            };
            let frame = frame.map_err(Failure::from)?;
            if let Some(trailers) = frame.trailers_ref() {
                failure_of(trailers)?;
            }
            size += frame.data_ref().map_or(0, Bytes::len);
            ended = frame.is_trailers();
            frames.push_back(frame);
        }
        Ok(Self {
            head,
            frames,
            rest: (!ended).then_some(body),
            connection: None,
        })
    }

    /// It came on the connection of `member`.
    pub(super) fn on(self, pool: Arc<Pool>, member: Member) -> Self {
        Self {
            connection: Some((pool, member)),
            ..self
        }
    }
}

/// The failure that the head of a response tells of, if any. It is that of HTTP where
/// no service has answered, but a proxy.
///
/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn failure_of_head(head: &Parts) -> Result<(), Failure> {
    failure_of(&head.headers)?;
    if head.status == StatusCode::OK || head.headers.contains_key(Status::GRPC_STATUS) {
        return Ok(());
    }
    let code = match head.status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    let message = format!("no answer of gRPC, but HTTP {}", head.status);
    Err(Failure::from(Status::new(code, message)))
}

/// The failure that headers or trailers tell of, if any.
fn failure_of(headers: &HeaderMap) -> Result<(), Failure> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(Failure::from(status)),
        _ => Ok(()),
    }
}

impl CallBody {
    /// What the caller gets of a call, which has to end at `end`.
    pub(super) fn response(
        begun: Begun,
        mut in_flight: InFlight,
        end: Option<Instant>,
    ) -> Response<Body> {
        see(&begun.head.headers, &mut in_flight);
        let answer = Self {
            frames: begun.frames,
            rest: begun.rest,
            connection: begun.connection,
            in_flight,
            deadline: Deadline::new(end),
        };
        Response::from_parts(begun.head, Body::new(answer))
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let Poll::Ready(outcome) = Pin::new(rest).poll_frame(cx) else {
            return self.deadline.poll(cx).map(|status| Some(Err(status)));
        };
        let outcome = outcome.map(|frame| frame.map_err(|status| self.lost(status)));
        Poll::Ready(outcome)
    }

    /// The status of a response that broke off, most likely with its connection.
    fn lost(&self, status: Status) -> Status {
        let failure = Failure::from(status);
        if failure.disconnected
            && let Some((pool, member)) = &self.connection
        {
            pool.lose(member, failure.status.message());
        }
        failure.status
    }
}

/// Notes the status in `headers` or trailers, if it is there.
fn see(headers: &HeaderMap, in_flight: &mut InFlight) {
    if let Some(code) = headers.get(&Status::GRPC_STATUS) {
        in_flight.code = Some(Code::from_bytes(code.as_bytes()));
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let outcome = match this.frames.pop_front() {
            Some(frame) => Some(Ok(frame)),
            None => ready!(this.poll_rest(cx)),
        };
        match &outcome {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    see(trailers, &mut this.in_flight);
                }
            }
            Some(Err(status)) => {
                this.rest = None;
                this.in_flight.code = Some(status.code());
            }
            None => {}
        }
        Poll::Ready(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::StreamBody;
    use tonic::codegen::tokio_stream::{self, StreamExt};

    use super::*;

    #[tokio::test]
    async fn a_response_in_crumbs_is_handed_on_before_its_end() {
        let crumb = Bytes::from_static(b"x");
        let crumbs = vec![crumb; MAX_FRAMES].into_iter().map(Frame::data);
        let crumbs = crumbs.map(Ok::<_, Infallible>);
        let endless = tokio_stream::iter(crumbs).chain(tokio_stream::pending());
        let response = Response::new(Body::new(StreamBody::new(endless)));
        let latest = Instant::now() + Duration::from_hours(1);
        let begun = Begun::read(response, Some(Shape::Unary), latest).await;
        assert!(begun.unwrap().rest.is_some());
    }
}
