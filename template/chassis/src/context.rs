//! What an RPC carries along on its way through services: its deadline, its
//! request id and its trace, and who made it. The chassis sets it, log lines and the client
//! read it. A task spawned by a handler starts without it, unless it is run
//! inside [`Context::scope`].

mod caller;
pub(crate) mod timeout;
pub(crate) mod trace;
pub(crate) mod traceparent;

use std::{
    borrow::BorrowMut,
    cell::RefCell,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

pub use self::{caller::Caller, trace::Trace};

/// The metadata that holds a request id, as many systems have it.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// The metadata that hold a trace: <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// The context of one RPC.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// What it is a part of.
    pub trace: Option<Arc<Trace>>,
    /// Who made it, if anything shows that.
    pub caller: Option<Arc<Caller>>,
}

impl Caller {
    /// Who makes the RPC that this code runs for, if anything shows it.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        Context::with_current(|context| context.caller.clone()).flatten()
    }
}

impl Context {
    /// The context of the RPC that this code runs for; empty outside of one.
    #[must_use]
    pub fn current() -> Self {
        Self::with_current(Self::clone).unwrap_or_default()
    }

    /// Runs `future` with this context as the current one.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        Scoped::new(self, future)
    }

    /// The same with a context that its owner goes on with.
    pub(crate) fn scope_mut<F: Future>(&mut self, future: F) -> impl Future<Output = F::Output> {
        Scoped::new(self, future)
    }

    /// Runs `f` with this context as the current one.
    pub fn sync_scope<T>(mut self, f: impl FnOnce() -> T) -> T {
        self.sync_scope_mut(f)
    }

    /// The same with a context that its owner goes on with.
    pub(crate) fn sync_scope_mut<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let span = self.trace.as_ref().and_then(|trace| trace.span.clone());
        let _entered = Entered::new(self);
        match span {
            Some(span) => span.in_scope(f),
            None => f(),
        }
    }

    /// Shows `f` the current context, if there is one.
    pub fn with_current<T>(f: impl FnOnce(&Self) -> T) -> Option<T> {
        // Fails where the thread is about to end.
        let shown = CURRENT.try_with(|current| current.borrow().as_ref().map(f));
        shown.ok().flatten()
    }
}

/// Makes `context` the current one, and returns what was. Neither is there where the thread is
/// about to end: what is dropped then has no context.
fn exchange(context: Option<Context>) -> Option<Context> {
    let exchanged = CURRENT.try_with(|current| current.replace(context));
    exchanged.ok().flatten()
}

/// A context that is the current one, until this is dropped. It is moved there and back, since
/// each poll of an RPC does so.
struct Entered<'a> {
    context: &'a mut Context,
    outer: Option<Context>,
}

impl<'a> Entered<'a> {
    fn new(context: &'a mut Context) -> Self {
        let outer = exchange(Some(mem::take(context)));
        Self { context, outer }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let context = exchange(self.outer.take());
        *self.context = context.unwrap_or_default();
    }
}

pin_project! {
    /// A future that runs with a context as the current one, to its drop.
    struct Scoped<C, F>
    where
        C: BorrowMut<Context>,
    {
        context: C,
        #[pin]
        future: Option<F>,
    }

    impl<C, F> PinnedDrop for Scoped<C, F>
    where
        C: BorrowMut<Context>,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let context = this.context.borrow_mut();
                context.sync_scope_mut(|| this.future.set(None));
            }
        }
    }
}

impl<C: BorrowMut<Context>, F> Scoped<C, F> {
    fn new(context: C, future: F) -> Self {
        Self {
            context,
            future: Some(future),
        }
    }
}

impl<C: BorrowMut<Context>, F: Future> Future for Scoped<C, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let context = this.context.borrow_mut();
        context.sync_scope_mut(|| {
            let future = this.future.as_mut().as_pin_mut();
            let polled = future.expect("polled after its end").poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        time::Duration,
    };

    use super::*;

    fn later(seconds: u64) -> Context {
        Context {
            deadline: Some(Instant::now() + Duration::from_secs(seconds)),
            ..Context::default()
        }
    }

    fn deadline() -> Option<Instant> {
        Context::with_current(|context| context.deadline).flatten()
    }

    #[test]
    fn a_scope_within_a_scope_ends_before_it() {
        let (outer, inner) = (later(1), later(2));
        assert!(Context::with_current(|_| ()).is_none());
        let (in_outer, in_inner) = (outer.deadline, inner.deadline);
        outer.sync_scope(|| {
            assert_eq!(deadline(), in_outer);
            inner.sync_scope(|| assert_eq!(deadline(), in_inner));
            assert_eq!(deadline(), in_outer);
        });
        assert!(Context::with_current(|_| ()).is_none());
    }

    #[test]
    fn its_owner_has_it_again_after_a_panic() {
        let mut context = later(1);
        let deadline = context.deadline;
        let panics = || context.sync_scope_mut(|| panic!("within the scope"));
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(context.deadline, deadline);
        assert!(Context::with_current(|_| ()).is_none());
    }

    #[test]
    fn a_future_may_be_dropped_after_all_else_of_its_thread() {
        type Kept = RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>;
        thread_local! {
            static KEPT: Kept = const { RefCell::new(None) };
        }
        let thread = std::thread::spawn(|| {
            // What is used first is dropped last.
            KEPT.take();
            later(1).sync_scope(|| ());
            KEPT.set(Some(Box::pin(later(1).scope(async {}))));
        });
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_future_is_polled_and_dropped_within_its_scope() {
        struct Seen<'a>(&'a RefCell<Vec<Option<Instant>>>);
        impl Drop for Seen<'_> {
            fn drop(&mut self) {
                self.0.borrow_mut().push(deadline());
            }
        }
        let seen = RefCell::default();
        let mut context = later(1);
        let expected = context.deadline;
        let (polled, dropped) = (Seen(&seen), Seen(&seen));
        context.scope_mut(async move { drop(polled) }).await;
        assert_eq!(context.deadline, expected);
        drop(context.scope(async move { drop(dropped) }));
        assert_eq!(*seen.borrow(), [expected; 2]);
    }
}
