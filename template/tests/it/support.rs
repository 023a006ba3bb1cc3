//! What the tests share.

use std::{env, process::Command};

use chassis::testing::{self, Child};
use tonic::{server::NamedService, transport::Channel};

use {{crate_name}}::cli::ABOUT;
use {{crate_name}}_api as api;

/// The name of the service in the contract.
pub const SERVICE: &str = <api::GrpcServer<()> as NamedService>::NAME;

/// The service to be tested: the one at `ITEST_ADDR`, or a child of this test.
pub struct Service {
    pub address: String,
    _child: Option<Child>,
}

impl Service {
    pub fn new() -> Self {
        if let Ok(address) = env::var("ITEST_ADDR") {
            return Self {
                address,
                _child: None,
            };
        }
        let child = running(&[]);
        Self {
            address: child.address(),
            _child: Some(child),
        }
    }
}

/// The service's command, for a free port of 127.0.0.1.
pub fn command() -> Command {
    let built = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    testing::command(&ABOUT, built)
}

/// Starts the service with `flags`, and waits until it is running.
pub fn running(flags: &[&str]) -> Child {
    let mut child = Child::spawn(command().args(flags));
    child.wait_for("STATE Running");
    child
}

/// A plain-text connection to `host:port`.
pub async fn channel(address: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}
