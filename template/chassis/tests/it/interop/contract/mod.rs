//! The contract of gRPC's official interop tests. What is generated of it is kept;
//! `freshness` sees to it that it is up to date.

#![allow(clippy::all, clippy::pedantic, dead_code)]

include!("grpc.testing.rs");

/// `interop.proto`.
pub const INTEROP: &[u8] = include_bytes!("interop.bin");
