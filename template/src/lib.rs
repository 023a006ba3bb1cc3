#![doc = env!("CARGO_PKG_DESCRIPTION")]
//!
//! | module       | what lives there                                            |
//! |--------------|-------------------------------------------------------------|
//! | [`proto`]    | the contract: messages and stubs, generated from `proto/`   |
//! | [`client`]   | the client that others use to call this service             |
//! | [`context`]  | what an RPC carries along: deadline, request id, trace      |
//! | [`mod@file`] | why a file can't be used                                    |
//! | `jitter`     | chance, lest what many did together they do together again  |
//!
//! These need the feature `server` (on by default); without it this package is
//! just the client library:
//!
//! | module        | what lives there                                           |
//! |---------------|------------------------------------------------------------|
//! | `app`         | puts the parts together and runs them                      |
//! | `cli`         | flags and environment variables, parsed into settings      |
//! | `signals`     | SIGTERM and SIGINT                                         |
//! | `rpc`         | the adapter between the contract and the core              |
//! | `service`     | the core: what the service does, free of any transport     |
//! | `server`      | the chassis: connections, RPCs, limits, drain              |
//! | `standard`    | the gRPC health and reflection services                    |
//! | `admin`       | liveness, readiness, metrics and log level by HTTP         |
//! | `healthcheck` | asks the admin port of the service next door               |
//! | `telemetry`   | log, metrics, request ids, panics                          |
//! | `tls`         | certificates, keys, CA, and their reload                   |
//! | `lifecycle`   | the states, from Initialized to Stopped                    |
//! | `listener`    | a port to listen on                                        |

pub mod client;
pub mod context;
pub mod file;
mod jitter;

#[cfg(feature = "server")]
mod admin;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod healthcheck;
#[cfg(feature = "server")]
pub mod lifecycle;
#[cfg(feature = "server")]
pub mod listener;
#[cfg(feature = "server")]
pub mod rpc;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod service;
#[cfg(feature = "server")]
pub mod signals;
#[cfg(feature = "server")]
mod standard;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod tls;

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
