//! When an RPC, or a stream, has to have ended.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};
use tonic::Status;

/// A deadline, or none. What never waits needs no timer, so there is none until
/// it is polled.
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(crate) fn new(at: Option<Instant>) -> Self {
        Self { at, timer: None }
    }

    /// DEADLINE_EXCEEDED, once it has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        // What is busy all the time has no budget left for its timer.
        pin!(unconstrained(timer.as_mut()))
            .poll(cx)
            .map(|()| Status::deadline_exceeded("the deadline has passed"))
    }

    /// What `future` comes to, if it does in time.
    pub(crate) async fn end<T>(
        mut self,
        mut future: impl Future<Output = T> + Unpin,
    ) -> Result<T, Status> {
        poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::consume_budget;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn what_is_busy_all_the_time_ends_at_its_deadline() {
        let busy = Box::pin(async {
            loop {
                consume_budget().await;
            }
        });
        let ended: Result<(), _> = Deadline::new(Some(Instant::now())).end(busy).await;
        assert_eq!(ended.unwrap_err().code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn what_is_done_in_time_needs_no_timer() {
        let done = Box::pin(async { "done" });
        let ended = Deadline::new(Some(Instant::now())).end(done).await;
        assert_eq!(ended.unwrap(), "done");
    }
}
