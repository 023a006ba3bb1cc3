//! The states of the service: one value that the log and readiness follow.

use std::fmt;

use tokio::sync::watch;
use tracing::{error, info};

pub use crate::readiness::Condition;
use crate::{
    readiness::{Readiness, Unmet},
    tasks::Tasks,
    telemetry::level::STATE,
};

/// Where the service is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
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
    tasks: Tasks,
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
            tasks: Tasks::default(),
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

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Resolves once the service has come as far as `state`, and says how far it is then:
    /// states may follow each other faster than anyone looks.
    ///
    /// ```
    /// use chassis::lifecycle::{Lifecycle, State};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let lifecycle = Lifecycle::new();
    /// lifecycle.enter(State::Stopping);
    /// lifecycle.enter(State::Stopped);
    /// assert_eq!(lifecycle.reached(State::Stopping).await, State::Stopped);
    /// # });
    /// ```
    pub async fn reached(&self, state: State) -> State {
        let mut states = self.state.subscribe();
        let reached = states.wait_for(|now| *now >= state).await;
        // Fails only where the sender is gone, which is `self`.
        reached.map_or(State::Error, |state| *state)
    }

    /// Work beside RPCs, which ends with the service.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
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
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use super::*;

    #[tokio::test]
    async fn a_state_is_waited_for() {
        let lifecycle = Lifecycle::new();
        let mut running = pin!(lifecycle.reached(State::Running));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_pending());
        lifecycle.enter(State::Running);
        assert_eq!(running.await, State::Running);
    }

    #[tokio::test]
    async fn a_service_that_fails_comes_no_further() {
        let lifecycle = Lifecycle::new();
        lifecycle.enter(State::Starting);
        lifecycle.enter(State::Error);
        assert_eq!(lifecycle.reached(State::Running).await, State::Error);
    }
}
