//! Connections to all addresses behind a name, used in turn. One task keeps them
//! up: it looks the name up again at an interval, and at once when a connection
//! is lost. A call only gets a connection whose server has answered, so that none
//! waits for an address that is dead.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use super::{
    connect::{Address, answers},
    connection::Connection,
    error::Error,
    failure::Failure,
    resolve::Resolve,
    retry,
    settings::Settings,
};
use crate::readiness::Condition;

/// The connections, and the task that keeps them up; it ends with this.
pub(super) struct Pool {
    shared: Arc<Shared>,
    keeper: AbortHandle,
    /// Tells when the first connection is there, where nobody waits for it.
    teller: Option<AbortHandle>,
}

/// One address, and the connection to it.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) connection: Connection,
    address: Address,
    id: usize,
    /// Whether it is being asked for an answer, after a call that had none.
    doubted: Arc<AtomicBool>,
}

struct Shared {
    settings: Settings,
    resolver: Box<dyn Resolve>,
    members: watch::Sender<Members>,
    ids: AtomicUsize,
    turn: AtomicUsize,
    wanted: Notify,
}

#[derive(Default)]
struct Members {
    list: Vec<Member>,
    /// How often the name has been looked up, and connecting been tried.
    rounds: u64,
    /// Why there are no more members than these.
    reason: String,
}

impl Pool {
    /// Connects to as many addresses as answer, at least one of them; or has that done as
    /// soon as one does, if the settings say so, which is when `answers` is met.
    pub(super) async fn connect(
        settings: &Settings,
        resolver: Box<dyn Resolve>,
        answers: Option<Condition>,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            settings: settings.clone(),
            resolver,
            members: watch::Sender::default(),
            ids: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            wanted: Notify::new(),
        });
        let keeper = tokio::spawn(shared.clone().keep()).abort_handle();
        if settings.wait {
            let tell = answers.map(|answers| tokio::spawn(shared.clone().tell(answers)));
            return Ok(Self {
                shared,
                keeper,
                teller: tell.map(|tell| tell.abort_handle()),
            });
        }
        let pool = Self {
            shared,
            keeper,
            teller: None,
        };
        let mut attempt = 1;
        loop {
            match pool.shared.round(attempt.into()).await {
                Ok(()) => return Ok(pool),
                Err(reason) if attempt < settings.attempts => {
                    warn!(reason, "Attempt {attempt} failed");
                    attempt += 1;
                }
                Err(reason) => {
                    return Err(Error::Connect {
                        address: settings.address(),
                        attempts: attempt,
                        reason,
                    });
                }
            }
        }
    }

    /// The connection whose turn it is. Without any, waits for the task to try
    /// once; later failures are its own, not the call's.
    pub(super) async fn pick(&self) -> Result<Member, Failure> {
        loop {
            if let Some(member) = self.shared.next() {
                return Ok(member);
            }
            let rounds = {
                let members = self.shared.members.borrow();
                if !members.reason.is_empty() {
                    self.shared.wanted.notify_one();
                    return Err(Failure::unconnected(&members.reason));
                }
                members.rounds
            };
            let _ = self.shared.round(rounds + 1).await;
        }
    }

    /// Takes a connection that failed out of use.
    pub(super) fn lose(&self, member: &Member, reason: &str) {
        self.shared.lose(member, reason);
    }

    /// Takes a connection out of use that has no answer to anything. A call has had none in time,
    /// which may be its own fault, or that of a network that drops packets and says nothing.
    pub(super) fn doubt(&self, member: &Member) {
        // None where the runtime ends, and with it the call.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !member.doubted.swap(true, Relaxed) {
            runtime.spawn(self.shared.clone().ask(member.clone()));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.keeper.abort();
        if let Some(teller) = &self.teller {
            teller.abort();
        }
    }
}

impl Shared {
    fn next(&self) -> Option<Member> {
        let members = self.members.borrow();
        let turn = self.turn.fetch_add(1, Relaxed);
        let index = turn.checked_rem(members.list.len())?;
        members.list.get(index).cloned()
    }

    async fn ask(self: Arc<Self>, member: Member) {
        let limit = self.settings.connect_timeout;
        match timeout(limit, answers(&member.connection)).await {
            Ok(Ok(())) => member.doubted.store(false, Relaxed),
            Ok(Err(reason)) => self.lose(&member, &reason),
            Err(_) => self.lose(&member, &format!("no answer within {limit:?}")),
        }
    }

