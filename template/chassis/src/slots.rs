//! Places for a few connections. When all are taken, the connection that has been
//! silent for longest gives way to a new one, so that nobody can keep others out by
//! saying nothing, or by never ending what they say.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::task::JoinHandle;

/// As many places as were asked for.
pub(crate) struct Slots {
    taken: Vec<Slot>,
    places: usize,
    clock: Arc<AtomicU64>,
}

struct Slot {
    spoke: Spoke,
    connection: JoinHandle<()>,
}

/// When a connection spoke last, by a clock that counts what is said on all of them.
#[derive(Clone)]
pub(crate) struct Spoke {
    at: Arc<AtomicU64>,
    clock: Arc<AtomicU64>,
}

impl Spoke {
    /// It does so now: a whole request is there.
    pub(crate) fn now(&self) {
        self.at.store(self.clock.fetch_add(1, Relaxed), Relaxed);
    }
}

impl Slots {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            taken: Vec::with_capacity(places),
            places,
            clock: Arc::default(),
        }
    }

    /// Lets `connection` run, which is to tell whenever it has spoken. Where there is no place
    /// for it, the most silent of the others is ended first.
    pub(crate) async fn run<C>(&mut self, connection: impl FnOnce(Spoke) -> C)
    where
        C: Future<Output = ()> + Send + 'static,
    {
        self.taken.retain(|slot| !slot.connection.is_finished());
        if self.taken.len() >= self.places {
            let ages = self.taken.iter().map(|slot| slot.spoke.at.load(Relaxed));
            let eldest = ages.enumerate().min_by_key(|(_, age)| *age);
            if let Some((index, _)) = eldest {
                let Slot { connection, .. } = self.taken.swap_remove(index);
                connection.abort();
                // Now its socket is closed, however many come at a time.
                let _ = connection.await;
            }
        }
        let spoke = Spoke {
            at: Arc::default(),
            clock: self.clock.clone(),
        };
        spoke.now();
        let connection = tokio::spawn(connection(spoke.clone()));
        self.taken.push(Slot { spoke, connection });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// A connection that lasts until it is ended, and then says its name.
    async fn connect(
        slots: &mut Slots,
        name: &'static str,
        ended: &mpsc::UnboundedSender<&'static str>,
    ) -> Spoke {
        struct Farewell(mpsc::UnboundedSender<&'static str>, &'static str);
        impl Drop for Farewell {
            fn drop(&mut self) {
                let _ = self.0.send(self.1);
            }
        }
        let farewell = Farewell(ended.clone(), name);
        let (sender, receiver) = oneshot::channel();
        let connection = |spoke: Spoke| {
            let _ = sender.send(spoke);
            async move {
                let _farewell = farewell;
                std::future::pending::<()>().await;
            }
        };
        slots.run(connection).await;
        receiver.await.unwrap()
    }

    #[tokio::test]
    async fn the_most_silent_gives_way() {
        let mut slots = Slots::new(2);
        let (ended, mut ends) = mpsc::unbounded_channel();
        let first = connect(&mut slots, "first", &ended).await;
        let _second = connect(&mut slots, "second", &ended).await;
        assert!(ends.is_empty());
        first.now();
        connect(&mut slots, "third", &ended).await;
        assert_eq!(ends.recv().await, Some("second"));
        connect(&mut slots, "fourth", &ended).await;
        assert_eq!(ends.recv().await, Some("first"));
        assert!(ends.is_empty());
    }

    #[tokio::test]
    async fn what_has_ended_leaves_its_place() {
        let mut slots = Slots::new(1);
        let (ended, mut ends) = mpsc::unbounded_channel();
        slots.run(|_| async {}).await;
        tokio::task::yield_now().await;
        connect(&mut slots, "last", &ended).await;
        assert!(ends.try_recv().is_err());
    }
}
