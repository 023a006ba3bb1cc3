//! Drives servers in turn, A B A B …, and prints how they compare.

mod counts;
mod http2;
mod idle;
mod load;
mod server;
mod table;

use std::{env, error::Error, fs, path::PathBuf, process::ExitCode, thread, time::Duration};

use counts::Tool;
use idle::Idle;
use load::LOADS;
use server::Target;
use table::{BARE, CLEAN_BUILD, CRATES, EDIT_BUILD, GO, OFF, Results, SERVICE};

/// Where the echo of the servers in this package is, and that of the generated service.
const ECHO: &str = "/bench.v1.EchoService/Hello";
const HELLO: &str = "/order_book.v1.OrderBookService/Hello";

/// Starts to be timed in each round.
const STARTS: usize = 5;

/// After which a server has settled, and its memory is read.
const SETTLED: Duration = Duration::from_millis(100);

const USAGE: &str = "usage: bench SERVICE BARE OFF [GO], the binaries

ROUNDS (5), MILLISECONDS of each load in each round (1000) and COUNTS (1) are read from the
environment, and so is BUILDS, a file with lines of \"SERVER CRATES CLEAN-SECONDS EDIT-SECONDS\".";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let targets = targets()?;
    let rounds = setting("ROUNDS", 5)?;
    let duration = Duration::from_millis(setting("MILLISECONDS", 1000)?);
    let mut results = Results::default();
    for round in 1..=rounds {
        for target in &targets {
            eprintln!("Round {round} of {rounds}: {}", target.name);
            measure(target, duration, &mut results).await?;
        }
    }
    if setting("COUNTS", 1)? == 1 {
        for target in &targets {
            eprintln!("Counting: {}", target.name);
            measure_counts(target, &mut results).await;
            let idle = Idle::measure(target).await?;
            results.add(target.name, "memory, idle connection", idle.each / 1e3);
            results.add(
                target.name,
                "memory after 1000 of them",
                megabytes(idle.afterwards),
            );
        }
    }
    if let Some(builds) = env::var_os("BUILDS") {
        add_builds(&fs::read_to_string(builds)?, &mut results);
    }
    results.print();
    Ok(())
}

fn targets() -> Result<Vec<Target>, Box<dyn Error>> {
    let binaries: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    if !(3..=4).contains(&binaries.len()) {
        return Err(USAGE.into());
    }
    let kinds: [(_, &[_], _); 4] = [
        (SERVICE, &["--port"], HELLO),
        (BARE, &[], ECHO),
        (OFF, &[], ECHO),
        (GO, &[], ECHO),
    ];
    let targets = kinds.into_iter().zip(binaries);
    Ok(targets
        .map(|((name, flags, path), binary)| Target {
            name,
            binary,
            flags,
            path: path.into(),
        })
        .collect())
}

fn setting(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match env::var(name) {
        Ok(value) => value
            .parse()
            .map_err(|_| format!("{name}={value} is no number").into()),
        Err(_) => Ok(default),
    }
}

async fn measure(
    target: &Target,
    duration: Duration,
    results: &mut Results,
) -> Result<(), Box<dyn Error>> {
    for _ in 0..STARTS {
        let server = target.start(&[]).await?;
        results.add(
            target.name,
            "start to first answer",
            server.startup.as_secs_f64() * 1e3,
        );
    }
    let server = target.start(&[]).await?;
    thread::sleep(SETTLED);
    results.add(target.name, "memory idle", megabytes(server.memory()?));
    for load in LOADS {
        let outcome = load.run(target, &server, duration).await?;
        for (figure, value) in [
            ("time", 1e6 / outcome.rpcs_per_second),
            ("RPC/s", outcome.rpcs_per_second / 1e3),
            ("server CPU", outcome.server_cpu),
            ("p50", outcome.p50),
            ("p99", outcome.p99),
        ] {
            results.add(target.name, &format!("{figure}, {}", load.name), value);
        }
    }
    thread::sleep(SETTLED);
    results.add(
        target.name,
        "memory after load",
        megabytes(server.memory()?),
    );
    let size = fs::metadata(&target.binary)?.len();
    results.add(target.name, "binary", megabytes(size));
    Ok(())
}

/// Counts that fail leave a gap in the table, which is worth more than none.
async fn measure_counts(target: &Target, results: &mut Results) {
    for in_flight in [1, 50] {
        for (tool, figure, unit) in [
            (Tool::Strace, "writes", 1.0),
            (Tool::Callgrind, "instructions", 1e3),
        ] {
            // Go's runtime does not survive valgrind.
            if target.name == GO && matches!(tool, Tool::Callgrind) {
                continue;
            }
            match tool.per_rpc(target, in_flight).await {
                Ok(n) => results.add(target.name, &format!("{figure}, 1 × {in_flight}"), n / unit),
                Err(error) => eprintln!("No {figure} of {}: {error}", target.name),
            }
        }
    }
}

fn add_builds(builds: &str, results: &mut Results) {
    for line in builds.lines() {
        let mut words = line.split(' ');
        let server = match words.next() {
            Some("service") => SERVICE,
            _ => BARE,
        };
        for figure in [CRATES, CLEAN_BUILD, EDIT_BUILD] {
            if let Some(Ok(value)) = words.next().map(str::parse) {
                results.add(server, figure, value);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
