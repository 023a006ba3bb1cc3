//! Puts the parts together: flags in, what is to be served out.

use std::{convert::Infallible, process::ExitCode, time::Duration};

use chassis::{Setup, server::Rpcs};

use crate::{
    cli::{ABOUT, Flags},
    rpc,
    service::Service,
};

/// What the service starts from.
struct App {
    picking_time: Duration,
}

/// Runs the service until a signal stops it, and says how that went.
#[must_use]
pub fn main(flags: Flags) -> ExitCode {
    let picking_time = flags.picking_time;
    chassis::main(&ABOUT, flags.chassis, App { picking_time })
}

impl chassis::App for App {
    type Error = Infallible;

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn start(self, _: &Setup) -> Result<Rpcs, Infallible> {
        Ok(rpc::rpcs(Service::new(self.picking_time)))
    }
}
