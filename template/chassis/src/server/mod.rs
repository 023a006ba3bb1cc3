//! The chassis: everything between the network and the RPCs. It knows nothing
//! of what the service does, and changes rarely.
//!
//! [`Server::bind`] and [`Server::run`] are its one entry.
//!
//! | file         | its concern                                           |
//! |--------------|-------------------------------------------------------|
//! | `settings`   | where to listen, and how                              |
//! | `limits`     | what is allowed, and where each number comes from     |
//! | `rpcs`       | what is served                                        |
//! | `protocol`   | the head of a request, as gRPC wants it               |
//! | `listeners`  | where connections come from: a port, a Unix socket    |
//! | `accept`     | takes connections, as many as allowed                 |
//! | `connection` | one connection: handshake, greeting, HTTP/2, end      |
//! | `greeting`   | its first bytes: HTTP/2, or garbage                   |
//! | `http1`      | who speaks HTTP/1 instead, and is told so             |
//! | `batch`      | its replies: together what was asked together         |
//! | `announce`   | its SETTINGS, with the limit that is meant            |
//! | `idle`       | connections that nobody uses, and who gives way       |
//! | `shares`     | what it may take of what all have to share            |
//! | `memory`     | what is held for peers, and how much may be           |
//! | `cgroup`     | how much memory there is                              |
//! | `peak`       | what was held goes back to the system                 |
//! | `stall`      | notices what makes no progress                        |
//! | `peer`       | who is at its other end                               |
//! | `flight`     | one RPC as its connection sees it                     |
//! | `handler`    | one RPC: shedding, deadline, panics                   |
//! | `request`    | its request, as far as it is read                     |
//! | `messages`   | the messages in that                                  |
//! | `gzip`       | its messages, compressed                              |
//! | `web`        | calls of pages in browsers, by gRPC-Web (feature `web`) |
//! | `origins`    | whose pages may make them                             |
//! | `text`       | their base64                                          |
//! | `response`   | its response, which may be a stream                   |
//! | `piece`      | what of that goes to the socket at a time             |
//! | `linger`     | the end of a connection that is still sent to         |
//! | `fuzzing`    | all that, for a fuzzer                                |
//!
//! It stands on modules that know nothing of it: [`crate::tls`], [`crate::auth`],
//! [`crate::telemetry`], [`crate::lifecycle`], and `admin`, `standard`, `listener` and `turns`.

mod accept;
mod announce;
mod batch;
mod cgroup;
mod connection;
mod flight;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod greeting;
mod gzip;
mod handler;
mod http1;
mod idle;
pub mod limits;
mod linger;
mod listeners;
mod memory;
mod messages;
#[cfg(feature = "web")]
mod origins;
mod peak;
mod peer;
mod piece;
mod protocol;
mod request;
mod response;
mod rpcs;
mod settings;
mod shares;
mod stall;
#[cfg(feature = "web")]
mod text;
#[cfg(feature = "web")]
mod web;

use std::{future::Future, net::SocketAddr, sync::Arc};

use tokio::{runtime::Handle, sync::watch, time::timeout};
use tracing::{info, warn};

#[cfg(feature = "web")]
pub use self::origins::Origin;
#[cfg(feature = "web")]
use self::web::Web;
use self::{
    accept::Permits,
    connection::{Connections, Phase},
    greeting::REJECTED,
    handler::Handler,
    limits::Limits,
    listeners::Listeners,
    memory::Memory,
    protocol::REFUSED,
    shares::Shares,
};
pub use self::{
    rpcs::{Routed, Rpcs},
    settings::{Settings, UnixSocket},
};
use crate::{
    about::About,
    admin,
    auth::{self, Auth},
    contract,
    lifecycle::{Lifecycle, Shutdown, State},
    listener::{
        self, Listener,
        unix::{self, UnixListener},
    },
    standard::{
        DESCRIPTORS,
        health::Health,
        reflection::{self, Contracts},
    },
    telemetry::{metrics::Metrics, quota},
    tls,
    turns::Turns,
};

