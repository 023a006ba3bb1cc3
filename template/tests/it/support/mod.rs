//! What the tests share.

pub mod certificates;
mod child;
pub mod http;
pub mod http2;
pub mod in_process;
mod instance;

use std::{env, time::Duration};

use tonic::{server::NamedService, transport::Channel};

pub use self::{
    child::{Child, binary},
    in_process::InProcess,
    instance::Instance,
};
pub use {{crate_name}}::telemetry::panics;
pub use {{crate_name}}::{cli, client, context};
pub use {{crate_name}}::{lifecycle, proto};
pub use {{crate_name}}::{server, tls};

/// How long anything that a test waits for may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The name of the service in the contract.
pub const SERVICE: &str = <proto::GrpcServer<()> as NamedService>::NAME;

/// A stub of the gRPC client, with no layer of ours in between.
pub type Stub = proto::GrpcClient<Channel>;

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
        let child = Child::running(&[]);
        Self {
            address: child.address(),
            _child: Some(child),
        }
    }

    pub async fn channel(&self) -> Channel {
        channel(&self.address).await
    }
}

/// A plain-text connection to `host:port`.
pub async fn channel(address: &str) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Says hello at `host:port`, and returns the answer.
pub async fn hello(address: &str, message: &str) -> Result<String, tonic::Status> {
    let request = proto::HelloRequest {
        message: message.into(),
    };
    let response = Stub::new(channel(address).await).hello(request).await?;
    Ok(response.into_inner().message)
}
