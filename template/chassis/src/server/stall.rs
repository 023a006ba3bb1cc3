//! Notices what makes no progress, at the cost of no timer for what does.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use crate::deadline::Deadline;

/// Something that may have to wait, but not without progress.
pub(super) struct Stall {
    patience: Duration,
    /// Its progress when the timer was set.
    seen: u64,
    timer: Option<Deadline>,
}

impl Stall {
    /// Of what may stand still for `patience`, up to twice of it.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            seen: 0,
            timer: None,
        }
    }

    /// It doesn't wait any more.
    pub(super) fn clear(&mut self) {
        self.timer = None;
    }

    /// To be called while it waits: resolves when `progress`, any number that
    /// changes with it, has stayed the same for too long.
    // The timer is not set anew with each bit of progress, only looked at when it fires.
    pub(super) fn poll(&mut self, progress: u64, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let timer = self.timer.get_or_insert_with(|| {
                self.seen = progress;
                Deadline::new(Some(Instant::now() + self.patience))
            });
            let _ = ready!(timer.poll(cx));
            self.timer = None;
            if self.seen == progress {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn what_stands_still_is_noticed() {
        let mut stall = Stall::new(PATIENCE);
        let began = Instant::now();
        poll_fn(|cx| stall.poll(7, cx)).await;
        assert!(began.elapsed() >= PATIENCE);
    }

    #[tokio::test]
    async fn what_goes_on_is_not() {
        let mut stall = Stall::new(PATIENCE);
        let began = Instant::now();
        // Woken by the timer alone, and each time it has come further, for a while.
        poll_fn(|cx| {
            let progress = began.elapsed().min(10 * PATIENCE).as_nanos();
            stall.poll(progress.try_into().unwrap(), cx)
        })
        .await;
        assert!(began.elapsed() >= 10 * PATIENCE);
    }
}
