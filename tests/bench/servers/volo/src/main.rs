//! The smallest possible server on volo. Takes its port.

use std::{env, error::Error, net::SocketAddr};

use volo::net::Address;
use volo_grpc::{
    Request, Response, Status,
    server::{Server, ServiceBuilder},
};

/// Messages and stubs, generated from the contract.
#[allow(warnings, clippy::all, clippy::pedantic)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

use proto::contract::bench::v1::{Echo, EchoService, EchoServiceServer};

struct Echoes;

impl EchoService for Echoes {
    async fn hello(&self, request: Request<Echo>) -> Result<Response<Echo>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = env::args().nth(1).ok_or("which port?")?;
    let address: SocketAddr = format!("127.0.0.1:{port}").parse()?;
    let service = ServiceBuilder::new(EchoServiceServer::new(Echoes)).build();
    Server::new()
        .add_service(service)
        .run(Address::from(address))
        .await?;
    Ok(())
}
