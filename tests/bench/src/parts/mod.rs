//! What is measured, a table each.

mod build;
mod chain;
mod channel;
mod counts;
mod idle;
mod peers;
mod profile;
mod rpc;
mod streams;
mod tls;

use std::{error::Error, str::FromStr};

use crate::{built::Built, settings::Settings, table::Results};

/// A table.
#[derive(Clone, Copy)]
pub enum Part {
    Rpc,
    Profile,
    Tls,
    Streams,
    Channel,
    Chain,
    Peers,
    Build,
}

impl Part {
    pub const ALL: [Self; 8] = [
        Self::Rpc,
        Self::Profile,
        Self::Tls,
        Self::Streams,
        Self::Channel,
        Self::Chain,
        Self::Peers,
        Self::Build,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Profile => "profile",
            Self::Tls => "tls",
            Self::Streams => "streams",
            Self::Channel => "channel",
            Self::Chain => "chain",
            Self::Peers => "peers",
            Self::Build => "build",
        }
    }

    /// Measures it.
    pub async fn run(self, built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
        match self {
            Self::Rpc => rpc::run(built, settings).await,
            Self::Profile => profile::run(built, settings).await,
            Self::Tls => tls::run(built, settings).await,
            Self::Streams => streams::run(built, settings).await,
            Self::Channel => channel::run(built, settings).await,
            Self::Chain => chain::run(built, settings).await,
            Self::Peers => peers::run(built, settings).await,
            Self::Build => build::read(built),
        }
    }

    /// Tells how far it is.
    fn tell(self, round: u64, settings: &Settings, what: &str) {
        eprintln!(
            "{}, round {round} of {}: {what}",
            self.name(),
            settings.rounds
        );
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut parts = Self::ALL.into_iter();
        let part = parts.find(|part| part.name() == name);
        part.ok_or_else(|| format!("there is no part named {name}"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
