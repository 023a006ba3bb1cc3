//! Whether to try again, and when: gRPC's proposal A6, with its numbers.
//!
//! <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use super::failure::Failure;
use crate::jitter::jittered;

/// How often a call is tried at most.
const ATTEMPTS: u32 = 4;

/// The pauses between attempts: 100 ms, twice that, … at most 1 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait after so many failures, ± 20 %, lest all clients try again at once.
pub(super) fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    jittered(pause, 0.2)
}

/// Keeps retries from multiplying the load of a service that is down: one call
/// in ten may fail before they cease.
pub(super) struct Throttle(AtomicU32);

impl Throttle {
    // maxTokens 10 and tokenRatio 0.1, counted in tenths.
    const FULL: u32 = 100;
    const FAILURE: u32 = 10;
    const SUCCESS: u32 = 1;

    /// Counts a call that succeeded.
    pub(super) fn succeeded(&self) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |tokens| {
            (tokens < Self::FULL).then_some(tokens + Self::SUCCESS)
        });
    }

    /// Whether to try again after `attempts`, the last of which ended in `failure`;
    /// `idempotent` says that it does no harm.
    pub(super) fn allows(&self, idempotent: bool, attempts: u32, failure: &Failure) -> bool {
        // What never reached the service is no load for it, and can't do harm.
        let harmless = !failure.sent || idempotent && failure.is_passing() && self.failed();
        harmless && attempts < ATTEMPTS
    }

    /// Counts a call that failed; says whether failures are still the exception.
    fn failed(&self) -> bool {
        let less = |tokens: u32| Some(tokens.saturating_sub(Self::FAILURE));
        let before = self.0.fetch_update(Relaxed, Relaxed, less);
        before.is_ok_and(|before| before.saturating_sub(Self::FAILURE) > Self::FULL / 2)
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self(AtomicU32::new(Self::FULL))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn unavailable() -> Failure {
        Failure::from(Status::unavailable("down"))
    }

    #[test]
    fn an_idempotent_call_is_tried_four_times() {
        let throttle = Throttle::default();
        let tried_again = |attempts| throttle.allows(true, attempts, &unavailable());
        assert_eq!([1, 2, 3, 4].map(tried_again), [true, true, true, false]);
    }

    #[test]
    fn any_other_call_is_tried_again_only_if_it_was_never_sent() {
        let throttle = Throttle::default();
        assert!(!throttle.allows(false, 1, &unavailable()));
        let unsent = Failure::unconnected("nobody there");
        assert!(throttle.allows(false, 1, &unsent));
    }

    #[test]
    fn an_answer_that_would_be_the_same_again_is_taken() {
        let throttle = Throttle::default();
        let failure = Failure::from(Status::invalid_argument("no such thing"));
        assert!(!throttle.allows(true, 1, &failure));
    }

    #[test]
    fn retries_cease_when_half_of_the_tokens_are_gone_and_return_with_success() {
        let throttle = Throttle::default();
        let tried_again = || throttle.allows(true, 1, &unavailable());
        assert_eq!(
            [(); 5].map(|()| tried_again()),
            [true, true, true, true, false]
        );
        // The next failure costs ten again.
        (0..11).for_each(|_| throttle.succeeded());
        assert!(tried_again());
    }

    #[test]
    fn pauses_double_up_to_a_second_and_differ_by_a_fifth() {
        for (failures, base) in [(1, 100), (2, 200), (4, 800), (5, 1000), (99, 1000)] {
            let pause = pause(failures).as_millis();
            assert!((base * 8 / 10..=base * 12 / 10).contains(&pause), "{pause}");
        }
    }
}
