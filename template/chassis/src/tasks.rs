//! Work beside RPCs: tasks that are told when the service stops, and that its drain
//! waits for.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::codegen::tokio_stream::Stream;
use tracing::{error, warn};

/// The tasks of a service, from [`Setup::tasks`](crate::Setup::tasks). Clones share them.
///
/// When the drain begins, after `--drain-delay`, the token [`stopping`](Self::stopping) is
/// cancelled. The drain then waits for the tasks as it waits for RPCs, until
/// `--drain-timeout`; what is left of them ends with the process.
///
/// ```
/// use std::time::Duration;
///
/// use chassis::Tasks;
/// use tokio::{sync::mpsc, time::interval};
///
/// fn start(tasks: &Tasks) -> mpsc::Sender<String> {
///     // Something to do now and then, until the service stops.
///     let stopping = tasks.stopping();
///     tasks.spawn("cleanup", async move {
///         let mut hourly = interval(Duration::from_hours(1));
///         while stopping.run_until_cancelled(hourly.tick()).await.is_some() {
///             // Delete what is out of date.
///         }
///     });
///
///     // A queue that RPCs fill. It ends when the last RPC has dropped its sender, so that
///     // nothing of it is lost; and without it the service is of no use.
///     let (orders, mut queue) = mpsc::channel(100);
///     tasks.spawn_essential("shipping", async move {
///         while let Some(order) = queue.recv().await {
///             // Ship it.
/// #           drop::<String>(order);
///         }
///     });
///     orders
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// #     let lifecycle = chassis::lifecycle::Lifecycle::new();
/// #     let orders = start(lifecycle.tasks());
/// #     orders.send("a book".into()).await.unwrap();
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stopping: CancellationToken,
    running: watch::Sender<Running>,
    failure: watch::Sender<Option<Failure>>,
}

/// The names of the tasks that have not ended, by their numbers.
#[derive(Debug, Default)]
struct Running {
    names: BTreeMap<u64, String>,
    next: u64,
}

/// A stream that ends when the service stops: [`Tasks::until_stopping`].
#[derive(Debug)]
pub struct UntilStopping<S> {
    stream: S,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// The end of a task that the service can't do without.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the task \"{task}\", which the service can't do without, has {end}")]
pub(crate) struct Failure {
    task: String,
    end: &'static str,
}

impl Tasks {
    /// Cancelled when the service stops.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// The items of `stream`, until the service stops: a handler's stream then ends with
    /// OK, instead of being cut off at the drain timeout.
    ///
    /// ```
    /// use chassis::Tasks;
    /// use tokio::sync::mpsc;
    /// use tonic::{
    ///     Response, Status,
    ///     codegen::{BoxStream, tokio_stream::wrappers::ReceiverStream},
    /// };
    ///
    /// /// The end of a handler that answers with a stream.
    /// fn answer<T: Send + 'static>(
    ///     tasks: &Tasks,
    ///     prices: mpsc::Receiver<Result<T, Status>>,
    /// ) -> Response<BoxStream<T>> {
    ///     let prices = ReceiverStream::new(prices);
    ///     Response::new(Box::pin(tasks.until_stopping(prices)))
    /// }
    /// # let (_prices, prices) = mpsc::channel(1);
    /// # answer::<u32>(chassis::lifecycle::Lifecycle::new().tasks(), prices);
    /// ```
    #[must_use]
    pub fn until_stopping<S: Stream + Unpin>(&self, stream: S) -> UntilStopping<S> {
        UntilStopping {
            stream,
            stopping: Box::pin(self.stopping().cancelled_owned()),
        }
    }

    /// Runs `task`. The service goes on when it ends, even by a panic, which is logged.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        self.run(name.into(), task, false);
    }

    /// Runs a task that the service can't do without: when it ends before the service
    /// stops, be it by a panic, the service stops as if by SIGTERM, and exits with 1.
    pub fn spawn_essential(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.run(name.into(), task, true);
    }

    fn run(&self, name: String, task: impl Future<Output = ()> + Send + 'static, essential: bool) {
        let tasks = self.clone();
        let number = self.enter(name.clone());
        // In a task of its own, which catches its panics.
        let task = tokio::spawn(task);
        tokio::spawn(async move {
            let end = match task.await {
                Ok(()) => "ended",
                Err(_) => "panicked",
            };
            if essential && !tasks.stopping.is_cancelled() {
                tasks.fail(Failure { task: name, end });
            } else if end == "panicked" {
                error!("The task \"{name}\" has panicked; the service goes on without it");
            }
            tasks.leave(number);
        });
    }

    fn enter(&self, name: String) -> u64 {
        let mut number = 0;
        self.running.send_modify(|running| {
            number = running.next;
            running.next += 1;
            running.names.insert(number, name);
        });
        number
    }

    fn leave(&self, number: u64) {
        self.running
            .send_modify(|running| _ = running.names.remove(&number));
    }

    fn fail(&self, failure: Failure) {
        error!("Stopping: {failure}");
        self.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }

    /// Resolves once a task has ended that the service can't do without.
    pub(crate) async fn failed(&self) {
        let mut failure = self.failure.subscribe();
        // Fails only where the sender is gone, which is `self`.
        let _ = failure.wait_for(Option::is_some).await;
    }

    /// The task that has ended first, of those that the service can't do without.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    /// Tells all that the service stops.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    /// Resolves once all tasks have ended.
    async fn ended(&self) {
        let mut running = self.running.subscribe();
        let _ = running.wait_for(|running| running.names.is_empty()).await;
    }

    /// Waits for the tasks to end, and tells of those that have not by then.
    pub(crate) async fn end_within(&self, time: Duration) {
        if timeout(time, self.ended()).await.is_err() {
            let running = self.running.borrow();
            let names: Vec<_> = running.names.values().map(String::as_str).collect();
            warn!(
                "Drain timeout: these tasks have not ended: {}",
                names.join(", ")
            );
        }
    }
}

impl<S: Stream + Unpin> Stream for UntilStopping<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        match this.stopping.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut this.stream).poll_next(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::codegen::tokio_stream::{self, StreamExt};

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_when_the_service_stops_and_not_before() {
        let tasks = Tasks::default();
        let endless = tokio_stream::iter([1]).chain(tokio_stream::pending());
        let mut stream = tasks.until_stopping(endless);
        assert_eq!(stream.next().await, Some(1));
        tasks.stop();
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn the_end_of_an_essential_task_is_no_failure_once_the_service_stops() {
        let tasks = Tasks::default();
        tasks.spawn_essential("syncing", tasks.stopping().cancelled_owned());
        assert!(!tasks.running.borrow().names.is_empty());
        tasks.stop();
        tasks.ended().await;
        assert!(tasks.failure().is_none());
    }
}
