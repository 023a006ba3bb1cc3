//! What a connection runs on: TCP, or TLS on it.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};

/// A connection's bytes.
pub type Wire = Box<dyn Io>;

pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to `port` of this machine, over TLS if there is a configuration for it.
pub async fn connect(port: u16, tls: Option<&Arc<ClientConfig>>) -> io::Result<Wire> {
    Ok(match tls {
        None => Box::new(connect_plain(port).await?),
        Some(tls) => Box::new(connect_tls(port, tls).await?),
    })
}

async fn connect_plain(port: u16) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// The same over TLS, of which it can be asked how it came about.
pub async fn connect_tls(port: u16, tls: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let tcp = connect_plain(port).await?;
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(tls.clone()).connect(name, tcp).await
}
