//! The states of the service: one value that the log and readiness follow.

use std::fmt;

use tokio::sync::watch;
use tracing::info;

use crate::telemetry::level::STATE;

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
pub struct Lifecycle(watch::Sender<State>);

impl Lifecycle {
    /// A service that is [`State::Initialized`].
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it logs, and there is one per process"
    )]
    pub fn new() -> Self {
        let lifecycle = Self(watch::Sender::new(State::Initialized));
        lifecycle.enter(State::Initialized);
        lifecycle
    }

    /// Enters `state`, and logs it: who reads of it in the log can rely on it.
    pub fn enter(&self, state: State) {
        self.0.send_replace(state);
        info!(target: STATE, "{state}");
    }

    /// The state now, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
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
