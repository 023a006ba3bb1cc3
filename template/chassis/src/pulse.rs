//! Whether a runtime makes progress, as it is seen from outside of it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::JoinHandle};

/// Asks a runtime, whenever somebody looks, to run a task that has nothing to do.
// Nothing has to tick for it: who is not looked at has no work with it.
pub(crate) struct Pulse {
    runtime: Handle,
    last: Mutex<Option<Question>>,
}

struct Question {
    asked: Instant,
    answer: JoinHandle<()>,
}

impl Pulse {
    /// Of the runtime that this is called in.
    pub(crate) fn here() -> Self {
        Self {
            runtime: Handle::current(),
            last: Mutex::default(),
        }
    }

    /// For how long it has left the last question unanswered, if it has.
    pub(crate) fn silence(&self) -> Duration {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = last.as_ref().filter(|last| !last.answer.is_finished()) {
            return question.asked.elapsed();
        }
        *last = Some(Question {
            asked: Instant::now(),
            answer: self.runtime.spawn(async {}),
        });
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_runtime_is_silent_while_its_threads_are_taken() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.unwrap();
        let _entered = runtime.enter();
        let pulse = Pulse::here();
        let (taken, is_taken) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let blocking = runtime.spawn(async move {
            taken.send(()).unwrap();
            may_go_on.recv().unwrap();
        });
        is_taken.recv().unwrap();
        assert_eq!(pulse.silence(), Duration::ZERO);
        thread::sleep(Duration::from_millis(20));
        assert!(pulse.silence() >= Duration::from_millis(20));
        go_on.send(()).unwrap();
        runtime.block_on(blocking).unwrap();
        while pulse.silence() > Duration::ZERO {
            thread::yield_now();
        }
    }
}
