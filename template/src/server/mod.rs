//! The chassis: everything between the network and the RPCs. It knows nothing
//! of what the service does, and changes rarely.
//!
//! [`Server::bind`] and [`Server::run`] are its one entry.
//!
//! | file         | its concern                                           |
//! |--------------|-------------------------------------------------------|
//! | `limits`     | what is allowed, and where each number comes from     |
//! | `lifecycle`  | the states, from Initialized to Stopped               |
//! | `accept`     | takes connections, as many as allowed                 |
//! | `connection` | one connection: handshake, greeting, HTTP/2, end      |
//! | `greeting`   | its first bytes: HTTP/2, or garbage                   |
//! | `cork`       | its IO: few and large reads and writes                |
//! | `tls`        | certificates, keys, CA                                |
//! | `reload`     | the same, when their files change                     |
//! | `expiry`     | when certificates expire                              |
//! | `handler`    | one RPC: deadline, shedding, panics                   |
//! | `ids`        | its request id and trace                              |
//! | `call`       | counts and logs it at its end                         |
//! | `response`   | its response, which may be a stream                   |
//! | `panics`     | counts and logs panics                                |
//! | `health`     | the gRPC health service                               |
//! | `reflection` | the gRPC reflection service                           |
//! | `signals`    | SIGTERM and SIGINT                                    |
//! | `log`        | the log and its level                                 |
//! | `format`     | how its lines look, as text and as JSON               |
//! | `metrics`    | what Prometheus is told of connections and RPCs       |
//! | `process`    | what Prometheus is told of the process                |
//! | `admin`      | liveness, readiness, metrics and log level by HTTP    |
//! | `healthcheck`| asks the admin port of the service next door          |

mod accept;
mod admin;
mod call;
mod connection;
mod cork;
mod expiry;
mod format;
mod greeting;
mod handler;
mod health;
pub mod healthcheck;
mod ids;
mod lifecycle;
pub mod limits;
pub mod log;
mod metrics;
pub mod panics;
mod process;
mod reflection;
mod reload;
mod response;
pub mod signals;
pub mod tls;

use std::{convert::Infallible, io, net::SocketAddr, path::PathBuf, sync::Arc};

use hyper::{Request, Response};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tonic::{body::Body, codegen::Service, server::NamedService, service::Routes};
use tracing::{info, warn};

pub use self::lifecycle::{Lifecycle, State};
use self::{
    accept::Permits,
    connection::{Connections, Phase},
    handler::Handler,
    health::Health,
    limits::Limits,
    metrics::Metrics,
    signals::Shutdown,
    tls::Identity,
};

/// What the chassis needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// Where the admin endpoints are, if anywhere.
    pub admin: Option<SocketAddr>,
    /// TLS and its files.
    pub tls: tls::Settings,
    /// What is allowed.
    pub limits: Limits,
}

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there, or this one may not.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file can't be used for TLS.
    #[error("{} {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Flags that contradict each other.
    #[error("{0}")]
    Flags(&'static str),
    /// The system refuses what every process needs.
    #[error("can't start the runtime: {0}")]
    Runtime(io::Error),
}

impl Settings {
    /// Checks files and settings, without listening.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(files) = self.tls.files()? {
            files.load(&files.read()?)?;
        }
        Ok(())
    }
}

/// The RPCs to serve.
pub struct Rpcs {
    routes: Routes,
    names: Vec<String>,
    descriptors: &'static [u8],
}

impl Rpcs {
    /// No RPCs yet, of the contract in `descriptors`, an encoded `FileDescriptorSet`.
    #[must_use]
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self {
            routes: Routes::default(),
            names: Vec::new(),
            descriptors,
        }
    }

    /// Adds a generated server to them.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME.into());
        self
    }
}

/// A server that is bound to its port, and ready to run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    tls: Option<watch::Receiver<Identity>>,
    limits: Limits,
    lifecycle: Lifecycle,
}

impl Server {
    /// Loads what TLS needs and binds the port. Connections wait in the backlog
    /// until the server runs; those to the admin port are answered from now on,
    /// until the process ends.
    pub async fn bind(settings: Settings, lifecycle: Lifecycle) -> Result<Self, Error> {
        let metrics = Arc::new(Metrics::new());
        let files = settings.tls.files()?;
        let tls = files
            .map(|files| reload::watch(files, settings.tls.reload_interval))
            .transpose()?;
        if let Some(identity) = &tls {
            metrics.certificate(identity.clone());
        }
        let admin = match settings.admin {
            Some(address) => {
                let (listener, address) = listen(address).await?;
                info!("Admin listening on {address}");
                let admin = admin::router(lifecycle.watch(), metrics.clone());
                tokio::spawn(admin::serve(listener, admin));
                Some(address)
            }
            None => None,
        };
        let (listener, address) = listen(settings.address).await?;
        let security = if tls.is_some() { "with" } else { "without" };
        info!("Listening on {address} ({security} TLS)");
        Ok(Self {
            listener,
            address,
            admin,
            metrics,
            tls,
            limits: settings.limits,
            lifecycle,
        })
    }

    /// Where it listens; with the port that it got where any was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin endpoints are, if anywhere.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves `rpcs`, gRPC health and reflection until `shutdown` resolves, then
    /// drains: reports NOT_SERVING, goes on serving for the drain delay, takes
    /// leave of its clients, lets RPCs in flight finish, and closes by force
    /// what is still open at the drain timeout.
    pub async fn run(self, rpcs: Rpcs, shutdown: impl Future<Output = Shutdown>) {
        let Self {
            listener,
            metrics,
            tls,
            limits,
            lifecycle,
            ..
        } = self;
        let (phase, phases) = watch::channel(Phase::Serve);
        let health = Health::new(rpcs.names).await;
        let methods = metrics.methods(&[
            rpcs.descriptors,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]);
        let routes = reflection::add(rpcs.descriptors, rpcs.routes).add_service(health.service());
        tokio::spawn(health.follow(lifecycle.watch(), phases.clone()));
        let permits = Permits::new(limits.max_connections);
        let connections = Connections {
            tls,
            handler: Arc::new(Handler::new(routes, methods, &limits)),
            metrics,
            phase: phases,
            limits: limits.clone(),
        };
        let mut accepting = Box::pin(accept::accept(
            listener,
            Arc::new(connections),
            permits.clone(),
        ));

        lifecycle.enter(State::Running);
        let reason = tokio::select! {
            never = &mut accepting => match never {},
            reason = shutdown => reason,
        };

        lifecycle.enter(State::Stopping);
        if reason == Shutdown::Orchestrator {
            let _ = timeout(limits.drain_delay, &mut accepting).await;
        }
        drop(accepting);
        phase.send_replace(Phase::Drain);
        if timeout(limits.drain_timeout, permits.returned())
            .await
            .is_err()
        {
            warn!(
                open = permits.taken(),
                "Drain timeout: closing connections by force"
            );
            phase.send_replace(Phase::Close);
            permits.returned().await;
        }
        lifecycle.enter(State::Stopped);
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound
        .await
        .map_err(|source| Error::Listen { address, source })
}
