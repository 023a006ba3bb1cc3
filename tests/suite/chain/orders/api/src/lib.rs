//! The contract of orders, for those who call it and for the service itself. There is no
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
//! orders-api = { git = "…" }
//!
//! [dev-dependencies]
//! orders-api = { git = "…", features = ["mock"] }
//! ```
//!
//! and brings the channel: a `chassis::Channel`, a `tonic::transport::Channel`, or either within an
//! interceptor.
//!
//! ```
//! use orders_api::{Api, Client, Error, Line, Transport};
//!
//! async fn buy_tea(channel: impl Transport) -> Result<u64, Error> {
//!     let (sku, units) = ("tea".into(), 2);
//!     Client::new(channel).place_order(vec![Line { sku, units }]).await
//! }
//! ```
//!
//! An RPC whose name is taken, by another one or by what every stub has (`New`, `Clone`), gets an
//! underscore in Rust: `new_`. On the wire it keeps its name.

mod transport;

pub use self::contracts::orders::v1 as proto;
pub use self::proto::orders_service_client::OrdersServiceClient as GrpcClient;
pub use self::proto::orders_service_server::OrdersService as GrpcService;
pub use self::proto::orders_service_server::OrdersServiceServer as GrpcServer;
pub use self::transport::Transport;
pub use tonic::Status as Error;

use tonic::codegen::{BoxStream, tokio_stream::StreamExt};

use self::proto::{PlaceOrderRequest, WatchAvailabilityRequest};

/// Everything that `proto/` holds.
// Generated: nobody reads it, nobody can mend it.
#[allow(warnings, clippy::all, rustdoc::all)]
pub mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// Everything that `proto/` holds and imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// So many of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which thing.
    pub sku: String,
    /// How many of it.
    pub units: u32,
}

impl From<Line> for proto::Line {
    fn from(line: Line) -> Self {
        let Line { sku, units } = line;
        Self { sku, units }
    }
}

/// Whether something could be ordered: now, and whenever that may have changed.
pub type Availability = BoxStream<bool>;

/// What the service offers, free of any transport.
#[cfg_attr(feature = "mock", mockall::automock)]
#[tonic::async_trait]
pub trait Api: Send + Sync {
    /// Places an order of at least one line, and answers with its id.
    async fn place_order(&self, lines: Vec<Line>) -> Result<u64, Error>;

    /// Whether `line` could be ordered.
    async fn watch_availability(&self, line: Line) -> Result<Availability, Error>;
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
    async fn place_order(&self, lines: Vec<Line>) -> Result<u64, Error> {
        let lines = lines.into_iter().map(Into::into).collect();
        let request = PlaceOrderRequest { lines };
        let response = self.stub.clone().place_order(request).await?;
        Ok(response.into_inner().order_id)
    }

    async fn watch_availability(&self, line: Line) -> Result<Availability, Error> {
        let line = Some(line.into());
        let request = WatchAvailabilityRequest { line };
        let available = self.stub.clone().watch_availability(request).await?;
        let available = available.into_inner();
        Ok(Box::pin(available.map(|it| Ok(it?.available))))
    }
}
