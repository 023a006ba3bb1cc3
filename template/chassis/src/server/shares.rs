//! Who may take how much of what all have to share, so that a few can't take
//! everything: permits, each the right to have one RPC handled.
//!
//! A permit is for work. An RPC that waits for its own client, be it for the rest of
//! the request or for room for the response, lets go of its permit meanwhile: it then
//! counts for its connection only, which may have no more of these than
//! there are permits.
//!
//! What is at work is shared by the rule of shared-memory switches, dynamic thresholds
//! (Choudhury and Hahne, 1998): one may take more as long as what it has is below
//! some multiple of what is free. Nothing is reserved for those who aren't there,
//! and who comes late finds something: n that grow alike leave 1 / (1 + n × multiple).
//! What is already at work is never taken away, so connections that come one
//! after the other, with handlers that take long, leave less; that it ends is the
//! business of deadlines.
//!
//! - A connection: [`CONNECTION`], so that a single one gets two thirds.
//! - An address: [`ADDRESS`], eight ninths, since a proxy or a NAT has many clients
//!   behind it. What some of these took is no reason to refuse the others, so each
//!   connection gets a [`FEW`] in any case, as long as enough is left for other
//!   addresses.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::remote::Remote;

/// How many times what is free one connection may have.
const CONNECTION: usize = 2;

/// How many times what is free the connections of one address may have.
const ADDRESS: usize = 8;

/// Permits that a connection gets although its address has more than its share.
const FEW: usize = 4;

/// The part of all permits that is kept from those: a sixteenth.
const KEPT: usize = 16;

/// What all connections share.
pub(super) struct Shares {
    permits: usize,
    /// How many are at work. More than there are only where what waited goes on.
    working: AtomicUsize,
    addresses: Mutex<HashMap<Holder, Weak<Address>>>,
}

/// What counts as one address.
#[derive(Eq, Hash, PartialEq)]
enum Holder {
    Ip(IpAddr),
    /// On a Unix socket, a user.
    User(Option<u32>),
}

/// What the connections of one address have.
#[derive(Default)]
struct Address {
    working: AtomicUsize,
}

/// What one connection has.
pub(super) struct Account {
    shares: Arc<Shares>,
    address: Arc<Address>,
    working: AtomicUsize,
    waiting: AtomicUsize,
}

/// The right to have one RPC handled, until it is dropped.
pub(super) struct Permit {
    account: Arc<Account>,
    works: bool,
}

impl Shares {
    /// Of so many RPCs that may be handled at a time.
    pub(super) fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            permits,
            working: AtomicUsize::new(0),
            addresses: Mutex::default(),
        })
    }

    /// The account of a new connection from `peer`.
    pub(super) fn open(self: &Arc<Self>, peer: Remote) -> Arc<Account> {
        let mut addresses = self.addresses();
        let known = addresses.entry(holder(peer)).or_default();
        let address = known.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Address::default());
            *known = Arc::downgrade(&new);
            new
        });
        // Now and then, so that one connection costs no look at all the others.
        if addresses.len().is_power_of_two() {
            addresses.retain(|_, address| address.strong_count() > 0);
        }
        Arc::new(Account {
            shares: self.clone(),
            address,
            working: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        })
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<Holder, Weak<Address>>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Connections from its address, itself included.
    pub(super) fn connections(&self) -> usize {
        Arc::strong_count(&self.address)
    }

    /// The right to have one more RPC handled, if there is one left for this connection.
    pub(super) fn permit(self: &Arc<Self>) -> Option<Permit> {
        let all = self.working.load(Relaxed) + self.waiting.load(Relaxed);
        if all >= self.shares.permits || !self.begin() {
            return None;
        }
        let account = self.clone();
        Some(Permit {
            account,
            works: true,
        })
    }

    /// Counts one more at work, where it may be.
    // Between the look and the taking others may take some too: thresholds are
    // there to be met roughly, only the total is exact.
    fn begin(&self) -> bool {
        let total = self.shares.permits;
        let free = total.saturating_sub(self.shares.working.load(Relaxed));
        let mine = self.working.load(Relaxed);
        let crowded = self.address.working.load(Relaxed) >= ADDRESS * free;
        if mine >= CONNECTION * free || crowded && (mine >= FEW || free <= total / KEPT) {
            return false;
        }
        if self.shares.working.fetch_add(1, Relaxed) >= total {
            self.shares.working.fetch_sub(1, Relaxed);
            return false;
        }
        self.address.working.fetch_add(1, Relaxed);
        self.working.fetch_add(1, Relaxed);
        true
    }

    fn end(&self) {
        self.working.fetch_sub(1, Relaxed);
        self.address.working.fetch_sub(1, Relaxed);
        self.shares.working.fetch_sub(1, Relaxed);
    }
}

