//! One RPC as its connection sees it: how far its peer has taken the response,
//! and what is left of the request when the response has ended.
//!
//! hyper doesn't poll a response that waits for flow-control window, so that nothing
//! within it, such as its deadline, can end it. [`Guarded`], around all of the
//! RPC, does.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Incoming};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{
    idle::Busy,
    limits::MAX_MESSAGE_SIZE,
    memory::{Charge, Holdings},
    shares::Permit,
    stall::Stall,
};
use crate::deadline::Deadline;

/// How long the rest of a request is read that nobody wants: what is on its way, or
/// a message that a client goes on sending although it has been answered.
const REST_TIME: Duration = Duration::from_secs(5);

/// How much of it: one message, give or take.
const REST_SIZE: usize = MAX_MESSAGE_SIZE + 64 * 1024;

/// What an RPC itself takes that has to wait, in bytes: its task, its stream, its metadata
/// as far as that is [`LIGHT`].
const ITSELF: usize = 8 * 1024;

/// Metadata that takes so many bytes need not be counted by itself: that of nearly all RPCs.
const LIGHT: usize = 4 * 1024;

/// What each of its fields takes beside its bytes, in a map that keeps as much free.
const FIELD: usize = 200;

/// What the parts of one RPC tell each other.
pub(super) struct Flight {
    pub(super) holdings: Arc<Holdings>,
    /// When its caller stops waiting.
    deadline: OnceLock<Instant>,
    /// How many pieces of the response there were, times two; plus one as long as the
    /// last waits to be taken.
    sent: AtomicU64,
    /// Whether it was ended because its peer didn't take the response in time.
    late: AtomicBool,
    /// Whether its permit is held by none but its own connection.
    waits: AtomicBool,
    has: Mutex<Has>,
}

/// What an RPC has.
#[derive(Default)]
struct Has {
    permit: Option<Permit>,
    /// Of the message that it is receiving, or has received.
    message: Option<Charge>,
    /// Of itself, since it had to wait.
    itself: Option<Charge>,
    /// Of its metadata, where there is much.
    metadata: Option<Charge>,
    /// What nobody reads any more of its request.
    rest: Option<Incoming>,
}

impl Flight {
    /// Nothing has happened yet.
    pub(super) fn new(holdings: Arc<Holdings>) -> Self {
        Self {
            holdings,
            deadline: OnceLock::new(),
            sent: AtomicU64::new(0),
            late: AtomicBool::new(false),
            waits: AtomicBool::new(false),
            has: Mutex::default(),
        }
    }

    /// Its caller waits until `deadline`.
    pub(super) fn due(&self, deadline: Instant) {
        // Fails where it has been told already.
        let _ = self.deadline.set(deadline);
    }

    /// Its metadata is of so many bytes, in so many fields. False where there is no room
    /// for them.
    pub(super) fn carry(&self, bytes: usize, fields: usize) -> bool {
        let bytes = bytes + fields * FIELD;
        if bytes <= LIGHT {
            return true;
        }
        // What it was read into stays as long as it does, and is larger.
        let metadata = self.holdings.charge(2 * bytes);
        let room = metadata.is_some();
        self.has().metadata = metadata;
        room
    }

    /// It may be handled.
    pub(super) fn admit(&self, permit: Permit) {
        self.has().permit = Some(permit);
    }

    /// It has been handled.
    pub(super) fn handled(&self) {
        let mut has = self.has();
        has.permit = None;
        has.message = None;
    }

    /// A message of so many bytes is to be received, in the place of the one before it, or
    /// there is no room for it.
    pub(super) fn receive(&self, bytes: usize) -> bool {
        let mut has = self.has();
        has.message = None;
        // As it comes, and once more as what it means.
        has.message = self.holdings.charge(bytes.saturating_mul(2));
        has.message.is_some()
    }

    /// Its handler can't go on before its client does something. False where there is no
    /// room for an RPC that waits.
    pub(super) fn wait(&self) -> bool {
        let mut has = self.has();
        if let Some(permit) = &mut has.permit {
            permit.wait();
            self.waits.store(true, Relaxed);
        }
        if has.itself.is_none() {
            has.itself = self.holdings.charge(ITSELF);
        }
        has.itself.is_some()
    }

    /// The same from the start, for most of its life.
    pub(super) fn wait_from_the_start(&self) -> bool {
        let itself = self.holdings.charge_lasting(ITSELF);
        let room = itself.is_some();
        self.has().itself = itself;
        room && self.wait()
    }

    /// The client has done something. False where its handler should not go on now,
    /// since there is too much else to do.
    pub(super) fn go_on(&self) -> bool {
        if !self.waits.load(Relaxed) {
            return true;
        }
        let may = (self.has().permit.as_mut()).is_none_or(Permit::go_on);
        self.waits.store(!may, Relaxed);
        may
    }

    /// A piece of the response waits to be taken.
    pub(super) fn sending(&self) {
        self.sent.store((self.sent.load(Relaxed) | 1) + 2, Relaxed);
    }

