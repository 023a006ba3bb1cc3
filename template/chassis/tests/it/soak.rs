//! A long day, in a minute or as long as `SOAK` says (`make soak`): clients that
//! behave and clients that don't, all at once, while certificates change and the
//! upstream restarts. Every call of those that behave has to succeed, and memory
//! and open files have to be flat at the end.
#![cfg(target_os = "linux")]

mod hostile;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use chassis::{
    Channel,
    channel::{Settings, Tls},
    testing::Child,
};
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    contract::{SCRIPTED, test::v1::scripted_client::ScriptedClient},
    probes::{AT_ONCE, probe_once},
    support::{certificates::Certificates, echoing, running},
};

/// Well-behaved clients, each with one call in flight.
const CLIENTS: usize = 4;
/// Calls of one client before it connects anew.
const CALLS: usize = 200;

/// What the last round may take more than the first: files that are just being
/// opened, and KiB that the allocator kept.
const SPARE_FILES: usize = 2;
const SPARE_MEMORY: u64 = 2 * 1024;

/// What was thrown, and how often what came back.
#[derive(Default)]
struct Table {
    counts: Mutex<BTreeMap<(&'static str, String), usize>>,
    times: Mutex<BTreeMap<&'static str, Vec<Duration>>>,
}

impl Table {
    fn count(&self, thrown: &'static str, came_back: impl Into<String>) {
        let mut counts = self.counts.lock().unwrap();
        *counts.entry((thrown, came_back.into())).or_default() += 1;
    }

    /// The same of what has come back after so long.
    fn count_after(&self, thrown: &'static str, came_back: impl Into<String>, time: Duration) {
        self.count(thrown, came_back);
        self.times
            .lock()
            .unwrap()
            .entry(thrown)
            .or_default()
            .push(time);
    }

    /// How much of what was thrown took longer than `time`, in per cent.
    fn slower_than(&self, time: Duration, thrown: &'static str) -> usize {
        let times = &self.times.lock().unwrap()[thrown];
        let slow = times.iter().filter(|took| **took > time);
        slow.count() * 100 / times.len()
    }

    fn print(&self) {
        for (thrown, times) in &mut *self.times.lock().unwrap() {
            times.sort();
            let part = |percent: usize| times[(times.len() - 1) * percent / 100];
            println!(
                "{thrown}: {:?} in the middle, {:?} of 99 %, {:?} at most",
                part(50),
                part(99),
                part(100)
            );
        }
        println!("{:<38} {:<38} {:>9}", "thrown", "came back", "times");
        for ((thrown, came_back), times) in &*self.counts.lock().unwrap() {
            println!("{thrown:<38} {came_back:<38} {times:>9}");
        }
    }

