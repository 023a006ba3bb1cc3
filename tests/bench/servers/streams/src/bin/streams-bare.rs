//! Streams on bare tonic. Takes its port.

use std::{env, error::Error};

use bare::{Echoes, proto::echo_service_server::EchoServiceServer};
use streams::{Ticks, proto::stream_service_server::StreamServiceServer};
use tonic::transport::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("which port?")?;
    Server::builder()
        .add_service(EchoServiceServer::new(Echoes))
        .add_service(StreamServiceServer::new(Ticks))
        .serve(format!("127.0.0.1:{port}").parse()?)
        .await?;
    Ok(())
}
