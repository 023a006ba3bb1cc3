//! Tokens that were verified: a caller sends the same one with each call for as long as it is
//! valid, and to verify its signature takes tens of microseconds, as much as a small RPC.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};

/// What a token says.
pub(crate) type Claims = Arc<Map<String, Value>>;

/// As many tokens are remembered: of 8 KiB at most, and of 1 KiB most of them.
const MOST: usize = 1024;

/// Good tokens, and until when they are, in Unix time. It lives as long as the keys that they
/// were verified with.
#[derive(Default)]
pub(super) struct Verified(Mutex<HashMap<Box<str>, (u64, Claims)>>);

impl Verified {
    /// What `token` says, if it is known to be good `now`.
    pub(super) fn get(&self, token: &str, now: u64) -> Option<Claims> {
        let tokens = self.tokens();
        let (until, claims) = tokens.get(token)?;
        (now <= *until).then(|| claims.clone())
    }

    /// `token`, which says this, is good `until` then.
    pub(super) fn add(&self, token: &str, until: u64, claims: Claims) {
        let mut tokens = self.tokens();
        if tokens.len() >= MOST {
            // All that are still in use come back with their next call.
            tokens.clear();
        }
        tokens.insert(token.into(), (until, claims));
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Box<str>, (u64, Claims)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_until_it_expires() {
        let verified = Verified::default();
        assert_eq!(verified.get("a", 7), None);
        verified.add("a", 7, Claims::default());
        assert!(verified.get("a", 7).is_some());
        assert_eq!(verified.get("a", 8), None);
        assert_eq!(verified.get("b", 7), None);
    }

    #[test]
    fn only_so_many_are_known() {
        let verified = Verified::default();
        for number in 0..=MOST {
            verified.add(&number.to_string(), 7, Claims::default());
            assert!(verified.tokens().len() <= MOST);
        }
        assert!(verified.get(&MOST.to_string(), 7).is_some());
    }
}
