//! What an RPC costs in figures that the noise of a machine does not move: the
//! instructions (valgrind) and the writes (strace) of the release binary. `make
//! bench` keeps them, and `make bench-check` fails where they have grown.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, env, fmt::Write, fs, path::Path, process::Command};

use crate::support::{
    Child, Service, binary, cli,
    http2::{
        DATA, END_STREAM, HEADERS, Raw, WINDOW_UPDATE, frame, headers, hello_headers, hello_message,
    },
};

/// RPCs of a short run and of a long one: what only happens once falls out.
const RUNS: [u32; 2] = [500, 2500];

/// A figure, and how much it may grow: by a factor, and by so much more.
struct Figure {
    name: &'static str,
    tool: Tool,
    in_flight: u32,
    factor: f64,
    more: f64,
}

#[derive(Clone, Copy)]
enum Tool {
    Callgrind,
    Strace,
}

const FIGURES: [Figure; 4] = [
    // Runs differ by less than one percent.
    Figure {
        name: "instructions, 1 in flight",
        tool: Tool::Callgrind,
        in_flight: 1,
        factor: 1.03,
        more: 0.0,
    },
    Figure {
        name: "instructions, 50 in flight",
        tool: Tool::Callgrind,
        in_flight: 50,
        factor: 1.03,
        more: 0.0,
    },
    Figure {
        name: "writes, 1 in flight",
        tool: Tool::Strace,
        in_flight: 1,
        factor: 1.0,
        more: 0.05,
    },
    // How many replies are done in time for the first write is the scheduler's.
    Figure {
        name: "writes, 50 in flight",
        tool: Tool::Strace,
        in_flight: 50,
        factor: 1.0,
        more: 0.2,
    },
];

#[tokio::test]
#[ignore = "wants valgrind, strace and the release binary: make bench-check"]
async fn an_rpc_costs_no_more_than_it_did() {
    let path = env::var_os("BASELINE").expect("BASELINE is the file of the figures that were kept");
    let baseline = read(Path::new(&path));
    let (mut kept, mut grown) = (String::new(), Vec::new());
    println!("{:28} {:>10} {:>10}", "per RPC", "baseline", "now");
    for figure in &FIGURES {
        let now = figure.measure().await;
        let before = baseline.get(figure.name);
        let shown = before.map_or_else(|| "-".into(), |before| format!("{before:.2}"));
        println!("{:28} {shown:>10} {now:>10.2}", figure.name);
        writeln!(kept, "{}: {now:.2}", figure.name).unwrap();
        if before.is_some_and(|before| now > before * figure.factor + figure.more) {
            grown.push(figure.name);
        }
    }
    if env::var_os("KEEP").is_some() {
        fs::write(path, kept).unwrap();
    } else {
        assert!(grown.is_empty(), "grown beyond noise: {grown:?}");
    }
}

/// Something to do for a service that is watched at `ITEST_ADDR`.
#[tokio::test]
#[ignore = "tests nothing: make flamegraph"]
async fn load() {
    let service = Service::new();
    let call = || call(&service.address, 50, 50_000);
    tokio::join!(call(), call(), call(), call());
}

/// The figures in a file, if there is one.
fn read(baseline: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(baseline).unwrap_or_default();
    let figures = text.lines().filter_map(|line| line.split_once(": "));
    figures
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

impl Figure {
    async fn measure(&self) -> f64 {
        let [few, many] = RUNS;
        let more = self.tool.count(self.in_flight, many).await
            - self.tool.count(self.in_flight, few).await;
        more / f64::from(many - few)
    }
}

impl Tool {
    /// Counts in the life of a service that answers so many RPCs.
    async fn count(self, in_flight: u32, rpcs: u32) -> f64 {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("report");
        let mut command = match self {
            Self::Callgrind => {
                let mut command = Command::new("valgrind");
                command.args(["--quiet", "--tool=callgrind"]);
                command.arg(format!("--callgrind-out-file={}", report.display()));
                command
            }
            Self::Strace => {
                let mut command = Command::new("strace");
                // -D: the service is the child, so that signals reach it.
                command.args(["-D", "-f", "-e", "trace=write,writev,sendto,sendmsg", "-o"]);
                command.arg(&report);
                command
            }
        };
        let mut service = Child::spawn(
            command
                .arg(binary())
                .env(cli::variable("port"), "0")
                .env(cli::variable("ip"), "127.0.0.1"),
        );
        service.wait_for("Running");
        call(&service.address(), in_flight, rpcs).await;
        service.signal("INT");
        service.wait();
        self.read(&report)
    }

    fn read(self, report: &Path) -> f64 {
        let text = fs::read_to_string(report).unwrap();
        match self {
            Self::Callgrind => {
                let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
                total.expect("a total").trim().parse().unwrap()
            }
            Self::Strace => {
                let calls = text.lines().filter(|line| line.contains(") = ")).count();
                f64::from(u32::try_from(calls).unwrap())
            }
        }
    }
}

/// Says hello `rpcs` times on one connection, `in_flight` times at once.
async fn call(address: &str, in_flight: u32, rpcs: u32) {
    let mut client = Raw::greet(address).await;
    let window = (1_u32 << 30).to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    for first in (0..rpcs).step_by(in_flight as usize) {
        let mut requests = Vec::new();
        for stream in (first..first + in_flight).map(|n| 1 + 2 * n) {
            requests.extend(headers(stream, &hello_headers()));
            let message = hello_message("Hello, world!");
            requests.extend(frame(DATA, END_STREAM, stream, &message));
        }
        client.send(&requests).await;
        let mut left = in_flight;
        while left > 0 {
            let frame = client.wait_for(HEADERS).await;
            left -= u32::from(frame.flags & END_STREAM != 0);
        }
    }
}
