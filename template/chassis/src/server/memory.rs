//! What is held for peers: requests that are being received, and responses until
//! their socket has taken them. In all it has a limit, and each connection a share.
//!
//! What a connection needs in any case isn't counted here: its buffers for IO, some
//! 100 KiB, and [`UNCOUNTED`]. So who asks for little is answered even where
//! others have taken all that there is.
//!
//! The share is a dynamic threshold, as that of the permits is (`shares`): a connection
//! may take more as long as what it has is less than [`TIMES`] what is free.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;

/// How many times what is free one connection may have.
const TIMES: usize = 2;

/// The same of what lasts: up to a half is so, and up to two thirds in all.
const TIMES_LASTING: usize = 1;

/// Bytes of each connection that are not counted.
const UNCOUNTED: usize = 64 * 1024;

/// What is said to those who are refused.
pub(super) const FULL: &str = "too much memory is in use for requests and responses";

/// What may be held for all.
pub(super) struct Memory {
    total: usize,
    used: AtomicUsize,
    connections: AtomicUsize,
    /// The most that was held since it was last asked for.
    peak: AtomicUsize,
}

/// What is held for one connection.
pub(super) struct Holdings {
    memory: Arc<Memory>,
    bytes: AtomicUsize,
    /// Pieces of responses on their way to the socket, and how many got there.
    pieces: AtomicUsize,
    sent: AtomicU64,
}

/// Bytes that are held, until it is dropped.
pub(super) struct Charge {
    holdings: Arc<Holdings>,
    bytes: usize,
    /// Whether they are on their way to the socket.
    sent: bool,
}

impl Memory {
    /// Of so many bytes.
    pub(super) fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            used: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        })
    }

    /// What is held, with as much as each connection may have that isn't counted.
    pub(super) fn held(&self) -> usize {
        not_below_zero(self.used.load(Relaxed)) + self.connections.load(Relaxed) * UNCOUNTED
    }

    /// The most that was held, since the last peak was forgotten.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// From here on.
    pub(super) fn forget_peak(&self) {
        self.peak.store(self.held(), Relaxed);
    }

    fn see(&self) {
        self.peak.fetch_max(self.held(), Relaxed);
    }

    /// What a new connection holds: nothing yet.
    pub(super) fn open(self: &Arc<Self>) -> Arc<Holdings> {
        self.connections.fetch_add(1, Relaxed);
        self.see();
        Arc::new(Holdings {
            memory: self.clone(),
            bytes: AtomicUsize::new(0),
            pieces: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        })
    }
}

impl Holdings {
    /// Holds so many bytes more, if there is room for them.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        self.charge_up_to(TIMES, bytes)
    }

    /// The same for what is going to stay, and still has to have room for what it does.
    pub(super) fn charge_lasting(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        self.charge_up_to(TIMES_LASTING, bytes)
    }

    fn charge_up_to(self: &Arc<Self>, times: usize, bytes: usize) -> Option<Charge> {
        let before = self.bytes.fetch_add(bytes, Relaxed);
        // Taken in any case, so that it can be given back by the one rule there is.
        let charge = Charge {
            holdings: self.clone(),
            bytes,
            sent: false,
        };
        let counted = counted(before.wrapping_add(bytes)) - counted(before);
        if counted == 0 {
            return Some(charge);
        }
        let used = self.memory.used.fetch_add(counted, Relaxed);
        self.memory.see();
        let free = self.memory.total.saturating_sub(not_below_zero(used));
        let fits = counted <= free && self::counted(before) < times.saturating_mul(free);
        fits.then_some(charge)
    }

    /// Resolves when there are pieces of which none has got to the socket for so long.
    pub(super) async fn stuck(&self, patience: Duration) {
        loop {
            let before = self.sent.load(Relaxed);
            sleep(patience).await;
            if self.pieces.load(Relaxed) > 0 && self.sent.load(Relaxed) == before {
                return;
            }
        }
    }
}

impl Charge {
    /// They go to the socket.
    pub(super) fn send(mut self) -> Self {
        self.sent = true;
        self.holdings.pieces.fetch_add(1, Relaxed);
        self
    }

    /// A part of them, which weighs nothing by itself, goes to the socket.
    pub(super) fn send_part(&self) -> Self {
        let part = Self {
            holdings: self.holdings.clone(),
            bytes: 0,
            sent: false,
        };
        part.send()
    }
}

/// What is used is less than nothing for a moment, where an end is counted before its begin is.
fn not_below_zero(used: usize) -> usize {
    used.cast_signed().max(0).cast_unsigned()
}

/// How many of the bytes of a connection are counted.
fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(UNCOUNTED)
}

impl Drop for Holdings {
    fn drop(&mut self) {
        self.memory.connections.fetch_sub(1, Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let before = self.holdings.bytes.fetch_sub(self.bytes, Relaxed);
        let counted = counted(before) - counted(before.wrapping_sub(self.bytes));
        if counted > 0 {
            self.holdings.memory.used.fetch_sub(counted, Relaxed);
        }
        if self.sent {
            self.holdings.pieces.fetch_sub(1, Relaxed);
            // Enough to see whether there are any: no count.
            let sent = &self.holdings.sent;
            sent.store(sent.load(Relaxed) + 1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::{Instant, timeout};

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn an_end_that_is_counted_before_its_begin_is_no_lack_of_room() {
        let memory = Memory::new(MIB);
        memory.used.fetch_sub(1, Relaxed);
        let holdings = memory.open();
        assert!(holdings.charge(UNCOUNTED + 1).is_some());
    }

    /// As many MiB as `holdings` can get.
    fn all(holdings: &Arc<Holdings>) -> Vec<Charge> {
        std::iter::from_fn(|| holdings.charge(MIB)).collect()
    }

    #[test]
    fn who_takes_all_it_gets_leaves_some_for_others() {
        let memory = Memory::new(64 * MIB);
        let [first, second] = [memory.open(), memory.open()];
        let taken = all(&first);
        assert!((40..50).contains(&taken.len()), "{}", taken.len());
        assert!(all(&second).len() > 8);
        drop(taken);
        assert!(
            all(&second).len() > 40,
            "what was given back is there again"
        );
        assert_eq!(memory.used.load(Relaxed), 0);
        assert_eq!(first.bytes.load(Relaxed), 0);
    }

    #[test]
    fn who_needs_little_is_not_counted() {
        let memory = Memory::new(MIB);
        let greedy: Vec<_> = (0..10).map(|_| memory.open()).collect();
        let taken = |it| std::iter::from_fn(move || Holdings::charge(it, 10_000));
        let _taken: Vec<_> = greedy.iter().flat_map(taken).collect();
        let modest = memory.open();
        assert!(taken(&modest).take(6).count() == 6);
    }

    #[test]
    fn there_is_no_limit_where_none_is_asked_for() {
        let memory = Memory::new(usize::MAX);
        assert!(memory.open().charge(usize::MAX / 4).is_some());
    }

    #[tokio::test]
    async fn what_does_not_get_to_the_socket_is_noticed() {
        const PATIENCE: Duration = Duration::from_millis(20);
        let holdings = Memory::new(MIB).open();
        let sent = || holdings.charge(1).unwrap().send();
        let (first, _second) = (sent(), sent());
        let began = Instant::now();
        let mut stuck = pin!(holdings.stuck(PATIENCE));
        timeout(Duration::ZERO, &mut stuck).await.unwrap_err();
        drop(first);
        stuck.await;
        // Once it had to look again.
        assert!(began.elapsed() >= 2 * PATIENCE);
    }
}
