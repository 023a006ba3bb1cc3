//! Whom a connection is with.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Remote {
    /// Who calls over TCP; an IPv4 address is one.
    Tcp(SocketAddr),
    /// Who calls over a Unix socket: the user that the process runs as, where the
    /// system tells it.
    Unix(Option<u32>),
}

impl Remote {
    /// Its IP address, if it has one.
    // Only spans, of the feature `otel`, have a field for it.
    #[cfg_attr(not(feature = "otel"), expect(dead_code))]
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// The user that it runs as, if the system told it.
    pub(crate) fn uid(self) -> Option<u32> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(uid) => uid,
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(uid)) => write!(f, "unix:uid={uid}"),
            Self::Unix(None) => f.write_str("unix"),
        }
    }
}
