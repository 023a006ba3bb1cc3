//! What the environment says of how to measure.

use std::{env, error::Error, time::Duration};

use crate::parts::Part;

/// How to measure.
pub struct Settings {
    /// What, in this order.
    pub only: Vec<Part>,
    /// Of all servers, A B A B …
    pub rounds: u64,
    /// Of each load in each round.
    pub duration: Duration,
}

impl Settings {
    pub fn from_env() -> Result<Self, Box<dyn Error>> {
        let only = env::var("ONLY").unwrap_or_default();
        let only = only.split_whitespace().map(str::parse);
        let mut only = only.collect::<Result<Vec<Part>, _>>()?;
        if only.is_empty() {
            only = Part::ALL.to_vec();
        }
        Ok(Self {
            only,
            rounds: number("ROUNDS", 5)?,
            duration: Duration::from_millis(number("MILLISECONDS", 1000)?),
        })
    }
}

fn number(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match env::var(name) {
        Ok(value) => value
            .parse()
            .map_err(|_| format!("{name}={value} is no number").into()),
        Err(_) => Ok(default),
    }
}
