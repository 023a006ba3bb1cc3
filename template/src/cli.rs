//! The flags of this service, beside those of the chassis, and who it is.
//!
//! A flag beats the environment, the environment beats the default. The
//! variable of `--client-port` is `{{env_prefix}}_CLIENT_PORT`, and so on.

use chassis::{
    About,
    cli::{Answer, Flags as ChassisFlags, Prefix, Target, Upstream},
};
use clap::Args;

/// Who this service is.
pub const ABOUT: About = chassis::about! {
    year: "{{year}}",
    env_prefix: "{{env_prefix}}",
    port: {{port}},
};

/// Who its demo client is.
pub const DEMO: About = About {
    name: "{{project-name}}-demo",
    description: "Calls {{project-name}} once",
    ..ABOUT
};

/// What the service was asked to do.
#[derive(Args, Debug)]
pub struct Flags {
    // TODO: add the flags that your service needs.
    /// Those that every service has.
    #[command(flatten)]
    pub chassis: ChassisFlags,
    /// The service to pass calls on to, if any.
    #[command(flatten, next_help_heading = "Upstream")]
    pub client: Upstream<Client>,
}

/// Another such service, to pass calls on to: `--client-ip` and so on.
#[derive(Clone, Debug)]
pub struct Client;

impl Prefix for Client {
    const PREFIX: &'static str = "client";
    const PORT: u16 = {{client_port}};
}

/// Parses the command line and the environment of this process.
pub fn parse() -> Result<Flags, Answer> {
    chassis::cli::parse(&ABOUT)
}

/// Parses the command line and the environment of the demo client.
pub fn parse_demo() -> Result<Target, Answer> {
    chassis::cli::parse(&DEMO)
}
