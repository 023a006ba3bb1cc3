//! A service that is made with the chassis as any other is: what its tests start as
//! a program. Its RPCs do what their caller's script says, or are passed on
//! to another such service: `--client-port`. With `--echo-service-port` it serves a
//! second contract, by passing its calls on.

#[path = "../contract/mod.rs"]
mod contract;
mod pass_on;
#[path = "../scripted/mod.rs"]
mod scripted;

use std::process::ExitCode;

use chassis::{
    Setup, channel,
    cli::{Flags as ChassisFlags, Prefix, Upstream},
    server::Rpcs,
};
use clap::Args;

use self::{
    contract::{
        COMMON, SCRIPTED,
        common::v1::{echo_client::EchoClient, echo_server::EchoServer},
        test::v1::scripted_client::ScriptedClient,
    },
    pass_on::PassOn,
    scripted::{ABOUT, Scripted, Stage},
};

/// What the program was asked to do.
#[derive(Args, Debug)]
struct Flags {
    #[command(flatten)]
    chassis: ChassisFlags,
    /// The service to pass calls on to, if any.
    #[command(flatten, next_help_heading = "Upstream")]
    client: Upstream<Client>,
    #[command(flatten, next_help_heading = "Second upstream")]
    echo: Upstream<Echo>,
}

/// Another such service: `--client-ip` and so on.
#[derive(Clone, Debug)]
struct Client;

impl Prefix for Client {
    const PREFIX: &'static str = "client";
    const PORT: u16 = 42400;
}

/// A service of another contract: `--echo-service-ip` and so on.
#[derive(Clone, Debug)]
struct Echo;

impl Prefix for Echo {
    const PREFIX: &'static str = "echo-service";
    const PORT: u16 = 42500;
}

/// What the service starts from.
struct App {
    upstream: Option<channel::Settings>,
    echo: Option<channel::Settings>,
}

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("upstream: {0}")]
    Upstream(#[from] channel::Error),
}

fn main() -> ExitCode {
    match chassis::cli::parse::<Flags>(&ABOUT) {
        Ok(flags) => {
            let app = App {
                upstream: flags.client.settings(),
                echo: flags.echo.settings(),
            };
            chassis::main(&ABOUT, flags.chassis, app)
        }
        Err(answer) => answer.print(),
    }
}

impl chassis::App for App {
    type Error = Error;

    fn check(&self) -> Result<(), Error> {
        for upstream in [&self.upstream, &self.echo].into_iter().flatten() {
            upstream.check()?;
        }
        Ok(())
    }

    async fn start(self, setup: &Setup) -> Result<Rpcs, Error> {
        let rpcs = match &self.upstream {
            Some(upstream) => {
                let channel = setup.connect(upstream, SCRIPTED).await?;
                scripted::rpcs(PassOn(ScriptedClient::new(channel)))
            }
            None => scripted::rpcs(Scripted(Stage::default().into())),
        };
        let Some(echo) = &self.echo else {
            return Ok(rpcs);
        };
        let channel = setup.connect(echo, COMMON).await?;
        let server = EchoServer::new(PassOn(EchoClient::new(channel)));
        Ok(rpcs.with(COMMON, server))
    }
}
