//! Puts the parts together: flags in, what is to be served out.

use std::{process::ExitCode, sync::Arc};

use chassis::{Setup, channel, server::Rpcs};

use crate::{
    cli::{ABOUT, Flags},
    rpc,
    service::Service,
};

/// What the service starts from.
struct App {
    orders: Option<channel::Settings>,
}

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("orders: {0}")]
    Orders(#[from] channel::Error),
    #[error("nobody takes orders without --orders-ip or --orders-port")]
    NoOrders,
}

/// Runs the service until a signal stops it, and says how that went.
#[must_use]
pub fn main(flags: Flags) -> ExitCode {
    let orders = flags.orders.settings();
    chassis::main(&ABOUT, flags.chassis, App { orders })
}

impl App {
    fn orders(&self) -> Result<&channel::Settings, Error> {
        self.orders.as_ref().ok_or(Error::NoOrders)
    }
}

impl chassis::App for App {
    type Error = Error;

    fn check(&self) -> Result<(), Error> {
        Ok(self.orders()?.check()?)
    }

    async fn start(self, setup: &Setup) -> Result<Rpcs, Error> {
        let channel = setup.connect(self.orders()?, orders_api::DESCRIPTORS);
        let orders = orders_api::Client::new(channel.await?);
        Ok(rpc::rpcs(Service::new(Arc::new(orders))))
    }
}
