//! Puts the parts together: flags in, what is to be served out.

use std::{process::ExitCode, sync::Arc};

use chassis::{Setup, channel, server::Rpcs};

use {{crate_name}}_api::{Client, DESCRIPTORS};

use crate::{
    cli::{ABOUT, Flags},
    rpc,
    service::Service,
};

/// What the service starts from.
struct App {
    upstream: Option<channel::Settings>,
}

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("upstream: {0}")]
    Upstream(#[from] channel::Error),
}

/// Runs the service until a signal stops it, and says how that went.
#[must_use]
pub fn main(flags: Flags) -> ExitCode {
    let upstream = flags.client.settings();
    chassis::main(&ABOUT, flags.chassis, App { upstream })
}

impl chassis::App for App {
    type Error = Error;

    fn check(&self) -> Result<(), Error> {
        match &self.upstream {
            Some(upstream) => Ok(upstream.check()?),
            None => Ok(()),
        }
    }

    async fn start(self, setup: &Setup) -> Result<Rpcs, Error> {
        let service = match &self.upstream {
            Some(upstream) => {
                let channel = setup.connect(upstream, DESCRIPTORS).await?;
                Service::with_upstream(Arc::new(Client::new(channel)))
            }
            None => Service::default(),
        };
        Ok(rpc::rpcs(service))
    }
}