    /// It was taken: there is room for the next.
    pub(super) fn sent(&self) {
        self.sent.store(self.sent.load(Relaxed) & !1, Relaxed);
    }

    /// Whether the peer did not take the response in time.
    pub(super) fn is_late(&self) -> bool {
        self.late.load(Relaxed)
    }

    /// Nobody reads this request any more.
    pub(super) fn leave(&self, request: Incoming) {
        self.has().rest = Some(request);
    }

    fn has(&self) -> MutexGuard<'_, Has> {
        self.has.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pin_project! {
    /// An RPC, from its first poll to the end of its stream.
    pub(super) struct Guarded<F> {
        #[pin]
        rpc: Option<F>,
        flight: Arc<Flight>,
        _busy: Busy,
        patience: Duration,
        // In boxes, since an RPC is as large as its task, which is moved around.
        late: Option<Box<Late>>,
        rest: Option<Box<Rest>>,
    }
}

impl<F> Guarded<F> {
    /// `rpc`, whose peer may take nothing of the response for `patience`.
    pub(super) fn new(rpc: F, flight: Arc<Flight>, busy: Busy, patience: Duration) -> Self {
        Self {
            rpc: Some(rpc),
            flight,
            _busy: busy,
            patience,
            late: None,
            rest: None,
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if let Some(rpc) = this.rpc.as_mut().as_pin_mut() {
            if rpc.poll(cx).is_pending() {
                let sent = this.flight.sent.load(Relaxed);
                if sent & 1 == 0 {
                    // It waits for its handler, which has a deadline of its own.
                    if let Some(late) = this.late {
                        late.stall.clear();
                    }
                    return Poll::Pending;
                }
                let room = this.flight.wait();
                let late = this.late.get_or_insert_with(|| {
                    let due = this.flight.deadline.get().copied();
                    Box::new(Late {
                        deadline: Deadline::new(due),
                        stall: Stall::new(*this.patience),
                    })
                });
                if room && late.deadline.poll(cx).is_pending() {
                    ready!(late.stall.poll(sent, cx));
                }
                // Dropped before its end, hyper and h2 reset the stream.
                this.flight.late.store(true, Relaxed);
                this.rpc.set(None);
                return Poll::Ready(());
            }
            this.rpc.set(None);
            let Some(rest) = this.flight.has().rest.take() else {
                return Poll::Ready(());
            };
            *this.rest = Some(Box::new(Rest::new(rest)));
        }
        this.rest.as_mut().map_or(Poll::Ready(()), |it| it.poll(cx))
    }
}

/// When a response that waits for its peer has waited for too long.
struct Late {
    deadline: Deadline,
    stall: Stall,
}

/// What is left of a request that has been answered. To drop it resets the stream, as
/// RFC 9113 allows (section 8.1), but h2 remembers only few such streams: what still
/// comes in on the others is an error to it, and after some of these it closes the
/// connection of a client that did nothing wrong. So it is read to its end, and only
/// dropped where that would take too long.
struct Rest {
    request: Incoming,
    read: usize,
    deadline: Deadline,
}

impl Rest {
    fn new(request: Incoming) -> Self {
        Self {
            request,
            read: 0,
            deadline: Deadline::new(Some(Instant::now() + REST_TIME)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.request).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.read += frame.data_ref().map_or(0, Bytes::len);
                    if self.read > REST_SIZE {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.deadline.poll(cx).map(drop),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::server::{idle::Crowd, memory::Memory};

    const PATIENCE: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_hours(1);

    fn guarded(flight: &Arc<Flight>, patience: Duration) -> Guarded<impl Future<Output = ()>> {
        let member = Arc::new(Crowd::default()).enter();
        let busy = member.activity.begin();
        Guarded::new(pending(), flight.clone(), busy, patience)
    }

    #[tokio::test]
    async fn what_waits_for_its_peer_ends_at_its_callers_deadline() {
        let flight = Arc::new(Flight::new(Memory::new(usize::MAX).open()));
        flight.due(Instant::now() + PATIENCE);
        flight.sending();
        guarded(&flight, LONG).await;
        assert!(flight.is_late());
    }

    #[tokio::test]
    async fn what_waits_for_its_peer_ends_without_a_deadline_too() {
        let flight = Arc::new(Flight::new(Memory::new(usize::MAX).open()));
        flight.sending();
        guarded(&flight, PATIENCE).await;
        assert!(flight.is_late());
    }

    #[tokio::test]
    async fn what_waits_for_its_handler_is_not_ended_from_here() {
        let flight = Arc::new(Flight::new(Memory::new(usize::MAX).open()));
        flight.due(Instant::now());
        flight.sending();
        flight.sent();
        let ended = tokio::time::timeout(2 * PATIENCE, guarded(&flight, PATIENCE));
        ended.await.unwrap_err();
        assert!(!flight.is_late());
    }
}
