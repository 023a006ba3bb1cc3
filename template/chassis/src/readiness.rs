//! What a service that runs has to have before it is ready, such as its upstream. Health,
//! `/readyz` and the log follow.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::telemetry::panics;

/// The conditions that are not met, as a service is ready only while there is none. Clones
/// share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<watch::Sender<Unmet>>);

/// Conditions that are not met, and why.
#[derive(Debug, Default)]
pub(crate) struct Unmet {
    conditions: BTreeMap<u64, String>,
    next: u64,
}

impl Readiness {
    /// A condition of this name, which is not met yet.
    pub(crate) fn condition(&self, name: impl Into<String>) -> Condition {
        let name = name.into();
        let mut number = 0;
        self.0.send_modify(|unmet| {
            number = unmet.next;
            unmet.next += 1;
            unmet.conditions.insert(number, name.clone());
        });
        Condition {
            name,
            number,
            readiness: self.clone(),
        }
    }

    /// What is not met now, and every change of it.
    pub(crate) fn watch(&self) -> watch::Receiver<Unmet> {
        self.0.subscribe()
    }
}

impl Unmet {
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.conditions.values().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{reason}")?;
        }
        Ok(())
    }
}

/// Something that a service is ready only while it has it. It is not met until it is said
/// to be, and is none any more once this is dropped.
#[derive(Debug)]
pub struct Condition {
    name: String,
    number: u64,
    readiness: Readiness,
}

impl Condition {
    /// It is there.
    pub fn met(&self) {
        if self.forget() {
            info!("{} is there", self.name);
        }
    }

    /// It is not there, or not any more, and why; logged when that changes.
    pub fn unmet(&self, reason: impl Display) {
        let reason = format!("{}: {reason}", self.name);
        self.readiness.0.send_if_modified(|unmet| {
            let known = unmet.conditions.get(&self.number) == Some(&reason);
            if !known {
                warn!("Not ready: {reason}");
                unmet.conditions.insert(self.number, reason);
            }
            !known
        });
    }

    /// It is there as long as `probe` says so, which is asked so often.
    pub(crate) async fn follow<F, E>(self, interval: Duration, mut probe: impl FnMut() -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        loop {
            match answer(&mut probe, interval).await {
                Ok(()) => self.met(),
                Err(reason) => self.unmet(reason),
            }
            sleep(interval).await;
        }
    }

    fn forget(&self) -> bool {
        let forget = |unmet: &mut Unmet| unmet.conditions.remove(&self.number).is_some();
        self.readiness.0.send_if_modified(forget)
    }
}

/// What `probe` answers within `time`. A panic is an answer, too: with the condition that it
/// would drop, the service would be ready.
async fn answer<F, E>(probe: impl FnOnce() -> F, time: Duration) -> Result<(), String>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    const PANICKED: &str = "the probe has panicked";
    let probe = panics::caught(probe).map_err(|_| PANICKED)?;
    let answer = tokio::spawn(async move {
        let answer = timeout(time, probe).await;
        answer.map(|answer| answer.map_err(|reason| reason.to_string()))
    });
    match answer.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(format!("no answer within {time:?}")),
        Err(_) => Err(PANICKED.into()),
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_while_all_conditions_are_met() {
        let readiness = Readiness::default();
        let shown = || readiness.watch().borrow().to_string();
        assert!(readiness.watch().borrow().is_empty());
        let one = readiness.condition("one");
        let two = readiness.condition("two");
        assert_eq!(shown(), "one; two");
        one.unmet("gone");
        two.met();
        assert_eq!(shown(), "one: gone");
        one.met();
        assert!(readiness.watch().borrow().is_empty());
        two.unmet("away");
        assert_eq!(shown(), "two: away");
        drop(two);
        assert!(readiness.watch().borrow().is_empty());
    }

    #[tokio::test]
    async fn a_probe_that_panics_at_once_leaves_the_service_not_ready() {
        let readiness = Readiness::default();
        let condition = readiness.condition("one");
        let probe = || -> std::future::Ready<Result<(), String>> { panic!("it slipped") };
        let following = tokio::spawn(condition.follow(Duration::from_hours(1), probe));
        let mut unmet = readiness.watch();
        let told = unmet.wait_for(|unmet| unmet.to_string() == "one: the probe has panicked");
        timeout(Duration::from_secs(30), told)
            .await
            .unwrap()
            .unwrap();
        following.abort();
    }

    #[test]
    fn watchers_are_told_of_changes_only() {
        let readiness = Readiness::default();
        let condition = readiness.condition("one");
        let mut changes = readiness.watch();
        for (reason, changed) in [("a", true), ("a", false), ("b", true)] {
            condition.unmet(reason);
            assert_eq!(changes.has_changed().unwrap(), changed, "{reason}");
            changes.mark_unchanged();
        }
        condition.met();
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        condition.met();
        assert!(!changes.has_changed().unwrap());
    }
}
