//! Asks the service that runs next to this process whether it is ready: for
//! containers that have no shell and no curl.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// 1 s: the default of Kubernetes' probes. Who asks is on the same machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the service is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nobody to ask.
    #[error("--healthcheck needs the --admin-port that the service listens on")]
    NoPort,
    /// Nobody answers there.
    #[error("no answer from the admin port {address}: {source}")]
    NoAnswer {
        /// Who was asked.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// It answers, but is not ready.
    #[error("not ready: the admin port {address} says {state:?}")]
    NotReady {
        /// Who was asked.
        address: SocketAddr,
        /// The last line of the answer: the state of the service.
        state: String,
    },
}

/// Asks the admin port at `address`, which the service was told to listen on.
pub fn check(address: Option<SocketAddr>) -> Result<(), Error> {
    let mut address = address
        .filter(|address| address.port() != 0)
        .ok_or(Error::NoPort)?;
    // A service that listens on all addresses listens on the loopback, too. That of IPv4 is
    // on each machine, while containers often have none of IPv6.
    let v6_only = if address.ip().is_unspecified() {
        let v6 = address.is_ipv6().then_some(Ipv6Addr::LOCALHOST);
        address.set_ip(Ipv4Addr::LOCALHOST.into());
        v6
    } else {
        None
    };
    let answer = match (ask(address), v6_only) {
        (Err(_), Some(ip)) => {
            address.set_ip(ip.into());
            ask(address)
        }
        (answer, _) => answer,
    };
    let answer = answer.map_err(|source| Error::NoAnswer { address, source })?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        let state = answer.lines().last().unwrap_or_default().into();
        Err(Error::NotReady { address, state })
    }
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut tcp = TcpStream::connect_timeout(&address, PATIENCE)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    write!(
        tcp,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    Ok(answer)
}
