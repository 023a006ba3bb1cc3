//! The echo service, for all servers in Rust that the generated service is compared with.

use tonic::{Request, Response, Status};

/// Messages and stubs, generated from the contract.
#[allow(clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("bench.v1");
}

/// The contract, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

use proto::{Echo, echo_service_server::EchoService};

/// Answers with what it was sent.
pub struct Echoes;

#[tonic::async_trait]
impl EchoService for Echoes {
    async fn hello(&self, request: Request<Echo>) -> Result<Response<Echo>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}
