//! A port to listen on, that goes on accepting whatever the system does.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tracing::{debug, warn};

/// How long to wait after a failed accept, most likely for want of file descriptors.
const BACKOFF: Duration = Duration::from_secs(1);

/// Another process listens there, or this one may not.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {source}")]
pub struct Error {
    address: SocketAddr,
    source: io::Error,
}

/// A bound port.
pub(crate) struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let bound = async {
            let tcp = TcpListener::bind(address).await?;
            let address = tcp.local_addr()?;
            Ok(Self { tcp, address })
        };
        bound.await.map_err(|source| Error { address, source })
    }

    /// Where it listens; with the port that it got where any was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and whom it is with.
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_peers(&error) => {
                    debug!("Connection lost in the backlog: {error}");
                }
                // Out of files or memory. To try again at once would take a whole core.
                Err(error) => {
                    warn!("Can't accept connections, waiting {BACKOFF:?}: {error}");
                    sleep(BACKOFF).await;
                }
            }
        }
    }
}

/// Errors of the connection that was to be accepted, not of the listener (accept(2)).
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
