//! Bare tonic with what a service has to have: TLS, health and reflection. Takes the
//! files of its certificate and of its key, and its port.

use std::{env, error::Error, fs};

use bare::{Echoes, proto::echo_service_server::EchoServiceServer};
use tonic::transport::{Identity, Server, ServerTlsConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [certificate, key, port] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "which certificate, key and port?")?;
    let identity = Identity::from_pem(fs::read(certificate)?, fs::read(key)?);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<EchoServiceServer<Echoes>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(bare::DESCRIPTORS)
        .build_v1()?;
    Server::builder()
        .tls_config(ServerTlsConfig::new().identity(identity))?
        .add_service(EchoServiceServer::new(Echoes))
        .add_service(health_service)
        .add_service(reflection)
        .serve(format!("127.0.0.1:{port}").parse()?)
        .await?;
    Ok(())
}
