//! The flags of this service, beside those of the chassis, and who it is.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--inventory-port` is `ORDERS_INVENTORY_PORT`, and so on.

use chassis::{
    About,
    cli::{Answer, Flags as ChassisFlags, Prefix, Upstream},
};
use clap::Args;

/// Who this service is.
pub const ABOUT: About = chassis::about! {
    year: "2026",
    env_prefix: "ORDERS",
    port: 42303,
};

/// What the service was asked to do.
#[derive(Args, Debug)]
pub struct Flags {
    /// Those that every service has.
    #[command(flatten)]
    pub chassis: ChassisFlags,
    /// The service that has what is ordered.
    #[command(flatten, next_help_heading = "Inventory")]
    pub inventory: Upstream<Inventory>,
}

/// Where everything is taken from: `--inventory-ip` and so on.
#[derive(Clone, Debug)]
pub struct Inventory;

impl Prefix for Inventory {
    const PREFIX: &'static str = "inventory";
    const PORT: u16 = 42304;
}

/// Parses the command line and the environment of this process.
pub fn parse() -> Result<Flags, Answer> {
    chassis::cli::parse(&ABOUT)
}
