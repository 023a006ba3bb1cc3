//! The contract of front, for those who call it and for the service itself. There is no
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
//! front-api = { git = "…" }
//!
//! [dev-dependencies]
//! front-api = { git = "…", features = ["mock"] }
//! ```
//!
//! and brings the channel: a `chassis::Channel`, a `tonic::transport::Channel`, or either within an
//! interceptor.
//!
//! ```
//! use front_api::{Api, Client, Error, Transport};
//!
//! async fn buy_tea(channel: impl Transport) -> Result<String, Error> {
//!     let cart = [("tea".into(), 2)].into();
//!     Client::new(channel).checkout(cart).await
//! }
//! ```
//!
//! An RPC whose name is taken, by another one or by what every stub has (`New`, `Clone`), gets an
//! underscore in Rust: `new_`. On the wire it keeps its name.

mod transport;

use std::collections::HashMap;

pub use self::contracts::front::v1 as proto;
pub use self::proto::front_service_client::FrontServiceClient as GrpcClient;
pub use self::proto::front_service_server::FrontService as GrpcService;
pub use self::proto::front_service_server::FrontServiceServer as GrpcServer;
pub use self::transport::Transport;
pub use tonic::Status as Error;

use self::proto::CheckoutRequest;

/// Everything that `proto/` holds.
// Generated: nobody reads it, nobody can mend it.
#[allow(warnings, clippy::all, rustdoc::all)]
pub mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// Everything that `proto/` holds and imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What the service offers, free of any transport.
#[cfg_attr(feature = "mock", mockall::automock)]
#[tonic::async_trait]
pub trait Api: Send + Sync {
    /// Buys so many of each thing in `cart`, and answers with the receipt.
    async fn checkout(&self, cart: HashMap<String, u32>) -> Result<String, Error>;
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
    async fn checkout(&self, cart: HashMap<String, u32>) -> Result<String, Error> {
        let request = CheckoutRequest { cart };
        let response = self.stub.clone().checkout(request).await?;
        Ok(response.into_inner().receipt)
    }
}
