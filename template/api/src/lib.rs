//! The contract of {{project-name}}, for those who call it and for the service itself. There is no
//! server in here: tonic and prost are all that it takes along.
//!
//! | what                                            | is                                    |
//! |-------------------------------------------------|---------------------------------------|
//! | [`Client`]                                      | the service, over any channel         |
//! | [`Api`]                                         | what it offers; `MockApi` is its mock |
//! | [`Error`]                                       | why a call failed                     |
//! | [`Transport`]                                   | what a channel has to be              |
//! | [`proto`]                                       | the service's own package             |
//! | [`GrpcClient`], [`GrpcService`], [`GrpcServer`] | its stubs, with every RPC             |
//! | [`contracts`]                                   | all of `proto/`, package in package   |
//! | [`DESCRIPTORS`]                                 | the same, for reflection              |
//!
//! Whoever calls the service depends on
//!
//! ```toml
//! [dependencies]
//! {{project-name}}-api = { git = "…" }
//!
//! [dev-dependencies]
//! {{project-name}}-api = { git = "…", features = ["mock"] }
//! ```
//!
//! and brings the channel: a `chassis::Channel`, a `tonic::transport::Channel`, or either within an
//! interceptor.
//!
//! ```
//! use {{crate_name}}_api::{Api, Client, Error, Transport};
//!
//! async fn greet(channel: impl Transport) -> Result<String, Error> {
//!     Client::new(channel).hello("Hello, world!".into()).await
//! }
//! ```
//!
//! An RPC whose name is taken, by another one or by what every stub has (`New`, `Clone`), gets an
//! underscore in Rust: `new_`. On the wire it keeps its name.

mod transport;

pub use self::contracts::{{proto_module}} as proto;
pub use self::proto::{{service_snake}}_client::{{service_type}}Client as GrpcClient;
pub use self::proto::{{service_snake}}_server::{{service_type}} as GrpcService;
pub use self::proto::{{service_snake}}_server::{{service_type}}Server as GrpcServer;
pub use self::transport::Transport;
pub use tonic::Status as Error;

use self::proto::HelloRequest;

/// Everything that `proto/` holds.
// Generated: nobody reads it, nobody can mend it.
#[allow(warnings, clippy::all, rustdoc::all)]
pub mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// Everything that `proto/` holds and imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What the service offers, free of any transport.
// TODO: add a method here, and to Client below, for each RPC that others shall call.
#[cfg_attr(feature = "mock", mockall::automock)]
#[tonic::async_trait]
pub trait Api: Send + Sync {
    /// Answers with `message`.
    async fn hello(&self, message: String) -> Result<String, Error>;
}

/// The service, at the other end of a channel. Deadlines, retries and credentials are the
/// channel's. Clones share it.
#[derive(Clone, Debug)]
pub struct Client<C> {
    stub: GrpcClient<C>,
}

impl<C: Transport> Client<C> {
    /// Calls the service over `channel`.
    pub fn new(channel: C) -> Self {
        Self {
            stub: GrpcClient::new(channel),
        }
    }
}

#[tonic::async_trait]
impl<C: Transport> Api for Client<C> {
    async fn hello(&self, message: String) -> Result<String, Error> {
        let request = HelloRequest { message };
        let response = self.stub.clone().hello(request).await?;
        Ok(response.into_inner().message)
    }
}
