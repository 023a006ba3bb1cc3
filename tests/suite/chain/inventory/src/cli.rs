//! The flags of this service, beside those of the chassis, and who it is.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--picking-time` is `INVENTORY_PICKING_TIME`, and so on.

use std::time::Duration;

use chassis::{
    About,
    cli::{Answer, Flags as ChassisFlags},
};
use clap::Args;
use humantime::parse_duration;

/// Who this service is.
pub const ABOUT: About = chassis::about! {
    year: "2026",
    env_prefix: "INVENTORY",
    port: 42304,
};

/// What the service was asked to do.
#[derive(Args, Debug)]
pub struct Flags {
    /// How long it takes to fetch what is reserved
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub picking_time: Duration,
    /// Those that every service has.
    #[command(flatten)]
    pub chassis: ChassisFlags,
}

/// Parses the command line and the environment of this process.
pub fn parse() -> Result<Flags, Answer> {
    chassis::cli::parse(&ABOUT)
}
