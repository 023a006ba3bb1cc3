//! The flags of this service, beside those of the chassis, and who it is.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--orders-port` is `FRONT_ORDERS_PORT`, and so on.

use chassis::{
    About,
    cli::{Answer, Flags as ChassisFlags, Prefix, Upstream},
};
use clap::Args;

/// Who this service is.
pub const ABOUT: About = chassis::about! {
    year: "2026",
    env_prefix: "FRONT",
    port: 42302,
};

/// What the service was asked to do.
#[derive(Args, Debug)]
pub struct Flags {
    /// Those that every service has.
    #[command(flatten)]
    pub chassis: ChassisFlags,
    /// The service that takes what is bought.
    #[command(flatten, next_help_heading = "Orders")]
    pub orders: Upstream<Orders>,
}

/// Where everything is ordered: `--orders-ip` and so on.
#[derive(Clone, Debug)]
pub struct Orders;

impl Prefix for Orders {
    const PREFIX: &'static str = "orders";
    const PORT: u16 = 42303;
}

/// Parses the command line and the environment of this process.
pub fn parse() -> Result<Flags, Answer> {
    chassis::cli::parse(&ABOUT)
}
