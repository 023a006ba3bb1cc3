//! Who is at the other end of a connection.

use std::{net::SocketAddr, sync::Arc};

use hyper::http::Extensions;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};
use tracing::debug;

use crate::{context::Caller, tls::names};

/// Where a connection comes from, and who its client has proven to be.
#[derive(Clone)]
pub(super) struct Peer {
    connection: Connection,
    caller: Option<Arc<Caller>>,
}

/// For `tonic::Request::{remote_addr, peer_certs}`.
#[derive(Clone)]
enum Connection {
    Plain(TcpConnectInfo),
    Tls(TlsConnectInfo<TcpConnectInfo>),
}

impl Peer {
    pub(super) fn plain(info: TcpConnectInfo) -> Self {
        Self {
            connection: Connection::Plain(canonical(info)),
            caller: None,
        }
    }

    pub(super) fn tls(tls: &TlsStream<TcpStream>) -> Self {
        let mut info = tls.connect_info();
        *info.get_mut() = canonical(info.get_ref().clone());
        // Only a certificate that a CA of this server has vouched for got here.
        let certificates = info.peer_certs();
        let own = certificates.as_ref().and_then(|chain| chain.first());
        let names = own.map(|own| names::of(own));
        let names = names.and_then(|names| {
            names
                .inspect_err(|error| debug!("A client certificate that can't be read: {error}"))
                .ok()
        });
        Self {
            connection: Connection::Tls(info),
            caller: names.map(|names| Arc::new(Caller::new(names))),
        }
    }

    /// Who its client has proven to be, if anybody.
    pub(super) fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.connection {
            Connection::Plain(info) => info.remote_addr(),
            Connection::Tls(info) => info.get_ref().remote_addr(),
        }
    }

    /// Tells the handler of a request who sent it.
    pub(super) fn tell(&self, request: &mut Extensions) {
        match self.connection.clone() {
            Connection::Plain(info) => _ = request.insert(info),
            Connection::Tls(info) => _ = request.insert(info),
        }
    }
}

/// The same, with an IPv4 address told as one: a port for both families has it as
/// `::ffff:192.0.2.1`.
fn canonical(mut info: TcpConnectInfo) -> TcpConnectInfo {
    let addresses = [&mut info.local_addr, &mut info.remote_addr];
    for address in addresses.into_iter().flatten() {
        address.set_ip(address.ip().to_canonical());
    }
    info
}
