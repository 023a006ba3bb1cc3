//! The contract of inventory, for those who call it and for the service itself. There is no
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
//! inventory-api = { git = "…" }
//!
//! [dev-dependencies]
//! inventory-api = { git = "…", features = ["mock"] }
//! ```
//!
//! and brings the channel: a `chassis::Channel`, a `tonic::transport::Channel`, or either within an
//! interceptor.
//!
//! ```
//! use inventory_api::{Api, Client, Error, Transport};
//!
//! async fn take_tea(channel: impl Transport) -> Result<u32, Error> {
//!     Client::new(channel).reserve("tea".into(), 2).await
//! }
//! ```
//!
//! An RPC whose name is taken, by another one or by what every stub has (`New`, `Clone`), gets an
//! underscore in Rust: `new_`. On the wire it keeps its name.

mod transport;

pub use self::contracts::inventory::v1 as proto;
pub use self::proto::inventory_service_client::InventoryServiceClient as GrpcClient;
pub use self::proto::inventory_service_server::InventoryService as GrpcService;
pub use self::proto::inventory_service_server::InventoryServiceServer as GrpcServer;
pub use self::transport::Transport;
pub use tonic::Status as Error;

use tonic::codegen::{BoxStream, tokio_stream::StreamExt};

use self::proto::{ReserveRequest, WatchRequest};

/// Everything that `proto/` holds.
// Generated: nobody reads it, nobody can mend it.
#[allow(warnings, clippy::all, rustdoc::all)]
pub mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// Everything that `proto/` holds and imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// How many there are of something: now, and whenever that may have changed.
pub type Levels = BoxStream<u32>;

/// What the service offers, free of any transport.
#[cfg_attr(feature = "mock", mockall::automock)]
#[tonic::async_trait]
pub trait Api: Send + Sync {
    /// Takes `units` of `sku`, and answers how many are left.
    async fn reserve(&self, sku: String, units: u32) -> Result<u32, Error>;

    /// How many of `sku` there are.
    async fn watch(&self, sku: String) -> Result<Levels, Error>;
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
    async fn reserve(&self, sku: String, units: u32) -> Result<u32, Error> {
        let request = ReserveRequest { sku, units };
        let response = self.stub.clone().reserve(request).await?;
        Ok(response.into_inner().units_left)
    }

    async fn watch(&self, sku: String) -> Result<Levels, Error> {
        let request = WatchRequest { sku };
        let levels = self.stub.clone().watch(request).await?.into_inner();
        Ok(Box::pin(levels.map(|level| Ok(level?.units))))
    }
}
