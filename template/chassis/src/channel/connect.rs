//! How to come to speak to one address of a service.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use tokio::net::{TcpStream, UnixStream};
use tonic::{Request, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::{
    connection::{Connection, Origin},
    failure::{Failure, root_cause},
    tls::Connector,
};
use crate::io::Io;

/// Where an instance of a service listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// How to speak to a service, whatever address the connection is to.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) origin: Origin,
    pub(super) tls: Option<Connector>,
    /// What the service may miss that hangs up on this client.
    pub(super) missing: &'static str,
}

impl Endpoint {
    /// Connects, and asks for the server's health: any answer will do. Without one
    /// it isn't known whether the server speaks gRPC, nor whether it takes this
    /// client's certificate.
    pub(super) async fn connect(self, address: Address) -> Result<Connection, String> {
        let io = self.io(address).await.map_err(|error| root_cause(&error))?;
        let connection = Connection::open(io, self.origin).await;
        let connection = connection.map_err(|error| root_cause(&error))?;
        match answers(&connection).await {
            Ok(()) => Ok(connection),
            Err(reason) => Err(format!("{reason} (does it demand {}?)", self.missing)),
        }
    }

    async fn io(&self, address: Address) -> io::Result<Box<dyn Io>> {
        let tcp = match address {
            Address::Tcp(address) => TcpStream::connect(address).await?,
            Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        };
        // Requests leave in one write each; to hold them back would only delay them.
        tcp.set_nodelay(true)?;
        match &self.tls {
            Some(tls) => Ok(Box::new(tls.connect(tcp).await?)),
            None => Ok(Box::new(tcp)),
        }
    }
}

/// Whether there is an answer to a question for the server's health, any: without one, why.
pub(super) async fn answers(connection: &Connection) -> Result<(), String> {
    let mut grpc = Grpc::new(service_fn(|request| connection.send(request)));
    grpc.ready().await.map_err(|error| root_cause(&error))?;
    let health = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<(), ()>::default();
    let Err(status) = grpc.unary(Request::new(()), health, codec).await else {
        return Ok(());
    };
    let reason = root_cause(&status);
    if Failure::from(status).disconnected {
        Err(reason)
    } else {
        Ok(())
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
