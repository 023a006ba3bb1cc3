//! Connections that nobody uses, and who gives way when all places are taken.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

/// How long a connection is safe from giving way: a client that connects is about to call.
const SAFE: Duration = Duration::from_secs(1);

/// One in so many connections gives way at a time, since a crowd may be waiting.
const PART: usize = 128;

/// All connections that are open.
#[derive(Default)]
pub(super) struct Crowd {
    members: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
}

/// A connection in the crowd, until it is dropped.
pub(super) struct Member {
    crowd: Arc<Crowd>,
    id: u64,
    pub(super) activity: Arc<Activity>,
}

/// What a connection does.
pub(super) struct Activity {
    /// RPCs in flight.
    rpcs: AtomicUsize,
    opened: Instant,
    /// When the last RPC ended, in nanoseconds since it was opened.
    since: AtomicU64,
    /// Whether it has been asked to make room: once is enough.
    asked: AtomicBool,
    gives_way: Notify,
}

/// An RPC in flight, until it is dropped.
pub(super) struct Busy(Arc<Activity>);

impl Crowd {
    /// A new connection.
    pub(super) fn enter(self: &Arc<Self>) -> Member {
        let activity = Arc::new(Activity {
            rpcs: AtomicUsize::new(0),
            opened: Instant::now(),
            since: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            gives_way: Notify::new(),
        });
        let id = self.next.fetch_add(1, Relaxed);
        self.members().insert(id, activity.clone());
        Member {
            crowd: self.clone(),
            id,
            activity,
        }
    }

    /// Asks those connections to close that have been idle for longest.
    pub(super) fn make_room(&self) {
        let now = Instant::now();
        let members = self.members();
        let idle = members.values().filter_map(|activity| {
            let since = activity.idle_since()?;
            let may = now - since >= SAFE && !activity.asked.load(Relaxed);
            may.then_some((since, activity))
        });
        let mut idle: Vec<_> = idle.collect();
        idle.sort_by_key(|(since, _)| *since);
        for (_, activity) in idle.into_iter().take(1 + members.len() / PART) {
            activity.asked.store(true, Relaxed);
            activity.gives_way.notify_one();
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.members().remove(&self.id);
    }
}

impl Activity {
    /// An RPC has begun.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.rpcs.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    /// When its last RPC has ended, unless one is in flight.
    fn idle_since(&self) -> Option<Instant> {
        let since = Duration::from_nanos(self.since.load(Relaxed));
        (self.rpcs.load(Relaxed) == 0).then(|| self.opened + since)
    }

    /// Whether no RPC is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.rpcs.load(Relaxed) == 0
    }

    /// Resolves when no RPC has been in flight for so long.
    pub(super) async fn idle_for(&self, time: Duration) {
        loop {
            match self.idle_since() {
                Some(since) if since.elapsed() >= time => return,
                Some(since) => sleep_until(since + time).await,
                None => sleep(time).await,
            }
        }
    }

    /// Resolves when it should make room for another connection.
    pub(super) async fn gives_way(&self) {
        self.gives_way.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.rpcs.load(Relaxed) == 1 {
            let since = self.0.opened.elapsed().as_nanos();
            let since = since.try_into().unwrap_or(u64::MAX);
            self.0.since.store(since, Relaxed);
        }
        self.0.rpcs.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A connection whose last RPC ended so long ago.
    fn idle(crowd: &Arc<Crowd>, ago: Duration) -> Member {
        let mut member = crowd.enter();
        member.activity = Arc::new(Activity {
            rpcs: AtomicUsize::new(0),
            opened: Instant::now() - ago,
            since: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            gives_way: Notify::new(),
        });
        crowd.members().insert(member.id, member.activity.clone());
        member
    }

    async fn gives_way(member: &Member) -> bool {
        let asked = timeout(Duration::from_millis(10), member.activity.gives_way());
        asked.await.is_ok()
    }

    #[tokio::test]
    async fn who_has_been_idle_for_longest_gives_way() {
        let crowd = Arc::new(Crowd::default());
        let young = idle(&crowd, 3 * SAFE);
        let busy = idle(&crowd, 5 * SAFE);
        let _rpc = busy.activity.begin();
        let old = idle(&crowd, 4 * SAFE);
        crowd.make_room();
        assert!(gives_way(&old).await);
        assert!(!gives_way(&young).await);
        assert!(!gives_way(&busy).await);
        // The old one takes its time.
        crowd.make_room();
        assert!(gives_way(&young).await);
    }

    #[tokio::test]
    async fn who_has_just_come_does_not_give_way() {
        let crowd = Arc::new(Crowd::default());
        let new = crowd.enter();
        crowd.make_room();
        assert!(!gives_way(&new).await);
    }

    #[tokio::test]
    async fn idle_is_who_has_no_rpc_for_a_while() {
        const WHILE: Duration = Duration::from_millis(50);
        let member = Arc::new(Crowd::default()).enter();
        let rpc = member.activity.begin();
        timeout(2 * WHILE, member.activity.idle_for(WHILE))
            .await
            .unwrap_err();
        let ended = Instant::now();
        drop(rpc);
        member.activity.idle_for(WHILE).await;
        assert!(ended.elapsed() >= WHILE);
    }
}
