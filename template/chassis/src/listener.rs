//! A port or a Unix socket to listen on, that goes on accepting whatever the system does.

pub(crate) mod unix;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::sleep,
};
use tracing::{debug, warn};

use crate::telemetry::quota;

/// How long to wait after a failed accept, most likely for want of file descriptors.
const BACKOFF: Duration = Duration::from_secs(1);

/// Another process listens there, or this one may not.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {source}")]
pub struct Error {
    address: SocketAddr,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(address: SocketAddr, source: io::Error) -> Self {
        Self { address, source }
    }
}

/// All addresses of this machine: of IPv6 and IPv4 alike, or of IPv4 alone where the
/// system has nothing else.
pub(crate) fn anywhere() -> IpAddr {
    anywhere_if(|address| UdpSocket::bind(address).map(drop))
}

/// The same on a system where `bind` shows which addresses there are.
fn anywhere_if(bind: impl FnOnce(SocketAddr) -> io::Result<()>) -> IpAddr {
    let all = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match bind((all, 0).into()) {
        Ok(()) => all,
        Err(reason) => {
            debug!("No IPv6 here: {reason}");
            Ipv4Addr::UNSPECIFIED.into()
        }
    }
}

/// Whether not both addresses can be listened on. Of port 0 each gets another.
pub(crate) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: SocketAddr, it: SocketAddr| match all.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => true,
        IpAddr::V4(ip) if ip.is_unspecified() => it.is_ipv4(),
        ip => ip == it.ip(),
    };
    one.port() == other.port() && one.port() != 0 && (covers(one, other) || covers(other, one))
}

/// Files that may be open, of which each connection is one.
pub(crate) fn max_files() -> u64 {
    rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX)
}

/// A bound port.
pub(crate) struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on `address`; on `::` for IPv4 as well.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let bound = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            }?;
            if address.ip() == Ipv6Addr::UNSPECIFIED {
                // Whatever the system's default (net.ipv6.bindv6only) is.
                SockRef::from(&socket).set_only_v6(false)?;
            }
            // Else the next one could not start while connections of the last linger.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            // As many may wait as the system lets (net.core.somaxconn).
            let tcp = socket.listen(u32::MAX)?;
            let address = tcp.local_addr()?;
            Ok(Self { tcp, address })
        };
        bound().map_err(|source| Error::new(address, source))
    }

    /// Where it listens; with the port that it got where any was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and whom it is with: an IPv4 address is told as one.
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, mut peer)) => {
                    peer.set_ip(peer.ip().to_canonical());
                    return (tcp, peer);
                }
                Err(error) => failed(error).await,
            }
        }
    }
}

/// Waits as long as `error` of an accept asks for.
async fn failed(error: io::Error) {
    if is_the_peers(&error) {
        debug!("Connection lost in the backlog: {error}");
        return;
    }
    // Out of files or memory. To try again at once would take a whole core.
    if quota::allows("accept") {
        warn!("Can't accept connections, waiting {BACKOFF:?}: {error}");
    }
    sleep(BACKOFF).await;
}

/// Errors of the connection that was to be accepted, not of the listener (accept(2)).
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_collide_that_have_a_port_and_an_address_in_common() {
        let collide = |one: &str, other: &str| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(super::collide(one, other), super::collide(other, one));
            super::collide(one, other)
        };
        assert!(collide("127.0.0.1:1", "127.0.0.1:1"));
        assert!(collide("[::]:1", "127.0.0.1:1"));
        assert!(collide("0.0.0.0:1", "127.0.0.1:1"));
        assert!(!collide("0.0.0.0:1", "[::1]:1"));
        assert!(!collide("127.0.0.1:1", "127.0.0.2:1"));
        assert!(!collide("[::]:1", "[::]:2"));
        assert!(!collide("[::]:0", "[::]:0"));
    }

    #[test]
    fn a_system_without_ipv6_has_ipv4() {
        // What socket(2) says where the kernel was started with ipv6.disable=1.
        let none = |_| Err(io::Error::from_raw_os_error(97));
        assert_eq!(anywhere_if(none), Ipv4Addr::UNSPECIFIED);
        assert_eq!(anywhere_if(|_| Ok(())), Ipv6Addr::UNSPECIFIED);
    }
}
