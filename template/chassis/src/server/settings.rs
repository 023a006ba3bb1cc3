//! What the chassis needs to know.

use std::{net::SocketAddr, path::PathBuf};

use super::limits::Limits;
#[cfg(feature = "web")]
use super::origins::Origin;
use crate::{auth, tls};

/// What the chassis needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen, if anywhere; `[::]` is all addresses, also those of IPv4.
    pub address: Option<SocketAddr>,
    /// The Unix socket to listen on, if any.
    pub unix_socket: Option<UnixSocket>,
    /// Where the admin endpoints are, if anywhere.
    pub admin: Option<SocketAddr>,
    /// TLS and its files. Unix sockets have none: their file lets in whom it shall.
    pub tls: tls::Settings,
    /// Who may call.
    pub auth: auth::Settings,
    /// What is allowed.
    pub limits: Limits,
    /// Tell request id and trace in every response, be it that nobody asked for them.
    pub tell_ids: bool,
    /// Whose pages may call by gRPC-Web.
    #[cfg(feature = "web")]
    pub web_origins: Vec<Origin>,
}

/// A Unix socket, for callers on the same machine. Handlers find who calls in the extensions
/// of the request, as a `tonic::transport::server::UdsConnectInfo`.
#[derive(Clone, Debug)]
pub struct UnixSocket {
    /// Its file. It is made, and removed at the end.
    pub path: PathBuf,
    /// The permissions of the file, as in `0o660`: who may write may call.
    pub mode: u32,
}
