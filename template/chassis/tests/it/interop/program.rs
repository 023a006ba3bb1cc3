//! The service of gRPC's official interop tests as a program, for clients that were
//! not made here.

mod contract;
mod service;

use std::{convert::Infallible, process::ExitCode};

use chassis::{About, Setup, cli::Flags, server::Rpcs};

use self::service::Interop;

const ABOUT: About = About {
    name: "interop",
    authors: "The authors of the chassis",
    description: "Serves the official interop cases of gRPC",
    ..chassis::about! {
        year: "2026",
        env_prefix: "INTEROP",
        port: 42310,
    }
};

struct App;

fn main() -> ExitCode {
    match chassis::cli::parse::<Flags>(&ABOUT) {
        Ok(flags) => chassis::main(&ABOUT, flags, App),
        Err(answer) => answer.print(),
    }
}

impl chassis::App for App {
    type Error = Infallible;

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn start(self, _: &Setup) -> Result<Rpcs, Infallible> {
        Ok(service::rpcs(Interop::default()))
    }
}