    fn lose(&self, member: &Member, reason: &str) {
        let known = self.members.send_if_modified(|members| {
            let before = members.list.len();
            members.list.retain(|other| other.id != member.id);
            members.reason.clear();
            members.list.len() < before
        });
        if known {
            let name = self.settings.address();
            info!("{} of {name}: {reason}", member.address);
            self.wanted.notify_one();
        }
    }

    /// Waits for a connection, or for why there is none after so many rounds.
    async fn round(&self, number: u64) -> Result<(), String> {
        let mut members = self.members.subscribe();
        let members = members
            .wait_for(|members| !members.list.is_empty() || members.rounds >= number)
            .await;
        match members {
            Ok(members) if members.list.is_empty() => Err(members.reason.clone()),
            _ => Ok(()),
        }
    }

    /// Has `answers` met once there is a connection, and tells until then why there is none.
    /// A connection that is lost later is no reason to be taken out of service: others
    /// would follow, one after the other.
    async fn tell(self: Arc<Self>, answers: Condition) {
        let mut rounds = 1;
        while let Err(reason) = self.round(rounds).await {
            answers.unmet(reason);
            rounds = self.members.borrow().rounds + 1;
        }
        info!("Successfully connected to {}!", self.settings.address());
        answers.met();
    }

    async fn keep(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            self.refresh().await;
            let next = Instant::now() + retry::pause(1);
            let pause = if self.members.borrow().list.is_empty() {
                failures += 1;
                retry::pause(failures)
            } else {
                failures = 0;
                self.settings.resolve_interval
            };
            let _ = timeout(pause, self.wanted.notified()).await;
            // However many calls want it, and however often what is connected is lost at
            // once, no sooner than this.
            sleep_until(next).await;
        }
    }

    /// Looks the name up, connects to addresses that are new, and drops those that are gone.
    async fn refresh(&self) {
        let outcome = match self.addresses().await {
            Ok(addresses) if addresses.is_empty() => Err("no address behind this name".into()),
            Ok(addresses) => self.update(&addresses).await,
            Err(error) => Err(error.to_string()),
        };
        self.members.send_modify(|members| {
            members.rounds += 1;
            members.reason = outcome.err().unwrap_or_default();
        });
    }

    async fn addresses(&self) -> io::Result<Vec<Address>> {
        if let Some(path) = self.settings.unix_socket() {
            return Ok(vec![Address::Unix(path.into())]);
        }
        let Settings { host, port, .. } = &self.settings;
        let addresses = self.resolver.resolve(host, *port).await?;
        Ok(addresses.into_iter().map(Address::Tcp).collect())
    }

    async fn update(&self, addresses: &[Address]) -> Result<(), String> {
        let endpoint = self.settings.endpoint();
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let mut outcome = Ok(());
        let mut connecting = JoinSet::new();
        for address in addresses {
            if !self.members.borrow().contains(address) {
                let connected = timeout(
                    self.settings.connect_timeout,
                    endpoint.clone().connect(address.clone()),
                );
                let address = address.clone();
                connecting.spawn(async move { (address, connected.await) });
            }
        }
        while let Some(Ok((address, connected))) = connecting.join_next().await {
            match connected {
                Ok(Ok(connection)) => self.add(address, connection),
                Ok(Err(reason)) => outcome = Err(reason),
                Err(_) => {
                    let limit = self.settings.connect_timeout;
                    outcome = Err(format!("no answer within {limit:?}"));
                }
            }
        }
        self.members.send_modify(|members| {
            members
                .list
                .retain(|member| addresses.contains(&member.address));
        });
        outcome
    }

    fn add(&self, address: Address, connection: Connection) {
        debug!("Connected to {address}");
        let id = self.ids.fetch_add(1, Relaxed);
        self.members.send_modify(|members| {
            // A resolver may name an address twice.
            if !members.contains(&address) {
                members.list.push(Member {
                    connection,
                    address,
                    id,
                    doubted: Arc::default(),
                });
            }
        });
    }
}

impl Members {
    fn contains(&self, address: &Address) -> bool {
        self.list.iter().any(|member| member.address == *address)
    }
}
