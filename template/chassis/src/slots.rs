//! Places for a few connections. When all are taken, the connection that has been
//! silent for longest gives way to a new one, so that nobody can keep others out by
//! saying nothing, or by never ending what they say.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet, yield_now},
    time::timeout,
};

/// How long a connection is safe from giving way: who has just connected is about to
/// speak. Should all be that new, the next has to wait.
const SAFE: Duration = Duration::from_millis(20);

/// As many places as were asked for.
pub(crate) struct Slots {
    connections: JoinSet<()>,
    taken: Vec<Slot>,
    places: usize,
    opened: Instant,
}

struct Slot {
    spoke: Spoke,
    gives_way: Arc<Notify>,
    connection: AbortHandle,
}

/// When a connection spoke last.
#[derive(Clone)]
pub(crate) struct Spoke {
    opened: Instant,
    /// In nanoseconds since the slots were opened.
    at: Arc<AtomicU64>,
}

impl Spoke {
    /// It does so now: a whole request is there.
    pub(crate) fn now(&self) {
        let now = self.opened.elapsed().as_nanos();
        let now = now.try_into().unwrap_or(u64::MAX);
        self.at.store(now, Relaxed);
    }

    fn when(&self) -> u64 {
        self.at.load(Relaxed)
    }

    /// How long ago it did.
    fn age(&self) -> Duration {
        let at = Duration::from_nanos(self.when());
        self.opened.elapsed().saturating_sub(at)
    }
}

impl Slots {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            connections: JoinSet::new(),
            taken: Vec::with_capacity(places),
            places,
            opened: Instant::now(),
        }
    }

    /// Lets `connection` run, which is to tell whenever it has spoken. Where there is no place
    /// for it, the most silent of the others is ended first.
    pub(crate) async fn run<C>(&mut self, connection: impl FnOnce(Spoke) -> C)
    where
        C: Future<Output = ()> + Send + 'static,
    {
        self.make_room().await;
        let spoke = Spoke {
            opened: self.opened,
            // As silent as can be is only who has had a chance to speak.
            at: Arc::new(u64::MAX.into()),
        };
        let gives_way = Arc::new(Notify::new());
        let connection = until_asked(connection(spoke.clone()), spoke.clone(), gives_way.clone());
        self.taken.push(Slot {
            spoke,
            gives_way,
            connection: self.connections.spawn(connection),
        });
    }

    async fn make_room(&mut self) {
        loop {
            while self.connections.try_join_next().is_some() {}
            self.taken.retain(|slot| !slot.connection.is_finished());
            if self.taken.len() < self.places {
                return;
            }
            // By when, and not by how long ago: no look at the clock for each of them.
            let silent = self.taken.iter().min_by_key(|slot| slot.spoke.when());
            let Some(silent) = silent else {
                return;
            };
            if silent.spoke.age() >= SAFE {
                silent.gives_way.notify_one();
            }
            // Unless it speaks at the last moment.
            let _ = timeout(SAFE, self.connections.join_next()).await;
        }
    }
}

/// Lets `connection` run until it is asked to give way, and has still not spoken.
async fn until_asked(connection: impl Future<Output = ()>, spoke: Spoke, gives_way: Arc<Notify>) {
    spoke.now();
    let asked = async {
        loop {
            gives_way.notified().await;
            // What has arrived by now is read first.
            yield_now().await;
            if spoke.age() >= SAFE {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = connection => {}
        () = asked => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        sync::{mpsc, oneshot},
        time::sleep,
    };

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
        let spoke = receiver.await.unwrap();
        sleep(2 * SAFE).await;
        spoke
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
    async fn who_has_just_come_does_not_give_way() {
        let mut slots = Slots::new(1);
        let (ended, mut ends) = mpsc::unbounded_channel();
        let first = connect(&mut slots, "first", &ended).await;
        let spoke = Instant::now();
        first.now();
        connect(&mut slots, "second", &ended).await;
        assert_eq!(ends.recv().await, Some("first"));
        assert!(spoke.elapsed() >= SAFE);
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
