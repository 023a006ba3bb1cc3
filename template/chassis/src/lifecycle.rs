//! The states of the service: one value that the log and readiness follow.

use std::fmt;

use tokio::sync::watch;
use tracing::{error, info};

pub use crate::readiness::Condition;
use crate::{
    readiness::{Readiness, Unmet},
    telemetry::level::STATE,
};

/// Where the service is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Settings are read, the log is open.
    Initialized,
    /// Binds its port, reads its files, connects to its upstream.
    Starting,
    /// Everything is there; about to accept connections.
    Started,
    /// Serves.
    Running,
    /// Lets RPCs in flight finish.
    Stopping,
    /// All connections are closed.
    Stopped,
    /// Could not start, or could not go on.
    Error,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Who asked the service to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shutdown {
    /// An orchestrator, by SIGTERM: load balancers need time to look away.
    Orchestrator,
    /// Somebody at a terminal, by SIGINT: nobody to wait for.
    Terminal,
}

/// The current state, to be changed by the chassis and watched by anyone. Clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    state: watch::Sender<State>,
    readiness: Readiness,
}

impl Lifecycle {
    /// A service that is [`State::Initialized`].
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it logs, and there is one per process"
    )]
    pub fn new() -> Self {
        let lifecycle = Self {
            state: watch::Sender::new(State::Initialized),
            readiness: Readiness::default(),
        };
        lifecycle.enter(State::Initialized);
        lifecycle
    }

    /// Enters `state`, and logs it: who reads of it in the log can rely on it.
    pub fn enter(&self, state: State) {
        self.state.send_replace(state);
        if state == State::Error {
            error!(target: STATE, "{state}");
        } else {
            info!(target: STATE, "{state}");
        }
    }

    /// The state now, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// A condition that the service is ready only while it is met, such as that its upstream
    /// is there: while it runs and it is not, `/readyz` answers 503, the health service
    /// NOT_SERVING. It is not met until it is said to be.
    ///
    /// ```
    /// # let lifecycle = chassis::lifecycle::Lifecycle::new();
    /// let database = lifecycle.ready_while("the database");
    /// database.unmet("connection refused");
    /// // And later, in the task that keeps the connection up:
    /// database.met();
    /// ```
    #[must_use]
    pub fn ready_while(&self, what: impl Into<String>) -> Condition {
        self.readiness.condition(what)
    }

    /// What is missing for it to be ready once it runs, and every change of that.
    pub(crate) fn unmet(&self) -> watch::Receiver<Unmet> {
        self.readiness.watch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watcher_sees_the_state_change() {
        let lifecycle = Lifecycle::new();
        let mut state = lifecycle.watch();
        assert_eq!(*state.borrow(), State::Initialized);
        lifecycle.enter(State::Running);
        state.changed().await.unwrap();
        assert_eq!(*state.borrow(), State::Running);
    }
}
