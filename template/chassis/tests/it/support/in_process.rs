//! A server of the tests' contract in the test's own process, which sees what its
//! RPCs do and says when they go on.

use std::{
    iter,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, mpsc as blocking},
};

use chassis::{
    Channel, auth, channel, cli,
    lifecycle::{Lifecycle, Shutdown},
    server::{Rpcs, Server, Settings},
    testing::PATIENCE,
    tls,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tonic::metadata::MetadataMap;

use super::{Stub, stub};
use crate::{
    contract::SCRIPTED,
    scripted::{self, ABOUT, Scripted, Stage},
};

/// The address of a server that has none but its Unix socket.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A running server; gone when dropped.
pub struct InProcess {
    pub address: SocketAddr,
    pub admin: String,
    pub lifecycle: Lifecycle,
    calls: mpsc::UnboundedReceiver<MetadataMap>,
    stage: Arc<Stage>,
    unblock: blocking::Sender<()>,
    shutdown: oneshot::Sender<Shutdown>,
    running: JoinHandle<()>,
}

impl InProcess {
    /// Starts a server with `flags`, those of the limits.
    pub async fn start(flags: &[&str]) -> Self {
        Self::with(Self::settings(flags)).await
    }

    /// Starts a server at `address` that replies with this name, and ends at once when stopped.
    pub async fn named(address: SocketAddr, name: &'static str) -> Self {
        let settings = Settings {
            address: Some(address),
            ..Self::settings(&["--drain-timeout", "0s"])
        };
        Self::serving(settings, name, scripted::rpcs).await
    }

    /// Starts a server with `settings`.
    pub async fn with(settings: Settings) -> Self {
        Self::serving(settings, ABOUT.name, scripted::rpcs).await
    }

    /// Starts a server of the `rpcs` that are made of a scripted service of this name.
    pub async fn serving(
        settings: Settings,
        name: &'static str,
        rpcs: impl FnOnce(Scripted) -> Rpcs,
    ) -> Self {
        let lifecycle = Lifecycle::new();
        let server = Server::bind(&ABOUT, settings, lifecycle.clone());
        let server = server.await.unwrap();
        let address = server.address();
        let admin = server.admin().map(|address| address.to_string());
        let (called, calls) = mpsc::unbounded_channel();
        let (unblock, unblocked) = blocking::channel();
        let stage = Arc::new(Stage {
            name,
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            unblocked: Mutex::new(unblocked),
            calls: Some(called),
            tasks: lifecycle.tasks().clone(),
        });
        let rpcs = rpcs(Scripted(stage.clone()));
        let (shutdown, asked) = oneshot::channel();
        let running = tokio::spawn(server.run(rpcs, async { asked.await.unwrap() }));
        Self {
            address: address.unwrap_or(NOWHERE),
            admin: admin.unwrap_or_default(),
            lifecycle,
            calls,
            stage,
            unblock,
            shutdown,
            running,
        }
    }

    /// Settings of a server on free ports, without TLS, with `flags`, those of the limits.
    pub fn settings(flags: &[&str]) -> Settings {
        let arguments = ["test"].iter().chain(flags);
        Settings {
            address: Some(([127, 0, 0, 1], 0).into()),
            unix_socket: None,
            admin: Some(([127, 0, 0, 1], 0).into()),
            tls: tls::Settings::default(),
            auth: auth::Settings::default(),
            limits: cli::parse_from(&ABOUT, arguments).unwrap(),
            tell_ids: false,
            #[cfg(feature = "web")]
            web_origins: Vec::new(),
        }
    }

    /// Lets `n` RPCs that wait, or will, go on.
    pub fn release(&self, n: usize) {
        self.stage.gate.add_permits(n);
    }

    /// Lets one RPC go on that blocks its thread.
    pub fn unblock(&self) {
        self.unblock.send(()).unwrap();
    }

    /// Resolves when just `n` RPCs wait.
    pub async fn waiting(&self, n: usize) {
        let mut waiting = self.stage.waiting.subscribe();
        waiting.wait_for(|waiting| *waiting == n).await.unwrap();
    }

    /// The metadata of the next scripted call.
    pub async fn call(&mut self) -> MetadataMap {
        let call = timeout(PATIENCE, self.calls.recv()).await;
        call.expect("a call").unwrap()
    }

    /// The metadata of all calls since.
    pub fn calls(&mut self) -> Vec<MetadataMap> {
        iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    /// Stops the server, and returns when it has drained.
    pub async fn stop(self, reason: Shutdown) {
        let Self {
            shutdown, running, ..
        } = self;
        shutdown.send(reason).unwrap();
        running.await.unwrap();
    }

    /// A generated client with a connection of its own, by tonic alone.
    pub async fn stub(&self) -> Stub {
        stub(&self.address.to_string()).await
    }

    /// What others call it with.
    pub async fn channel(&self) -> Channel {
        let settings = self.upstream();
        Channel::connect(&settings, SCRIPTED).await.unwrap()
    }

    /// Where it is, for those who call it.
    pub fn upstream(&self) -> channel::Settings {
        channel::Settings::new(self.address.ip().to_string(), self.address.port())
    }
}
