//! What the chassis needs to know.

use std::net::SocketAddr;

use super::limits::Limits;
use crate::{auth, tls};

/// What the chassis needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; `[::]` is all addresses, also those of IPv4.
    pub address: SocketAddr,
    /// Where the admin endpoints are, if anywhere.
    pub admin: Option<SocketAddr>,
    /// TLS and its files.
    pub tls: tls::Settings,
    /// Who may call.
    pub auth: auth::Settings,
    /// What is allowed.
    pub limits: Limits,
    /// Tell request id and trace in every response, be it that nobody asked for them.
    pub tell_ids: bool,
}
