//! A connection to one address of a service.

use std::{fmt, future::ready, io, net::SocketAddr, path::PathBuf};

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tonic::{
    Request,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::failure::{Failure, root_cause};
use crate::io::Io;

/// Where an instance of a service listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    async fn stream(&self) -> io::Result<Box<dyn Io>> {
        match self {
            Self::Tcp(address) => {
                let tcp = TcpStream::connect(address).await?;
                let _ = tcp.set_nodelay(true);
                Ok(Box::new(tcp))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Connects, and asks for the server's health: any answer will do. Without one
/// it isn't known whether the server speaks gRPC, nor whether it takes this
/// client's certificate.
pub(super) async fn connect(
    endpoint: Endpoint,
    address: Address,
    missing: &str,
) -> Result<Channel, String> {
    let stream = address.stream().await;
    let stream = stream.map_err(|error| error.to_string())?;
    // Once: tonic would connect again by itself, and let calls wait for that.
    let mut stream = Some(TokioIo::new(stream));
    let once = service_fn(move |_| {
        ready(
            stream
                .take()
                .ok_or_else(|| io::Error::other("the service hung up")),
        )
    });
    let channel = endpoint.connect_with_connector(once).await;
    let channel = channel.map_err(|error| root_cause(&error))?;

    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| root_cause(&error))?;
    let health = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<(), ()>::default();
    let Err(status) = grpc.unary(Request::new(()), health, codec).await else {
        return Ok(channel);
    };
    let reason = root_cause(&status);
    if Failure::from(status).disconnected {
        Err(format!("{reason} (does it demand {missing}?)"))
    } else {
        Ok(channel)
    }
}