/// A server that is bound to its port or its socket, and ready to run.
pub struct Server {
    listeners: Listeners,
    admin: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    tls: Option<watch::Receiver<tls::Identity>>,
    auth: Auth,
    limits: Limits,
    tell_ids: bool,
    #[cfg(feature = "web")]
    web_origins: Vec<Origin>,
    lifecycle: Lifecycle,
}

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port can't be bound.
    #[error(transparent)]
    Listen(#[from] listener::Error),
    /// Two would listen at the same place.
    #[error("--admin-port has to be another than --port: both are {0}")]
    SamePort(u16),
    /// A Unix socket can't be had.
    #[error(transparent)]
    Unix(#[from] unix::Error),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// Who may call can't be told.
    #[error(transparent)]
    Auth(#[from] auth::Error),
}

impl Settings {
    /// Checks files and settings, without listening.
    pub fn check(&self) -> Result<(), Error> {
        self.check_ports()?;
        self.tls.check()?;
        self.auth.check()?;
        Ok(())
    }

    /// Fails where the admin port is that of gRPC.
    fn check_ports(&self) -> Result<(), Error> {
        match self.address.zip(self.admin) {
            Some((grpc, admin)) if listener::collide(grpc, admin) => {
                Err(Error::SamePort(grpc.port()))
            }
            _ => Ok(()),
        }
    }
}

impl Server {
    /// Loads what TLS needs and binds the port. Connections wait in the backlog
    /// until the server runs; those to the admin port are answered from now on,
    /// until the runtime ends.
    pub async fn bind(
        about: &About,
        settings: Settings,
        lifecycle: Lifecycle,
    ) -> Result<Self, Error> {
        settings.check_ports()?;
        let metrics = Arc::new(Metrics::new(about, &REJECTED, &REFUSED, &auth::denied()));
        let tls = settings.tls.watch()?;
        if let Some(identity) = &tls {
            metrics.certificate(identity.clone());
        }
        let auth = settings.auth.watch(settings.tls.reload_interval)?;
        let mut admin = None;
        if let Some(address) = settings.admin {
            let address = admin::start(address, lifecycle.clone(), metrics.clone()).await?;
            info!("Admin listening on {address}");
            admin = Some(address);
        }
        let tcp = settings.address.map(Listener::bind).transpose()?;
        if let Some(listener) = &tcp {
            let security = if tls.is_some() { "with" } else { "without" };
            info!("Listening on {} ({security} TLS)", listener.address());
        }
        let mut unix = None;
        if let Some(UnixSocket { path, mode }) = settings.unix_socket {
            unix = Some(UnixListener::bind(&path, mode)?);
            info!("Listening on unix:{} (mode {mode:03o})", path.display());
        }
        Ok(Self {
            listeners: Listeners { tcp, unix },
            admin,
            metrics,
            tls,
            auth,
            limits: settings.limits,
            tell_ids: settings.tell_ids,
            #[cfg(feature = "web")]
            web_origins: settings.web_origins,
            lifecycle,
        })
    }

    /// Where it listens for TCP, if anywhere; with the port that it got where any was
    /// asked for.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listeners.tcp.as_ref().map(Listener::address)
    }

    /// Where its admin endpoints are, if anywhere.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The metrics that it tells of.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Serves `rpcs`, gRPC health and reflection until `shutdown` resolves, then
    /// drains: reports NOT_SERVING, goes on serving for the drain delay, takes
    /// leave of its clients, tells the service's tasks, lets them and RPCs in flight
    /// finish, and closes by force what is still open at the drain timeout.
    pub async fn run(self, rpcs: Rpcs, shutdown: impl Future<Output = Shutdown>) {
        let Self {
            listeners,
            metrics,
            tls,
            auth,
            limits,
            tell_ids,
            #[cfg(feature = "web")]
            web_origins,
            lifecycle,
            ..
        } = self;
        let (phase, phases) = watch::channel(Phase::Serve);
        let names = rpcs.names();
        let health = Health::new(names.clone());
        let descriptors = rpcs.descriptors().to_vec();
        let own = descriptors.iter().copied().flat_map(contract::methods);
        // Contracts that are imported come along, but are not served.
        let own = own.filter(|method| names.contains(&&*method.service));
        let standard = DESCRIPTORS.into_iter().flat_map(contract::methods);
        let methods = metrics.served.methods(own.chain(standard));
        auth.warn_of_unknown(|path| methods.any_begins_with(path));
        let contracts = Contracts {
            descriptors: &descriptors,
            names: &names,
        };
        let [of_health, of_v1, of_v1alpha] = DESCRIPTORS;
        let standard = Rpcs::new()
            .with(of_health, health.service())
            .with(of_v1, reflection::v1(contracts))
            .with(of_v1alpha, reflection::v1alpha(contracts));
        let permits = Permits::new(limits.max_connections);
        let memory = Memory::new(limits.memory(cgroup::memory()));
        tokio::spawn(peak::give_back(Arc::downgrade(&memory)));
        let handler = Handler::new(
            rpcs.routes(standard),
            methods,
            auth,
            metrics.clone(),
            &limits,
            tell_ids,
        );
        #[cfg(feature = "web")]
        let handler = Web::around(handler, web_origins);
        let connections = Arc::new(Connections {
            tls,
            handler: Arc::new(handler),
            shares: Shares::new(limits.max_requests),
            memory,
            // As many as can run at a time.
            turns: Turns::new(Handle::current().metrics().num_workers()),
            metrics,
            phase: phases,
            limits: limits.clone(),
        });
        let mut accepting = Box::pin(accept::accept(listeners, connections, permits.clone()));

        let mut unmet = lifecycle.unmet();
        let ready = unmet.borrow_and_update().is_empty();
        health.report(ready);
        lifecycle.enter(State::Running);
        let following = async {
            while unmet.changed().await.is_ok() {
                let ready = unmet.borrow_and_update().is_empty();
                health.report(ready);
            }
        };
        let reason = tokio::select! {
            never = &mut accepting => match never {},
            () = following => unreachable!("`lifecycle` lives on"),
            reason = shutdown => reason,
        };

        health.report(false);
        lifecycle.enter(State::Stopping);
        if reason == Shutdown::Orchestrator {
            let _ = timeout(limits.drain_delay, &mut accepting).await;
        }
        drop(accepting);
        health.end();
        phase.send_replace(Phase::Drain);
        let tasks = lifecycle.tasks();
        tasks.stop();
        let connections = async {
            let drained = timeout(limits.drain_timeout, permits.returned()).await;
            if drained.is_err() {
                warn!(
                    open = permits.taken(),
                    "Drain timeout: closing connections by force"
                );
                phase.send_replace(Phase::Close);
                permits.returned().await;
            }
        };
        tokio::join!(connections, tasks.end_within(limits.drain_timeout));
        quota::settle();
        lifecycle.enter(State::Stopped);
    }
}
