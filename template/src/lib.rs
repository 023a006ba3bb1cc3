#![doc = env!("CARGO_PKG_DESCRIPTION")]
//!
//! | module      | what lives there                                             |
//! |-------------|--------------------------------------------------------------|
//! | [`proto`]   | the contract: messages and stubs, generated from `proto/`    |
//! | [`client`]  | the client that others use to call this service              |
//! | [`context`] | what an RPC carries along: deadline, request id, trace       |
//! | `service`   | the core: what the service does, free of any transport       |
//! | `rpc`       | the adapter between the contract and the core                |
//! | `server`    | the chassis: connections, TLS, limits, lifecycle, telemetry  |
//! | `cli`       | flags and environment variables, parsed into settings        |
//! | `app`       | puts these together and runs them                            |
//!
//! The last five need the feature `server` (on by default); without it this
//! package is just the client library.

pub mod client;
pub mod context;

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod rpc;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod service;

/// Messages, client and server stubs, generated from the contract.
#[allow(missing_docs, clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("{{proto_package}}");

    pub use self::{{service_snake}}_client::{{service_type}}Client as GrpcClient;
    pub use self::{{service_snake}}_server::{{service_type}} as GrpcService;
    pub use self::{{service_snake}}_server::{{service_type}}Server as GrpcServer;

    /// The contract as an encoded `FileDescriptorSet`, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}
