//! The body of a request, to be sent again by the next attempt: what was sent is
//! kept until the call is answered, as far as that is bounded.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tonic::{Status, body::Body};

/// Bytes to keep. 4 MiB: the largest message, which a unary request is one of.
const MAX_KEPT: usize = 4 * 1024 * 1024 + 5;

/// The body of a request.
pub(super) struct Replay(Arc<Mutex<Source>>);

/// The body, as one attempt sends it.
pub(super) struct Attempt {
    source: Arc<Mutex<Source>>,
    number: u32,
    /// Where it is in what was kept.
    next: usize,
}

struct Source {
    body: Body,
    kept: Vec<Bytes>,
    size: usize,
    /// Whether all that was sent is kept.
    whole: bool,
    /// The number of the attempt that may send.
    attempt: u32,
}

impl Replay {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Source {
            body,
            kept: Vec::new(),
            size: 0,
            whole: true,
            attempt: 0,
        })))
    }

    /// The body for the next attempt. The one before ends.
    pub(super) fn attempt(&self) -> Attempt {
        let mut source = lock(&self.0);
        source.attempt += 1;
        Attempt {
            source: self.0.clone(),
            number: source.attempt,
            next: 0,
        }
    }

    /// Whether another attempt can send all of it.
    pub(super) fn is_whole(&self) -> bool {
        lock(&self.0).whole
    }

    /// There will be no other attempt: nothing needs to be kept any longer.
    pub(super) fn answered(&self) {
        lock(&self.0).whole = false;
    }
}

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let source = &mut *lock(&this.source);
        if source.attempt != this.number {
            return Poll::Ready(Some(Err(Status::cancelled("tried again"))));
        }
        if let Some(bytes) = source.kept.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(bytes.clone()))));
        }
        if !source.whole {
            source.kept = Vec::new();
            this.next = 0;
        }
        let frame = ready!(Pin::new(&mut source.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
            && source.whole
        {
            source.size += bytes.len();
            source.whole = source.size <= MAX_KEPT;
            if source.whole {
                source.kept.push(bytes.clone());
                this.next += 1;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        is_sent(&source, self.next) && source.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let source = lock(&self.source);
        if is_sent(&source, self.next) {
            source.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}

/// Whether nothing of what was kept is still to be sent.
fn is_sent(source: &Source, next: usize) -> bool {
    next >= source.kept.len()
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};
    use tonic::codegen::tokio_stream;

    use super::*;

    async fn sent(attempt: Attempt) -> String {
        let bytes = attempt.collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.into()).unwrap()
    }

    fn body(parts: &[&'static str]) -> Body {
        let frames: Vec<_> = parts
            .iter()
            .map(|part| Ok::<_, Status>(Frame::data(Bytes::from_static(part.as_bytes()))))
            .collect();
        Body::new(StreamBody::new(tokio_stream::iter(frames)))
    }

    #[tokio::test]
    async fn each_attempt_sends_all_of_it() {
        let replay = Replay::new(body(&["one ", "two ", "three"]));
        let mut broken = replay.attempt();
        broken.frame().await.unwrap().unwrap();
        assert_eq!(sent(replay.attempt()).await, "one two three");
        assert_eq!(sent(replay.attempt()).await, "one two three");
        assert!(replay.is_whole());
        broken.frame().await.unwrap().unwrap_err();
    }

    #[tokio::test]
    async fn what_is_answered_goes_on_but_is_not_kept() {
        let replay = Replay::new(body(&["one ", "two ", "three"]));
        let mut attempt = replay.attempt();
        attempt.frame().await.unwrap().unwrap();
        replay.answered();
        assert!(!replay.is_whole());
        assert_eq!(sent(attempt).await, "two three");
    }

    #[tokio::test]
    async fn what_is_too_large_to_be_kept_is_sent_once() {
        let large = Bytes::from(vec![b'x'; MAX_KEPT + 1]);
        let replay = Replay::new(Body::new(Full::new(large)));
        assert_eq!(sent(replay.attempt()).await.len(), MAX_KEPT + 1);
        assert!(!replay.is_whole());
    }
}
