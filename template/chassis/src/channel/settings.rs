//! Where the service is, and how to reach it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::http::uri::{Authority, Scheme};

pub use super::tls::Tls;
use super::{connect::Endpoint, connection::Origin, credentials::TokenFile, error::Error};
use crate::{file, values::unbracketed};

/// Where the service is, and how to reach it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host name, IP address, or the Unix socket of a service on this machine, as in
    /// `unix:/run/inventory.sock`.
    pub host: String,
    /// TCP port; of no meaning to a Unix socket.
    pub port: u16,
    /// TLS, or plain TCP without.
    pub tls: Option<Tls>,
    /// The file with the bearer token that calls show.
    pub token_file: Option<PathBuf>,
    /// How often to try to connect before giving up, at least once.
    pub attempts: u32,
    /// Not to give up: the channel is there at once, and connects as soon as the service
    /// answers. Until then calls are UNAVAILABLE, and the calling service is not ready.
    pub wait: bool,
    /// How long one attempt to connect may take; and a connection in doubt, to answer.
    pub connect_timeout: Duration,
    /// How long a call may take until it is answered, all its attempts together.
    /// It may ask for another time, and the RPC that it is made for leave it less.
    pub call_timeout: Duration,
    /// How often to look whether the addresses behind `host` have changed.
    pub resolve_interval: Duration,
}

impl Settings {
    /// No TLS, to `host` and `port`, with the default timeouts. An IPv6 address
    /// may stand in brackets.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: unbracketed(&host.into()).into(),
            port,
            tls: None,
            token_file: None,
            attempts: 4,
            wait: false,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            // 5 s: for so long does CoreDNS let Kubernetes' names be cached.
            resolve_interval: Duration::from_secs(5),
        }
    }

    /// Checks that the address makes sense and the TLS files can be used,
    /// without connecting.
    pub fn check(&self) -> Result<(), Error> {
        if self.tls.is_some() && self.unix_socket().is_some() {
            return Err(Error::Setup {
                address: self.address(),
                reason: "Unix sockets are spoken to without TLS".into(),
            });
        }
        self.endpoint()?;
        if let Some((_, key)) = self.tls.as_ref().and_then(|tls| tls.identity.as_ref()) {
            file::warn_if_open(key);
        }
        if let Some(path) = &self.token_file {
            TokenFile::open(path)?;
            file::warn_if_open(path);
        }
        Ok(())
    }

    /// The Unix socket of the service, if that is where it is.
    pub(super) fn unix_socket(&self) -> Option<&Path> {
        self.host.strip_prefix("unix:").map(Path::new)
    }

    /// `host:port`, or the Unix socket.
    #[must_use]
    pub fn address(&self) -> String {
        if self.unix_socket().is_some() {
            return self.host.clone();
        }
        // An IPv6 address needs brackets in front of a port.
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// How to speak to the service, whatever address the connection is to.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Error> {
        let unusable = |reason| Error::Setup {
            address: self.address(),
            reason,
        };
        if self.host.is_empty() {
            return Err(unusable("there is no host in front of the port".into()));
        }
        // What other clients tell a service on a Unix socket, which has no name.
        let authority = match self.unix_socket() {
            Some(_) => "localhost".into(),
            None => self.address(),
        };
        let authority =
            Authority::try_from(authority).map_err(|error| unusable(error.to_string()))?;
        let tls = match &self.tls {
            Some(tls) => Some(tls.connector(&self.host)?),
            None => None,
        };
        let scheme = if tls.is_some() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        };
        Ok(Endpoint {
            origin: Origin { scheme, authority },
            tls,
            missing: self.missing(),
        })
    }

    fn missing(&self) -> &'static str {
        match &self.tls {
            None => "TLS",
            Some(Tls { identity: None, .. }) => "a client certificate",
            Some(_) => "another client certificate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        for host in ["::1", "[::1]"] {
            let settings = Settings::new(host, 42);
            assert_eq!((&*settings.host, &*settings.address()), ("::1", "[::1]:42"));
        }
        assert_eq!(Settings::new("localhost", 42).address(), "localhost:42");
    }

    #[test]
    fn a_unix_socket_has_no_port_and_no_tls() {
        let mut settings = Settings::new("unix:/run/x.sock", 42);
        assert_eq!(settings.address(), "unix:/run/x.sock");
        assert_eq!(settings.unix_socket(), Some(Path::new("/run/x.sock")));
        settings.check().unwrap();
        settings.tls = Tls::new(Some("ca.pem".into()), None, None);
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("without TLS"), "{error}");
    }

    #[test]
    fn a_host_that_is_none_is_named() {
        let error = Settings::new("", 42).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't set up the connection to :42: there is no host in front of the port"
        );
        let error = Settings::new("not a host", 42).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "can't set up the connection to not a host:42: invalid uri character"
        );
    }
}
