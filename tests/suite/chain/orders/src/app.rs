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
    inventory: Option<channel::Settings>,
}

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("inventory: {0}")]
    Inventory(#[from] channel::Error),
    #[error("there is nothing to sell without --inventory-ip or --inventory-port")]
    NoInventory,
}

/// Runs the service until a signal stops it, and says how that went.
#[must_use]
pub fn main(flags: Flags) -> ExitCode {
    let inventory = flags.inventory.settings();
    chassis::main(&ABOUT, flags.chassis, App { inventory })
}

impl App {
    fn inventory(&self) -> Result<&channel::Settings, Error> {
        self.inventory.as_ref().ok_or(Error::NoInventory)
    }
}

impl chassis::App for App {
    type Error = Error;

    fn check(&self) -> Result<(), Error> {
        Ok(self.inventory()?.check()?)
    }

    async fn start(self, setup: &Setup) -> Result<Rpcs, Error> {
        let channel = setup.connect(self.inventory()?, inventory_api::DESCRIPTORS);
        let inventory = inventory_api::Client::new(channel.await?);
        Ok(rpc::rpcs(Service::new(Arc::new(inventory))))
    }
}
