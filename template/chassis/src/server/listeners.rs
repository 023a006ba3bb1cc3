//! Where connections come from: a port, a Unix socket, or both.

use std::future::pending;

use tokio::net::{TcpStream, UnixStream};

use crate::{
    listener::{Listener, unix::UnixListener},
    remote::Remote,
};

/// What the server listens on.
pub(super) struct Listeners {
    pub(super) tcp: Option<Listener>,
    pub(super) unix: Option<UnixListener>,
}

/// A connection that was accepted.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listeners {
    /// The next connection, and whom it is with.
    pub(super) async fn accept(&self) -> (Socket, Remote) {
        let tcp = async {
            match &self.tcp {
                Some(listener) => listener.accept().await,
                None => pending().await,
            }
        };
        let unix = async {
            match &self.unix {
                Some(listener) => listener.accept().await,
                None => pending().await,
            }
        };
        tokio::select! {
            (tcp, peer) = tcp => (Socket::Tcp(tcp), Remote::Tcp(peer)),
            (unix, peer) = unix => (Socket::Unix(unix), peer),
        }
    }
}