    /// Fails where something else came back than `expected`, or nothing at all.
    fn assert(&self, expected: &[(&str, &str)]) {
        let counts = self.counts.lock().unwrap();
        let seen: BTreeSet<_> = counts
            .keys()
            .map(|(thrown, came_back)| (*thrown, came_back.as_str()))
            .collect();
        assert_eq!(seen, expected.iter().copied().collect());
    }
}

/// Resident memory in KiB and open files of a process.
#[derive(Clone, Copy, Debug)]
struct Usage {
    memory: u64,
    files: usize,
}

impl Usage {
    fn of(service: &Child) -> Self {
        let proc = format!("/proc/{}", service.id());
        let status = fs::read_to_string(format!("{proc}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let files = fs::read_dir(format!("{proc}/fd")).unwrap().count();
        Self { memory, files }
    }

    /// Waits until only `files` are open, and little `memory` is used, or for the time that
    /// deadlines, keepalive and the allocator need.
    async fn settled(service: &Child, files: usize, memory: u64) -> Self {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let usage = Self::of(service);
            if usage.files <= files && usage.memory <= memory || Instant::now() > end {
                return usage;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The stage, which all clients share.
struct Scene {
    certificates: Certificates,
    address: String,
    admin: String,
    table: Table,
}

const CALL: &str = "well-behaved call";
const PROBE: &str = "probe";
const CERTIFICATE: &str = "new certificate";
const RESTART: &str = "restart of the upstream";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as SOAK says: make soak"]
async fn hostile_clients_cost_the_others_nothing() {
    let asked = env::var("SOAK").unwrap_or_else(|_| "60s".into());
    let time = humantime::parse_duration(&asked).expect("SOAK is a time such as 60s");
    let [port, upstream_port, dead_port, admin_port] = [(); 4].map(|()| free_port());
    let mut peer = upstream(&upstream_port);
    let dead = upstream(&dead_port);
    let certificates = Certificates::new();
    let flags = [
        &["--port", &port, "--loglevel", "3"][..],
        &["--client-ip", "127.0.0.1", "--client-port", &upstream_port],
        &["--echo-service-ip", "127.0.0.1", "--echo-service-port"],
        &[&dead_port, "--echo-service-timeout", "1s"],
        &["--request-timeout", "3s", "--handshake-timeout", "3s"],
        &["--keepalive-interval", "1s", "--keepalive-timeout", "1s"],
        &["--connection-age", "5s", "--connection-age-grace", "10s"],
        &["--connection-idle", "2s", "--max-memory", "64M"],
        &[
            "--tls-reload-interval",
            "300ms",
            "--admin-port",
            &admin_port,
        ],
    ];
    let service = certificates.service(&flags.concat());
    // Connected, it answers nothing any more.
    dead.signal("STOP");
    let scene = Arc::new(Scene {
        certificates,
        address: format!("127.0.0.1:{port}"),
        admin: format!("127.0.0.1:{admin_port}"),
        table: Table::default(),
    });
    let idle = Usage::of(&service).files;
    let (mut usages, mut most) = (Vec::new(), u64::MAX);
    // The first round warms up; the others have to do with what it took.
    for round in 1..=3 {
        let end = Instant::now() + time / 3;
        let mut clients = hostile::attack(&scene, end);
        for _ in 0..CLIENTS {
            clients.spawn(behave(scene.clone(), end));
        }
        let probing = scene.clone();
        clients.spawn_blocking(move || probe(&probing, end));
        (peer, ()) = tokio::join!(
            restart(peer, &upstream_port, &scene.table, end),
            change_certificates(&service, &scene, end),
        );
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        let usage = Usage::settled(&service, idle + SPARE_FILES, most).await;
        let Usage { memory, files } = usage;
        println!("round {round}: {memory} KiB of memory, {files} files open");
        if usages.is_empty() {
            most = memory + memory / 10 + SPARE_MEMORY;
        }
        usages.push(usage);
    }
    scene.table.print();
    dead.signal("CONT");

    let mut expected = hostile::EXPECTED.to_vec();
    expected.extend([
        (CALL, "answer"),
        (PROBE, "200"),
        (CERTIFICATE, "served"),
        (RESTART, "running"),
    ]);
    scene.table.assert(&expected);
    // The clients leave it little of the cores that there are; that shows in a few probes.
    let slow = scene.table.slower_than(AT_ONCE, PROBE);
    assert!(slow < 1, "{slow} % of the probes took over {AT_ONCE:?}");
    let last = usages[usages.len() - 1];
    assert!(
        last.files <= idle + SPARE_FILES,
        "{idle} when idle: {usages:?}"
    );
    assert!(last.memory <= most, "it grows: {usages:?}");
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

fn upstream(port: &str) -> Child {
    running(&["--port", port, "--loglevel", "3", "--drain-delay", "0s"])
}

/// Calls again and again, on one connection after the other.
async fn behave(scene: Arc<Scene>, end: Instant) {
    let (host, port) = scene.address.rsplit_once(':').unwrap();
    let settings = Settings {
        tls: Some(Tls {
            cafile: scene.certificates.path("ca.pem"),
            identity: None,
        }),
        ..Settings::new(host, port.parse().unwrap())
    };
    while Instant::now() < end {
        let mut client = match Channel::connect(&settings, SCRIPTED).await {
            Ok(channel) => ScriptedClient::new(channel),
            Err(error) => {
                scene.table.count(CALL, error.to_string());
                continue;
            }
        };
        for _ in 0..CALLS {
            if Instant::now() >= end {
                break;
            }
            let began = Instant::now();
            let came_back = match client.repeatable_unary(echoing(&"x".repeat(1450))).await {
                Ok(_) => "answer".into(),
                Err(error) => error.to_string(),
            };
            scene.table.count_after(CALL, came_back, began.elapsed());
        }
    }
}

/// Asks whether the service is alive, ten times a second; on a thread of its own, since what
/// keeps all these clients busy is not the service's.
fn probe(scene: &Scene, end: Instant) {
    while Instant::now() < end {
        let began = Instant::now();
        let came_back = match probe_once(&scene.admin) {
            Ok(answer) => answer.get(9..12).unwrap_or(&answer).to_owned(),
            Err(error) => error.to_string(),
        };
        scene.table.count_after(PROBE, came_back, began.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
}

/// Has a new certificate served every second.
async fn change_certificates(service: &Child, scene: &Scene, end: Instant) {
    let mut hang_up = true;
    while Instant::now() < end {
        scene.certificates.issue("server");
        // Every other time it has to notice by itself.
        if hang_up {
            service.signal("HUP");
        }
        hang_up = !hang_up;
        sleep(Duration::from_secs(1)).await;
        let served = scene.certificates.served(&scene.address).await;
        let is_new = served == scene.certificates.der("server.pem");
        let came_back = if is_new {
            "served"
        } else {
            "still the old one"
        };
        scene.table.count(CERTIFICATE, came_back);
    }
}

/// Restarts `peer` every two seconds, as a rollout would: it drains.
async fn restart(mut peer: Child, port: &str, table: &Table, end: Instant) -> Child {
    while Instant::now() < end {
        sleep(Duration::from_secs(2)).await;
        peer.signal("TERM");
        let port = port.to_owned();
        let restarted = move || {
            peer.wait();
            upstream(&port)
        };
        peer = spawn_blocking(restarted).await.unwrap();
        table.count(RESTART, "running");
    }
    peer
}
