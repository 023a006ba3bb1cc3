//! What is generated of `proto/health.proto`. It is kept, so that the chassis needs no
//! build script; the test `the_generated_contract_is_fresh` sees to it that it is up to date.

#![allow(clippy::all, clippy::pedantic, missing_docs)]

include!("../../proto/grpc.health.v1.rs");

/// The contract, as an encoded `FileDescriptorSet`.
pub(crate) const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("../../proto/health.bin");
