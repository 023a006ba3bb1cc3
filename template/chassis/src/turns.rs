//! Work that takes a core for a while, such as a TLS handshake: only some of it may
//! stand in the runtime's queue at a time, so that a flood of it costs all else there
//! no more than a short wait.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::pin,
    task::Poll,
};

use tokio::{sync::Semaphore, task::yield_now};

/// So many may be polled at a time; the others stand in line.
pub(crate) struct Turns(Semaphore);

impl Turns {
    pub(crate) fn new(at_a_time: usize) -> Self {
        Self(Semaphore::new(at_a_time))
    }

    /// Does `work`, each poll of it with a turn. While it waits for its peer it has none, so
    /// who is slow keeps nobody waiting.
    pub(crate) async fn run<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            // Fails only where the semaphore is closed, which it never is.
            let turn = self.0.acquire().await;
            // All else in the queue goes first: else the next turn would come right after
            // this one, and so on.
            yield_now().await;
            let polled = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
            drop(turn);
            if let Poll::Ready(done) = polled {
                return done;
            }
            woken().await;
        }
    }
}

/// Resolves when the task is polled again, since something else has woken it.
async fn woken() {
    let mut polled = false;
    poll_fn(|_| {
        if mem::replace(&mut polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex},
    };

    use tokio::{sync::oneshot, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_peer_keeps_nobody_waiting() {
        let turns = Arc::new(Turns::new(1));
        let slow = turns.clone();
        tokio::spawn(async move { slow.run(pending::<()>()).await });
        yield_now().await;
        assert_eq!(turns.run(async { 7 }).await, 7);
    }

    #[tokio::test]
    async fn work_that_is_woken_goes_on() {
        let (sender, receiver) = oneshot::channel();
        let turns = Turns::new(1);
        let (came, ()) = tokio::join!(turns.run(receiver), async {
            yield_now().await;
            sender.send(7).unwrap();
        });
        assert_eq!(came, Ok(7));
    }

    #[tokio::test]
    async fn a_flood_of_work_lets_others_in_between() {
        const FLOOD: usize = 100;
        let turns = Arc::new(Turns::new(2));
        let done = Arc::new(Mutex::new(0));
        let mut all = JoinSet::new();
        for _ in 0..FLOOD {
            let (turns, done) = (turns.clone(), done.clone());
            all.spawn(async move { turns.run(async { *done.lock().unwrap() += 1 }).await });
        }
        // It is behind all of them in the queue, and has to wait for few.
        let before = Arc::new(Mutex::new(0));
        let (seen, done_by_then) = (before.clone(), done.clone());
        all.spawn(async move { *seen.lock().unwrap() = *done_by_then.lock().unwrap() });
        all.join_all().await;
        let before = *before.lock().unwrap();
        assert!(before < FLOOD / 4, "{before} of {FLOOD} came first");
        assert_eq!(*done.lock().unwrap(), FLOOD);
    }
}
