//! A unary RPC: what it takes, and what its server takes.

use std::{error::Error, fs, thread, time::Duration};

use super::{Part, counts::Tool, idle::Idle, megabytes};
use crate::{
    built::{BARE, Built, GO, OFF, SERVICE},
    load::{ONE_CONNECTION, SEQUENTIAL, TEN_CONNECTIONS},
    server::Target,
    settings::Settings,
    table::{
        Bound::{AtLeast, AtMost},
        Results, Table, absolute, figure, to,
    },
};

const TABLE: Table = Table {
    title: "per RPC",
    subject: SERVICE,
    others: &[BARE, GO, OFF],
    figures: &[
        figure("time, 1 × 1", "µs", &[]),
        figure("time, 1 × 100", "µs", &[]),
        figure("time, 10 × 10", "µs", &[]),
        figure("RPC/s, 1 × 1", "k/s", &[]),
        figure("RPC/s, 1 × 100", "k/s", &[]),
        figure(
            "RPC/s, 10 × 10",
            "k/s",
            &[to(BARE, AtLeast(2.3)), to(GO, AtLeast(2.5))],
        ),
        figure(
            "server CPU, 1 × 1",
            "µs",
            &[to(BARE, AtMost(0.9)), to(GO, AtMost(0.55))],
        ),
        figure("server CPU, 1 × 100", "µs", &[]),
        figure(
            "server CPU, 10 × 10",
            "µs",
            &[to(BARE, AtMost(0.42)), to(GO, AtMost(0.35))],
        ),
        figure(
            "p50, 1 × 1",
            "µs",
            &[to(BARE, AtMost(1.0)), to(GO, AtMost(0.75))],
        ),
        figure(
            "p99, 1 × 1",
            "µs",
            &[to(BARE, AtMost(1.0)), to(GO, AtMost(0.75))],
        ),
        figure("p50, 1 × 100", "µs", &[]),
        figure("p99, 1 × 100", "µs", &[]),
        figure("p50, 10 × 10", "µs", &[]),
        figure("p99, 10 × 10", "µs", &[]),
        figure("instructions, 1 × 1", "k", &[]),
        figure("instructions, 1 × 50", "k", &[to(OFF, AtMost(1.15))]),
        figure("writes, 1 × 1", "", &[absolute(AtMost(1.05))]),
        figure("writes, 1 × 50", "", &[absolute(AtMost(0.4))]),
        figure(
            "memory idle",
            "MB",
            &[to(BARE, AtMost(2.0)), to(GO, AtMost(0.8))],
        ),
        figure(
            "memory after load",
            "MB",
            &[to(BARE, AtMost(1.5)), to(GO, AtMost(1.0))],
        ),
        figure(
            "memory, idle connection",
            "KB",
            &[
                absolute(AtMost(24.0)),
                to(BARE, AtMost(1.0)),
                to(GO, AtMost(1.0)),
            ],
        ),
        figure("memory after 1000 of them", "MB", &[to(BARE, AtMost(2.0))]),
        figure(
            "start to first answer",
            "ms",
            &[to(BARE, AtMost(2.0)), to(GO, AtMost(1.0))],
        ),
        figure(
            "binary",
            "MB",
            &[absolute(AtMost(8.0)), to(GO, AtMost(0.8))],
        ),
    ],
};

/// Starts to be timed in each round.
const STARTS: usize = 5;

/// After which a server has settled, and its memory is read.
const SETTLED: Duration = Duration::from_millis(100);

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let mut targets = vec![built.service(), built.bare(), built.off()];
    targets.extend(built.peers().into_iter().filter(|peer| peer.name == GO));
    for round in 1..=settings.rounds {
        for target in &targets {
            Part::Rpc.tell(round, settings, target.name);
            measure(target, settings.duration, &mut results).await?;
        }
    }
    for target in &targets {
        eprintln!("Counting: {}", target.name);
        count(target, &mut results).await;
        let idle = Idle::measure(target).await?;
        results.add(target.name, "memory, idle connection", idle.each / 1e3);
        results.add(
            target.name,
            "memory after 1000 of them",
            megabytes(idle.afterwards),
        );
    }
    Ok(results)
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
    for load in [SEQUENTIAL, ONE_CONNECTION, TEN_CONNECTIONS] {
        let outcome = load.run(target, &server, duration).await?;
        let figures = ["time", "RPC/s", "server CPU", "p50", "p99"];
        outcome.add_to(results, target.name, load, &figures);
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
async fn count(target: &Target, results: &mut Results) {
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