impl Permit {
    /// The RPC waits for its client.
    pub(super) fn wait(&mut self) {
        if self.works {
            self.works = false;
            self.account.waiting.fetch_add(1, Relaxed);
            self.account.end();
        }
    }

    /// It goes on, if it may.
    pub(super) fn go_on(&mut self) -> bool {
        if !self.works && self.account.begin() {
            self.works = true;
            self.account.waiting.fetch_sub(1, Relaxed);
        }
        self.works
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.works {
            self.account.end();
        } else {
            self.account.waiting.fetch_sub(1, Relaxed);
        }
    }
}

/// What counts as one address: of IPv6 the network, whose other 64 bits are the
/// peer's to choose (RFC 4291, section 2.5.4).
fn holder(peer: Remote) -> Holder {
    let address = match peer {
        Remote::Tcp(address) => address,
        Remote::Unix(uid) => return Holder::User(uid),
    };
    Holder::Ip(match address.ip().to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    })
}

#[cfg(test)]
mod tests {
    use std::{iter::from_fn, net::SocketAddr};

    use super::*;

    fn tcp(address: &str) -> Remote {
        Remote::Tcp(SocketAddr::new(address.parse().unwrap(), 1))
    }

    fn open(shares: &Arc<Shares>, address: &str) -> Arc<Account> {
        shares.open(tcp(address))
    }

    /// As many permits as `account` can get.
    fn all(account: &Arc<Account>) -> Vec<Permit> {
        from_fn(|| account.permit()).collect()
    }

    #[test]
    fn few_permits_are_there_for_the_only_client() {
        let shares = Shares::new(2);
        let first = open(&shares, "192.0.2.1");
        let permits = all(&first);
        assert_eq!(permits.len(), 2);
        drop(permits);
        assert_eq!(all(&first).len(), 2, "what was given back is there again");
    }

    #[test]
    fn connections_that_take_all_they_get_leave_some_for_the_next() {
        for (greedy, left) in [(1, 85), (3, 36), (10, 20), (30, 20)] {
            let shares = Shares::new(256);
            let accounts: Vec<_> = (0..greedy).map(|_| open(&shares, "192.0.2.1")).collect();
            let mut taken = Vec::new();
            loop {
                let before = taken.len();
                taken.extend(accounts.iter().filter_map(Account::permit));
                if taken.len() == before {
                    break;
                }
            }
            assert!(256 - taken.len() >= left, "{greedy} took {}", taken.len());
            let neighbour = open(&shares, "192.0.2.1");
            assert!(all(&neighbour).len() >= FEW, "beside {greedy}");
            let stranger = open(&shares, "192.0.2.2");
            assert!(all(&stranger).len() >= left / 2, "beside {greedy}");
        }
    }

    #[test]
    fn connections_that_come_one_by_one_leave_some_to_other_addresses() {
        let shares = Shares::new(256);
        let greedy: Vec<_> = (0..100)
            .flat_map(|n| all(&open(&shares, &format!("2001:db8::{n}"))))
            .collect();
        // The network of an IPv6 address is what counts.
        assert!(greedy.len() <= 240, "{}", greedy.len());
        assert!(all(&open(&shares, "2001:db8:0:1::")).len() > 10);
    }

    #[test]
    fn what_waits_for_its_client_keeps_nobody_from_work() {
        let shares = Shares::new(4);
        let (first, second) = (open(&shares, "::1"), open(&shares, "::1"));
        let mut waiting = Vec::new();
        while let Some(mut permit) = first.permit() {
            permit.wait();
            waiting.push(permit);
        }
        assert_eq!(waiting.len(), 4, "it has as many as there are");
        let working = all(&second);
        assert!(working.len() >= 2, "{}", working.len());
        // Not all of them may go on at once.
        let going_on = waiting.iter_mut().filter_map(|it| it.go_on().then_some(it));
        assert!(going_on.count() + working.len() <= 4);
        drop((waiting, working));
        assert_eq!(shares.working.load(Relaxed), 0);
        assert_eq!(first.waiting.load(Relaxed), 0);
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let [v6, v4] = ["::ffff:192.0.2.1", "192.0.2.1"].map(tcp);
        assert!(holder(v6) == holder(v4));
    }

    #[test]
    fn on_a_unix_socket_a_user_counts_as_an_address() {
        let user = |uid| holder(Remote::Unix(Some(uid)));
        assert!(user(0) == user(0));
        assert!(user(0) != user(1000));
    }

    #[test]
    fn addresses_without_connections_are_forgotten() {
        let shares = Shares::new(2);
        for n in 0..255 {
            open(&shares, &format!("192.0.2.{n}"));
        }
        assert!(
            shares.addresses().len() < 16,
            "{}",
            shares.addresses().len()
        );
    }
}
