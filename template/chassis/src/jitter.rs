//! Random variation of times: clients that all connected at once shall not all be told to
//! leave, or all try again, at the same moment.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::values::YEAR;

/// `time`, give or take up to `share` of it; of a year at most.
pub(crate) fn jittered(time: Duration, share: f64) -> Duration {
    let random = RandomState::new().hash_one(()) % 2001;
    #[expect(clippy::cast_precision_loss, reason = "at most 2000")]
    time.min(YEAR)
        .mul_f64(1.0 + share * (random as f64 / 1000.0 - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_differ_by_their_share_at_most() {
        let times: Vec<_> = (0..100)
            .map(|_| jittered(Duration::from_secs(1000), 0.1).as_secs())
            .collect();
        let allowed = 900..=1100;
        assert!(times.iter().all(|time| allowed.contains(time)), "{times:?}");
        assert!(times.iter().any(|time| time != &times[0]));
    }
}
