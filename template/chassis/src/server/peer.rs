//! Who is at the other end of a connection.

use std::sync::Arc;

use hyper::http::Extensions;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo};
use tracing::debug;

use crate::{context::Caller, remote::Remote, tls::names};

/// Where a connection comes from, and who its client has proven to be.
pub(super) struct Peer {
    pub(super) remote: Remote,
    info: ConnectInfo,
    caller: Option<Arc<Caller>>,
}

/// For `tonic::Request::{remote_addr, peer_certs}`.
enum ConnectInfo {
    Tcp(TcpConnectInfo),
    Tls(TlsConnectInfo<TcpConnectInfo>),
    Unix(UdsConnectInfo),
}

impl Peer {
    pub(super) fn tcp(remote: Remote, info: TcpConnectInfo) -> Self {
        Self {
            remote,
            info: ConnectInfo::Tcp(canonical(info)),
            caller: None,
        }
    }

    pub(super) fn tls(remote: Remote, mut info: TlsConnectInfo<TcpConnectInfo>) -> Self {
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
            remote,
            info: ConnectInfo::Tls(info),
            caller: names.map(|names| Arc::new(Caller::new(names))),
        }
    }

    pub(super) fn unix(remote: Remote, info: UdsConnectInfo) -> Self {
        let caller = remote.uid().map(|uid| Caller::new([format!("uid:{uid}")]));
        Self {
            remote,
            info: ConnectInfo::Unix(info),
            caller: caller.map(Arc::new),
        }
    }

    /// Who its client has proven to be, if anybody.
    pub(super) fn caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// Tells the handler of a request who sent it.
    pub(super) fn tell(&self, request: &mut Extensions) {
        match &self.info {
            ConnectInfo::Tcp(info) => _ = request.insert(info.clone()),
            ConnectInfo::Tls(info) => _ = request.insert(info.clone()),
            ConnectInfo::Unix(info) => _ = request.insert(info.clone()),
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
