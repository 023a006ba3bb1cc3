//! What an RPC costs in figures that the noise of a machine does not move: the
//! instructions (valgrind) and the writes (strace) of a release binary.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, process::Command};

use super::{
    child::Child,
    http2::{DATA, END_STREAM, HEADERS, Raw, WINDOW_UPDATE, frame, headers, prefixed, request},
};

/// An RPC to measure: a unary one.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// As in `/grpc.health.v1.Health/Check`.
    pub path: String,
    /// Its request, encoded.
    pub message: Vec<u8>,
}

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

/// Measures `rpc` of the service that `command` starts, prints what it costs, and
/// keeps that in the file `kept`; or, unless it is to `keep` it, panics where a
/// figure has grown beyond noise since.
pub async fn check(command: impl Fn() -> Command, rpc: &Rpc, kept: &Path, keep: bool) {
    let baseline = read(kept);
    let (mut figures, mut grown) = (String::new(), Vec::new());
    println!("{:28} {:>10} {:>10}", "per RPC", "baseline", "now");
    let report = kept.with_extension("report");
    for figure in &FIGURES {
        let now = figure.measure(&command, rpc, &report).await;
        let before = baseline.get(figure.name);
        let shown = before.map_or_else(|| "-".into(), |before| format!("{before:.2}"));
        println!("{:28} {shown:>10} {now:>10.2}", figure.name);
        writeln!(figures, "{}: {now:.2}", figure.name).unwrap();
        if before.is_some_and(|before| now > before * figure.factor + figure.more) {
            grown.push(figure.name);
        }
    }
    let _ = fs::remove_file(report);
    if keep {
        fs::write(kept, figures).unwrap();
    } else {
        assert!(grown.is_empty(), "grown beyond noise: {grown:?}");
    }
}

/// Makes so many RPCs on each of four connections, fifty in flight on each: something
/// to do for a service that is watched.
pub async fn load(address: &str, rpc: &Rpc, rpcs: u32) {
    let call = || call(address, rpc, 50, rpcs);
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
    async fn measure(&self, command: &impl Fn() -> Command, rpc: &Rpc, report: &Path) -> f64 {
        let mut counts = [0.0; 2];
        for (count, rpcs) in counts.iter_mut().zip(RUNS) {
            let mut service = Child::spawn(&mut self.tool.watching(&command(), report));
            service.wait_for("Running");
            call(&service.address(), rpc, self.in_flight, rpcs).await;
            service.signal("INT");
            service.wait();
            *count = self.tool.read(report);
        }
        let [few, many] = RUNS;
        (counts[1] - counts[0]) / f64::from(many - few)
    }
}

impl Tool {
    /// The command of a service in whose life this counts.
    fn watching(self, service: &Command, report: &Path) -> Command {
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
                command.arg(report);
                command
            }
        };
        command.arg(service.get_program()).args(service.get_args());
        let variables = service.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        command
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

/// Makes so many RPCs on one connection, `in_flight` at once.
async fn call(address: &str, rpc: &Rpc, in_flight: u32, rpcs: u32) {
    let (block, message) = (request(&rpc.path), prefixed(&rpc.message));
    let mut client = Raw::greet(address).await;
    let window = (1_u32 << 30).to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    for first in (0..rpcs).step_by(in_flight as usize) {
        let mut requests = Vec::new();
        for stream in (first..first + in_flight).map(|n| 1 + 2 * n) {
            requests.extend(headers(stream, &block));
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
